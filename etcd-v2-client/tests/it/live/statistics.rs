//! What servers say of themselves: versions, health and statistics.

use std::collections::BTreeSet;

use etcd_v2_client::{ErrorKind, Outcome};

use super::patience::until;
use super::servers;
use super::space::{Client, Space};
use super::views::{Members, Server, Stats};

both! {
    three:
    servers_tell_their_versions,
    healthy_members_say_so,
    a_member_without_the_others_is_unwell,
    members_tell_what_they_are,
    stores_count_what_they_did,
    the_leader_is_found_for_its_statistics,
    followers_are_not_the_leader,
}

fn servers_tell_their_versions(space: &Space) {
    let _cluster = servers::lock_three();
    let version = Server(&space.client).version().unwrap();
    let is_one =
        |text: &str| text.split('.').filter_map(|part| part.parse::<u16>().ok()).count() == 3;
    assert!(is_one(&version.server), "{version:?}");
    until("the members have settled their version", || {
        let version = Server(&space.client).version().unwrap();
        version.cluster.is_some_and(|cluster| is_one(&cluster))
    });
}

fn healthy_members_say_so(space: &Space) {
    let cluster = servers::lock_three();
    for endpoint in cluster.endpoints() {
        let health = Server(&space.client.at([endpoint])).health().unwrap();
        assert!(health.healthy);
        assert_eq!(health.reason, None);
    }
}

fn a_member_without_the_others_is_unwell(space: &Space) {
    let mut cluster = servers::lock_three();
    let alone = space.client.at([&cluster.endpoints()[0]]);
    for member in &mut cluster.members()[1..] {
        member.kill9().unwrap();
    }
    // That is an answer, and no failure.
    until("it notices", || !Server(&alone).health().unwrap().healthy);
    let reason = Server(&alone).health().unwrap().reason;
    assert_eq!(reason.is_some(), Server(&alone).is_from((3, 5)), "{reason:?}");
    for member in &mut cluster.members()[1..] {
        member.restart().unwrap();
    }
    until("it is well again", || Server(&alone).health().unwrap().healthy);
}

fn members_tell_what_they_are(space: &Space) {
    let cluster = servers::lock_three();
    let leader = Members(&space.client).leader().unwrap();
    for (number, endpoint) in cluster.endpoints().into_iter().enumerate() {
        let stats = Stats(&space.client.at([endpoint])).member().unwrap();
        assert_eq!(stats.name, format!("member{number}"));
        let state = if stats.id == leader.id { "StateLeader" } else { "StateFollower" };
        assert_eq!(stats.state, state, "{stats:?}");
        assert_eq!(stats.leader_info.leader, leader.id);
        assert!(!stats.start_time.is_empty() && !stats.leader_info.uptime.is_empty());
    }
}

fn stores_count_what_they_did(space: &Space) {
    let _cluster = servers::lock_three();
    let stats = Stats(&space.client);
    let before = stats.store().unwrap();
    space.set("file", "1").unwrap();
    space.get("file").unwrap();
    space.get("none").unwrap_err();
    space.create("file", "2").unwrap_err();
    space.delete("file").unwrap();
    let after = stats.store().unwrap();
    // The server writes something for itself now and then.
    for (what, before, after) in [
        ("set", before.sets_success, after.sets_success),
        ("got", before.gets_success, after.gets_success),
        ("missing", before.gets_fail, after.gets_fail),
        ("not created", before.create_fail, after.create_fail),
        ("deleted", before.delete_success, after.delete_success),
    ] {
        assert!(before < after, "{what}: {before} and {after}");
    }
}

/// The followers first, the leader last.
fn leader_last(client: &Client) -> Vec<String> {
    let members = Members(client);
    let leader = members.leader().unwrap();
    let mut list = members.list().unwrap();
    list.sort_by_key(|member| member.id == leader.id);
    list.into_iter().map(|member| member.client_urls[0].clone()).collect()
}

fn the_leader_is_found_for_its_statistics(space: &Space) {
    let _cluster = servers::lock_three();
    let leader = Members(&space.client).leader().unwrap();
    let stats = Stats(&space.client.at(leader_last(&space.client))).leader().unwrap();
    assert_eq!(stats.leader, leader.id);
    let list = Members(&space.client).list().unwrap();
    let others: BTreeSet<_> =
        list.into_iter().map(|it| it.id).filter(|id| *id != leader.id).collect();
    assert_eq!(stats.followers.into_keys().collect::<BTreeSet<_>>(), others);
}

fn followers_are_not_the_leader(space: &Space) {
    let _cluster = servers::lock_three();
    let endpoints = leader_last(&space.client);

    let error = Stats(&space.client.at([&endpoints[0]])).leader().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotLeader), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert_eq!(error.endpoint().unwrap().as_str(), endpoints[0]);

    let error = Stats(&space.client.at(&endpoints[..2])).leader().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotLeader), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    let asked = error.attempts().iter().map(|attempt| &attempt.endpoint).chain(error.endpoint());
    assert_eq!(asked.map(|endpoint| endpoint.as_str()).collect::<Vec<_>>(), endpoints[..2]);
}
