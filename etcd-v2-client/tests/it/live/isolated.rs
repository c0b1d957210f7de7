//! A member that is cut off from the others, and what reads and watches make of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use etcd_v2_client::keys::{Change, Get, Wait};
use etcd_v2_client::{Consistency, Error, Outcome};
use xtask::server::{Cluster, Links};

use super::patience::until;
use super::servers::ETCD;
use super::space::Space;
use super::views::Members;

both! {
    quiet:
    a_member_cut_from_its_peers_tells_old_news_to_local_reads_only,
    a_member_cut_from_its_peers_is_left_where_a_leader_is_required,
}

/// A cluster in which one follower is cut off from the others, which have moved on without it.
struct Cut {
    cluster: Cluster,
    _links: Links,
    /// The one that is cut off, the leader, and the third.
    victim: String,
    leader: String,
    third: String,
    /// The file as it was before, and as all but the victim have it.
    old: Change,
    new: Change,
}

impl Cut {
    fn new(space: &Space) -> Self {
        let mut links = Links::default();
        let peers = |url: &str| {
            // A new attempt to start is a new set of relays.
            if links.count() == 3 {
                links = Links::default();
            }
            links.add(url)
        };
        let cluster = Cluster::start_behind(&ETCD, 3, |url| Ok(url.to_owned()), peers).unwrap();
        let endpoints = cluster.endpoints();
        let all = space.asking(&endpoints);
        let list = Members(&all.client).list().unwrap();
        let number = |name: &str| name.strip_prefix("member").unwrap().parse::<usize>().unwrap();
        let ids = list.iter().map(|member| (member.id.clone(), number(&member.name)));
        links.introduce(ids.collect::<BTreeMap<_, _>>());

        let leads = number(&Members(&all.client).leader().unwrap().name);
        let [victim, third] = [(leads + 1) % 3, (leads + 2) % 3];
        let old = all.set("file", "old").unwrap();
        for endpoint in &endpoints {
            until("everybody has it", || space.asking([endpoint]).get("file").is_ok());
        }
        links.isolate(Some(victim));
        let [leader, third] = [leads, third].map(|member| endpoints[member].clone());
        let new = space.asking([&leader]).set("file", "new").unwrap();
        let has_new =
            |read: Result<Change, Error>| read.is_ok_and(|read| read.value() == Some("new"));
        until("the third has it", || has_new(space.asking([&third]).get("file")));
        let victim = endpoints[victim].clone();
        Self { cluster, _links: links, victim, leader, third, old, new }
    }

    /// Stops the leader, so that nobody is asked any more who has always been right.
    fn stop_the_leader(&mut self) {
        let leader = self.leader.clone();
        let mut members = self.cluster.members().iter_mut();
        members.find(|member| member.endpoint() == leader).unwrap().stop().unwrap();
    }
}

/// Does not wait for long for a member that hangs.
fn hasty(space: &Space) -> Space {
    space.with(|policy| {
        policy.read_head = Some(Duration::from_millis(300).into());
        policy.read_deadline = Some(Duration::from_secs(3));
    })
}

fn monotonic(space: &Space) -> Space {
    space.with(|policy| policy.consistency = Consistency::Monotonic)
}

fn a_member_cut_from_its_peers_tells_old_news_to_local_reads_only(space: &Space) {
    let mut cut = Cut::new(space);
    let began = Instant::now();
    let at_victim = space.asking([&cut.victim]);
    for _ in 0..20 {
        assert_eq!(at_victim.get("file").unwrap().node(), cut.old.node(), "it cannot know better");
    }
    let quorum = at_victim.with(|policy| {
        policy.consistency = Consistency::Quorum;
        policy.write_deadline = Some(Duration::from_secs(1));
    });
    assert!(quorum.get("file").is_err(), "it is cut off after {:?}", began.elapsed());

    // One that has seen better takes it from the third.
    let seen = hasty(&space.asking([&cut.leader, &cut.victim, &cut.third]));
    let nobody = hasty(&space.asking([&cut.leader, &cut.victim]));
    for space in [&seen, &nobody] {
        assert_eq!(space.get("file").unwrap().node(), cut.new.node());
    }
    cut.stop_the_leader();
    assert_eq!(monotonic(&seen).get("file").unwrap().node(), cut.new.node());
    assert_eq!(seen.client.pinned(), cut.third);
    // If there is nobody to take it from, there is nothing to be told.
    let error = monotonic(&nobody).get("file").unwrap_err();
    assert!(error.is_stale(), "{}", error.detail());
    assert_eq!(
        nobody.get("file").unwrap().node(),
        cut.old.node(),
        "a local read goes back in time"
    );
}

fn a_member_cut_from_its_peers_is_left_where_a_leader_is_required(space: &Space) {
    let cut = Cut::new(space);
    let led =
        |endpoints: &[&String]| space.asking(endpoints).with(|policy| policy.require_leader = true);
    let alone = led(&[&cut.victim]);
    let error = || alone.with(|policy| policy.read_deadline = Some(Duration::from_millis(500)));
    until("the member knows that it is cut off", || {
        error().get("file").is_err_and(|error| error.is_no_leader())
    });
    assert_eq!(space.asking([&cut.victim]).get("file").unwrap().node(), cut.old.node());

    let urls = [&cut.victim, &cut.third];
    let all = led(&urls);
    let mut watch = all.keys.watch(Wait::new(space.at("file")).since(&cut.old));
    assert_eq!(watch.change().value(), Some("new"), "the watch is somewhere else");
    assert_eq!(led(&urls).get("file").unwrap().node(), cut.new.node());
    let writing = led(&urls);
    assert_eq!(writing.set("file", "newer").unwrap().value(), Some("newer"));
    assert_eq!(watch.change().value(), Some("newer"));
    let error = alone.set("file", "lost").unwrap_err();
    assert!(error.is_no_leader(), "{error}");
    assert_eq!(error.outcome(), Outcome::NotSent, "nor will it be carried out later");
    let read = writing.send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.value(), Some("newer"));
}
