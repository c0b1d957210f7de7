//! Keeping up with the members of a real cluster.

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_v2_client::{Error, MapUrl, Order, Outcome};
use xtask::server::Cluster;

use super::patience::until;
use super::servers::{self, ETCD};
use super::space::Space;
use super::views::Members;

both! {
    three:
    the_seed_carries_on_when_all_learned_members_are_dead,
    the_leader_is_followed,
}

both! {
    quiet:
    members_that_join_later_are_found,
}

const OFTEN: Duration = Duration::from_millis(200);

fn set(endpoints: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    endpoints.into_iter().map(|endpoint| endpoint.to_string()).collect()
}

fn the_seed_carries_on_when_all_learned_members_are_dead(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let (seed, others) = (endpoints[0].clone(), endpoints[1..].to_vec());
    // Only the seed knows itself by this name: the other two are all that is learned.
    let left_out = seed.clone();
    let space = space.asking([&seed]).with(move |policy| {
        policy.map_url = Some(MapUrl::new(move |url| (url != left_out).then(|| url.to_owned())));
    });
    space.set("file", "1").unwrap();
    let syncing = space.client.auto_sync(OFTEN);
    assert_eq!(set(syncing.found()), set(&others));
    assert_eq!(set(space.client.endpoints()), set(&others));

    for member in &mut cluster.members()[1..] {
        member.kill9().unwrap();
    }
    // A member that is alone still knows its files, and who the others are.
    assert_eq!(space.get("file").unwrap().value(), Some("1"), "the seed is asked");
    let found = syncing.later().unwrap().endpoints;
    assert_eq!(set(found), set(&others), "by the syncs as well");
    assert_eq!(set(space.client.endpoints()), set(&others), "it is a fallback and not learned");

    for member in &mut cluster.members()[1..] {
        member.restart().unwrap();
    }
    for member in cluster.members() {
        member.wait_until_ready().unwrap();
    }
    until("a learned member is asked first again", || {
        syncing.next().is_ok() && others.contains(&space.client.pinned())
    });
    space.set("file", "2").unwrap();
    assert!(syncing.end().iter().all(Result::is_ok));
}

fn the_leader_is_followed(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let client = space.client.ordered(&endpoints, Order::LeaderFirst);
    let leader = || {
        let leader = Members(&space.client).leader().ok()?;
        endpoints.iter().position(|endpoint| *endpoint == leader.client_urls[0])
    };
    let syncing = client.auto_sync(OFTEN);
    let first = leader().unwrap();
    until("the leader is asked first", || {
        syncing.next().is_ok() && client.pinned() == endpoints[first]
    });
    cluster.members()[first].kill9().unwrap();
    until("another one leads", || leader().is_some_and(|leader| leader != first));
    until("it is asked first", || {
        // Meanwhile there may be nobody who leads, or who answers.
        drop(syncing.next());
        leader().is_some_and(|leader| client.pinned() == endpoints[leader])
    });
    cluster.members()[first].restart().unwrap();
    cluster.members()[first].wait_until_ready().unwrap();
}

/// Changes who is in the cluster, which servers refuse for some seconds after the last time.
fn settled<T>(mut change: impl FnMut() -> Result<T, Error>) -> T {
    let mut result = None;
    until("the cluster may be changed", || {
        let now = change();
        let refused = now.as_ref().is_err_and(|error| error.outcome() == Outcome::Unknown);
        result = Some(now);
        !refused
    });
    result.unwrap().unwrap()
}

fn members_that_join_later_are_found(space: &Space) {
    let mut cluster = Cluster::start(&ETCD, 1).unwrap();
    let space = space.asking(cluster.endpoints());
    let syncing = space.client.auto_sync(OFTEN);
    assert_eq!(syncing.found(), cluster.endpoints());

    for size in [2, 3] {
        let members = Members(&space.client);
        cluster
            .join(|peer| {
                settled(|| members.add([peer]));
                Ok(())
            })
            .unwrap();
        assert_eq!(cluster.endpoints().len(), size);
        until("it is found", || {
            drop(syncing.next());
            set(space.client.endpoints()) == set(cluster.endpoints())
        });
    }
    space.set("file", "1").unwrap();
    // The only endpoint that the client was made with.
    cluster.members()[0].kill9().unwrap();
    until("the others carry on", || space.set("file", "2").is_ok());
    assert_ne!(space.client.pinned(), cluster.endpoints()[0]);
}
