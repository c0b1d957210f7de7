//! Finding the members through some of them.

use std::collections::BTreeSet;

use etcd_v2_client::Order;

use super::patience::until;
use super::servers;
use super::space::Space;
use super::views::{Members, Server};

both! {
    three:
    one_seed_is_enough_to_find_all_members,
    members_replace_a_seed_by_another_name,
    members_that_die_after_a_sync_are_not_missed,
    the_leader_can_be_asked_first,
    a_sync_that_fails_changes_nothing,
}

fn set(endpoints: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    endpoints.into_iter().map(|endpoint| endpoint.to_string()).collect()
}

fn one_seed_is_enough_to_find_all_members(space: &Space) {
    let cluster = servers::lock_three();
    for seed in cluster.endpoints() {
        let client = space.client.at([&seed]);
        let membership = Server(&client).sync().unwrap();
        assert_eq!(set(&membership.endpoints), set(cluster.endpoints()));
        assert_eq!((membership.leader, membership.refused.len()), (None, 0));
        assert_eq!(set(client.endpoints()), set(cluster.endpoints()));
        assert_eq!(client.pinned(), seed, "what works stays");
        // All clones know.
        let clone = client.with(|policy| policy.passes = Some(1));
        assert_eq!(client.endpoints(), clone.endpoints());
    }
}

fn members_replace_a_seed_by_another_name(space: &Space) {
    let cluster = servers::lock_three();
    let seed = cluster.endpoints()[0].replace("127.0.0.1", "localhost");
    let space = space.asking([&seed]);
    Server(&space.client).sync().unwrap();
    assert_eq!(set(space.client.endpoints()), set(cluster.endpoints()));
    assert!(cluster.endpoints().contains(&space.client.pinned()));
    space.set("file", "1").unwrap();
}

fn members_that_die_after_a_sync_are_not_missed(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let space = space.asking([&endpoints[0]]);
    Server(&space.client).sync().unwrap();
    space.set("file", "1").unwrap();

    // The only endpoint that it was made with.
    cluster.members()[0].kill9().unwrap();
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    space.set("file", "2").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("2"));
    assert_ne!(space.client.pinned(), endpoints[0]);

    // Members list also those that are away.
    Server(&space.client).sync().unwrap();
    assert_eq!(set(space.client.endpoints()), set(&endpoints));
    assert_ne!(space.client.pinned(), endpoints[0], "what works stays");
    cluster.members()[0].restart().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
}

fn the_leader_can_be_asked_first(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let leader =
        || Members(&space.client).leader().ok().map(|leader| leader.client_urls[0].clone());
    let first = leader().unwrap();
    let seed = endpoints.iter().find(|endpoint| **endpoint != first).unwrap();
    let client = space.client.ordered([seed], Order::LeaderFirst);
    let membership = Server(&client).sync().unwrap();
    assert_eq!(membership.leader.map(|leader| leader.to_string()).as_ref(), Some(&first));
    assert_eq!(client.pinned(), first);

    let index = endpoints.iter().position(|endpoint| *endpoint == first).unwrap();
    cluster.members()[index].kill9().unwrap();
    until("another one leads", || leader().is_some_and(|leader| leader != first));
    until("it is asked first", || {
        Server(&client).sync().unwrap();
        leader().is_some_and(|leader| leader != first && client.pinned() == leader)
    });
    cluster.members()[index].restart().unwrap();
    cluster.members()[index].wait_until_ready().unwrap();
}

fn a_sync_that_fails_changes_nothing(space: &Space) {
    let _cluster = servers::lock_three();
    let nowhere = ["http://127.0.0.1:1", "http://127.0.0.1:2"];
    let client = space.client.at(nowhere).with(|policy| policy.passes = Some(1));
    let error = Server(&client).sync().unwrap_err();
    assert_eq!(error.attempts().len(), 2, "{error}");
    assert_eq!(client.endpoints(), nowhere);
}
