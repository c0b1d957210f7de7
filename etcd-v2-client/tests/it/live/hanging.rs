//! Members that hang while somebody waits for them, with the limits that are the default.

use std::sync::MutexGuard;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::keys::{Get, Wait};
use etcd_v2_client::{Outcome, members};
use xtask::server::Cluster;

use super::patience::until;
use super::servers::{self, watchers};
use super::space::Space;

both! {
    three:
    a_write_to_a_member_that_hangs_is_unknown_in_time,
    a_swap_goes_on_at_another_member,
    a_quorum_read_goes_on_at_another_member,
    a_watch_at_a_member_that_hangs_goes_on_at_another,
}

/// What a busy machine keeps, but none of the time limits does: those of writes and watches begin at 7
/// seconds.
const SOON: Duration = Duration::from_secs(4);

/// A follower that hangs until this is dropped, and a client that has asked it before.
struct Hanging {
    cluster: MutexGuard<'static, Cluster>,
    victim: usize,
    client: Space,
    others: Vec<String>,
}

impl Hanging {
    fn new(space: &Space) -> Self {
        let cluster = servers::lock_three();
        let endpoints = cluster.endpoints();
        let victim = follower(space, &cluster);
        let mut others = endpoints.clone();
        let mut order = vec![others.remove(victim)];
        order.extend(others.clone());
        let client = space.used_by(space.client.at(order).probing());
        client.set("file", "1").unwrap();
        Self { cluster, victim, client, others }
    }

    fn stop(&mut self) -> Instant {
        self.cluster.members()[self.victim].stop().unwrap();
        Instant::now()
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = self.cluster.members()[self.victim].cont();
    }
}

fn follower(space: &Space, cluster: &Cluster) -> usize {
    let endpoints = cluster.endpoints();
    let mut leads = Vec::new();
    until("there is a leader", || {
        let leader = space.asking(&endpoints).client.send(members::Leader::default());
        leads = leader.map(|leader| leader.client_urls).unwrap_or_default();
        !leads.is_empty()
    });
    endpoints.iter().position(|endpoint| !leads.contains(endpoint)).unwrap()
}

fn a_write_to_a_member_that_hangs_is_unknown_in_time(space: &Space) {
    let mut hanging = Hanging::new(space);
    let stopped = hanging.stop();
    let error = hanging.client.set("file", "2").unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
    assert!(hanging.others.contains(&hanging.client.client.pinned()));
    hanging.client.set("file", "3").unwrap();
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
}

fn a_swap_goes_on_at_another_member(space: &Space) {
    let mut hanging = Hanging::new(space);
    let index = hanging.client.get("file").unwrap().index().unwrap();
    let stopped = hanging.stop();
    let swapped = hanging.client.compare_and_swap("file", index, "2").unwrap();
    assert_eq!(swapped.value(), Some("2"));
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
}

fn a_quorum_read_goes_on_at_another_member(space: &Space) {
    let mut hanging = Hanging::new(space);
    let stopped = hanging.stop();
    let read = hanging.client.send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.value(), Some("1"));
    assert!(stopped.elapsed() < SOON, "{:?}", stopped.elapsed());
}

fn a_watch_at_a_member_that_hangs_goes_on_at_another(space: &Space) {
    let mut hanging = Hanging::new(space);
    let at_victim = space.asking([&hanging.cluster.endpoints()[hanging.victim]]);
    let writing = space.asking(&hanging.others);
    let start = writing.set("file", "2").unwrap();
    let mut watch = hanging.client.keys.watch(Wait::new(space.at("file")).since(&start));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let told = loop {
                match watch.next().unwrap() {
                    Ok(change) => break change,
                    Err(error) => assert!(error.gap().is_none(), "{error}"),
                }
            };
            (told, Instant::now())
        });
        until("it waits at that member", || watchers(&at_victim) > 0);
        let stopped = hanging.stop();
        let written = writing.set("file", "3").unwrap();
        let (told, when) = waiting.join().unwrap();
        assert_eq!(told.index(), written.index());
        assert!(when - stopped < SOON, "{:?}", when - stopped);
    });
}
