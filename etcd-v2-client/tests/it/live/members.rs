//! A cluster of three, of which one may be missing.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::keys::Get;
use xtask::server::Cluster;

use super::patience::until;
use super::servers;
use super::space::Space;

both! {
    three:
    what_one_member_wrote_the_others_read_by_quorum,
    a_killed_member_stops_nothing,
    a_stopped_member_costs_little_time,
    a_watch_goes_on_at_another_member,
    all_members_are_the_same_cluster,
}

/// Waits until the two that are left have a leader.
fn wait_for_the_others(cluster: &mut Cluster) {
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
}

/// Whether no thread of a process runs any more, which is a little later than the signal.
fn is_stopped(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut states = threads.map(|thread| {
        let status = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
        status.rsplit(") ").next().unwrap().starts_with('T')
    });
    states.all(|stopped| stopped)
}

fn what_one_member_wrote_the_others_read_by_quorum(space: &Space) {
    let cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    for (number, writer) in endpoints.iter().enumerate() {
        let value = number.to_string();
        let written = space.asking([writer]).set("file", &value).unwrap();
        for reader in &endpoints {
            let read = space.asking([reader]).send(Get::new(space.at("file")).quorum()).unwrap();
            assert_eq!(read.node(), written.node(), "{writer} to {reader}");
        }
    }
}

fn a_killed_member_stops_nothing(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    space.set("file", "1").unwrap();
    assert_eq!(space.client.pinned(), endpoints[0]);
    wait_for_the_others(&mut cluster);

    cluster.members()[0].kill9().unwrap();
    let began = Instant::now();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_ne!(space.client.pinned(), endpoints[0]);

    wait_for_the_others(&mut cluster);
    space.set("file", "2").unwrap();
    let read = space.send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.value(), Some("2"));
    // Also by a client that does not know yet: the request certainly did not leave.
    space.on_a_fresh_connection().set("file", "3").unwrap();

    cluster.members()[0].restart().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
    let read = space.asking([&endpoints[0]]).send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.value(), Some("3"));
}

fn a_stopped_member_costs_little_time(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    space.set("file", "1").unwrap();
    // Reads of the next members are local, and what they have not heard yet they cannot tell.
    for reader in &endpoints {
        space.asking([reader]).send(Get::new(space.at("file")).quorum()).unwrap();
    }
    assert_eq!(space.client.pinned(), endpoints[0]);

    cluster.members()[0].stop().unwrap();
    let pid = cluster.members()[0].pid().unwrap();
    until("the last of its threads has stopped", || is_stopped(pid));
    let began = Instant::now();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    let first = began.elapsed();
    assert!(first < Duration::from_secs(1), "{first:?}");
    assert_ne!(space.client.pinned(), endpoints[0], "and the next one costs nothing");

    wait_for_the_others(&mut cluster);
    space.set("file", "2").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("2"));
    cluster.members()[0].cont().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
}

fn a_watch_goes_on_at_another_member(space: &Space) {
    let mut cluster = servers::lock_three();
    let start = space.set("file", "0").unwrap();
    let mut watch = space.watch_after(&start);
    space.set("file", "1").unwrap();
    assert_eq!(watch.change().value(), Some("1"));
    assert_eq!(space.client.pinned(), cluster.endpoints()[0]);

    let changes = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let all = std::iter::from_fn(|| watch.next());
            all.flatten().take(3).map(|change| change.into_value().unwrap()).collect::<Vec<_>>()
        });
        cluster.members()[0].kill9().unwrap();
        wait_for_the_others(&mut cluster);
        for value in ["2", "3", "4"] {
            space.set("file", value).unwrap();
        }
        watching.join().unwrap()
    });
    assert_eq!(changes, ["2", "3", "4"]);
}

fn all_members_are_the_same_cluster(space: &Space) {
    let cluster = servers::lock_three();
    let ids = cluster.endpoints().into_iter().map(|endpoint| {
        let root = space.asking([endpoint]).send(Get::new("/")).unwrap();
        root.cluster_id().unwrap()
    });
    let ids: BTreeSet<_> = ids.collect();
    assert_eq!(ids.len(), 1);
}
