//! Watches of members that hang, die, or fall behind.

use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::keys::{Change, Get, Wait};
use etcd_v2_client::{GapReason, members};
use xtask::server::Cluster;

use super::patience::until;
use super::servers::{self, ETCD, watchers};
use super::space::{Space, Watch};

both! {
    three:
    a_member_that_hangs_is_left_within_the_bound,
    a_member_that_is_killed_is_left_and_nothing_is_lost,
}

both! {
    crowded:
    a_copy_of_the_store_is_looked_behind,
    a_copy_of_the_store_is_looked_through_by_the_next_wait,
}

const IDLE: Duration = Duration::from_secs(1);
const HEAD: Duration = Duration::from_millis(500);

/// The endpoints, beginning with this one.
fn from(endpoints: &[String], first: usize) -> Vec<String> {
    let mut endpoints = endpoints.to_vec();
    endpoints.rotate_left(first);
    endpoints
}

/// The next change; errors that pass are none.
fn change(watch: &mut Watch) -> Change {
    loop {
        match watch.next().unwrap() {
            Ok(change) => return change,
            Err(error) => assert!(error.gap().is_none() && !error.is_stopped(), "{error}"),
        }
    }
}

/// Waits for the end of an election, in which the outcome of writes may be unknown.
fn until_led(space: &Space) {
    let read = || Get::new(space.at("file")).quorum();
    until("there is a leader", || space.send(read()).is_ok());
}

fn a_member_that_hangs_is_left_within_the_bound(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    for (victim, writer) in [(0, 1), (1, 2), (2, 0)] {
        let writing = space.asking(from(&endpoints, writer));
        let start = writing.set("file", &victim.to_string()).unwrap();
        let watching = space.asking(from(&endpoints, victim)).with(|policy| {
            policy.watch_idle = Some(IDLE);
            policy.wait_head = Some(HEAD);
        });
        let mut watch = watching.keys.watch(Wait::new(space.at("file")).since(&start));
        let first = writing.set("file", "first").unwrap();
        assert_eq!(change(&mut watch).index(), first.index());
        let at_victim = space.asking([&endpoints[victim]]);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| (change(&mut watch), Instant::now()));
            until("it waits at that member", || watchers(&at_victim) == 1);
            cluster.members()[victim].stop().unwrap();
            let stopped = Instant::now();
            until_led(&writing);
            let second = writing.set("file", "second").unwrap();
            let written = stopped.elapsed();
            let (changed, told) = waiting.join().unwrap();
            assert_eq!(changed.index(), second.index());
            // Where the leader hangs, the write takes an election, and the watch may have to wait for it.
            let bound = (IDLE + HEAD).max(written) + Duration::from_secs(2);
            assert!(told - stopped <= bound, "{:?}, not {bound:?}", told - stopped);
        });
        cluster.members()[victim].cont().unwrap();
    }
}

fn a_member_that_is_killed_is_left_and_nothing_is_lost(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    for victim in 0..3 {
        let writing = space.asking(from(&endpoints, victim + 1));
        let start = writing.set("file", "start").unwrap();
        let watching = space.asking(from(&endpoints, victim));
        let mut watch = watching.keys.watch(Wait::new(space.at("file")).since(&start));
        let told = thread::scope(|scope| {
            let waiting = scope.spawn(|| -> Vec<_> {
                (0..60).map(|_| change(&mut watch).into_value().unwrap()).collect()
            });
            for number in 0..60 {
                if number == 30 {
                    cluster.members()[victim].kill9().unwrap();
                    until_led(&writing);
                }
                writing.set("file", &number.to_string()).unwrap();
            }
            waiting.join().unwrap()
        });
        assert_eq!(told, (0..60).map(|number| number.to_string()).collect::<Vec<_>>());
        cluster.members()[victim].restart().unwrap();
        cluster.members()[victim].wait_until_ready().unwrap();
    }
}

/// A cluster of which one member can be made to fall so far behind that it is sent a copy of the store.
struct Lagging {
    cluster: Cluster,
    victim: usize,
    /// The directory, as the leader has it, and as the member has it.
    leader: Space,
    follower: Space,
}

impl Lagging {
    fn new(space: &Space) -> Self {
        let cluster = Cluster::start_with(&ETCD, 3, &["--snapshot-count=100"]).unwrap();
        let endpoints = cluster.endpoints();
        let leads =
            space.asking(&endpoints).client.send(members::Leader::default()).unwrap().client_urls;
        let victim = endpoints.iter().position(|endpoint| !leads.contains(endpoint)).unwrap();
        let (leader, follower) = (space.asking(leads), space.asking([&endpoints[victim]]));
        Self { cluster, victim, leader, follower }
    }

    /// Writes to the file while the member hangs. Before it comes more of the log than is on its way to
    /// the member, and after it more than the leader keeps.
    fn miss(&mut self, value: &str) -> Change {
        let victim = self.victim;
        self.cluster.members()[victim].stop().unwrap();
        self.fill_log(4, 1000);
        let missed = self.leader.set("file", value).unwrap();
        self.fill_log(16, 350);
        self.cluster.members()[victim].cont().unwrap();
        until("the member has caught up", || {
            self.follower.get("file").is_ok_and(|read| read.index() == missed.index())
        });
        missed
    }

    /// Puts into the log what is no change: reads through consensus.
    fn fill_log(&self, readers: usize, each: usize) {
        thread::scope(|scope| {
            for _ in 0..readers {
                scope.spawn(|| {
                    for _ in 0..each {
                        // On a busy machine there may be elections, which lose reads.
                        until_led(&self.leader);
                    }
                });
            }
        });
    }
}

fn a_copy_of_the_store_is_looked_behind(space: &Space) {
    let mut lagging = Lagging::new(space);
    let start = lagging.leader.set("file", "1").unwrap();
    let watching = lagging.follower.with(|policy| policy.watch_idle = None);
    let mut watch = watching.keys.watch(Wait::new(space.at("file")).since(&start));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let change = watch.change();
            (change, watch)
        });
        until("it waits", || watchers(&lagging.follower) == 1);
        let missed = lagging.miss("2");
        // No watch that was open is told of that one, but of the next.
        let told = lagging.leader.set("file", "3").unwrap();
        let (change, mut watch) = waiting.join().unwrap();
        assert_eq!(change.index(), told.index(), "the member was not sent a copy");
        let error = watch.next().unwrap().unwrap_err();
        let gap = error.gap().unwrap();
        assert_eq!(gap.reason, GapReason::CaughtUp);
        assert_eq!((Some(gap.from), Some(gap.to)), (missed.index(), told.index()));
        lagging.leader.set("file", "4").unwrap();
        assert_eq!(watch.change().value(), Some("4"));
    });
}

fn a_copy_of_the_store_is_looked_through_by_the_next_wait(space: &Space) {
    let mut lagging = Lagging::new(space);
    let start = lagging.leader.set("file", "1").unwrap();
    let watching = lagging.follower.with(|policy| policy.watch_idle = Some(IDLE));
    let mut watch = watching.keys.watch(Wait::new(space.at("file")).since(&start));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let first = change(&mut watch);
            (first, watch)
        });
        until("it waits", || watchers(&lagging.follower) == 1);
        let missed = lagging.miss("2");
        // Without another wait there would only be silence.
        let (first, mut watch) = waiting.join().unwrap();
        assert_eq!(first.index(), missed.index(), "nothing is missing");
        lagging.leader.set("file", "3").unwrap();
        assert_eq!(change(&mut watch).value(), Some("3"));
    });
}
