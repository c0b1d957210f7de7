//! Watches that lose nothing, while connections are cut and the store moves on.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use etcd_v2_client::Error;
use etcd_v2_client::keys::{Change, Wait};

use super::patience::{LONGEST, until};
use super::relay::Relay;
use super::servers::{self, watchers};
use super::space::{Space, Watch};

both! {
    alone:
    a_quiet_key_outlasts_any_number_of_other_changes,
    a_quiet_key_outlasts_connections_that_are_cut,
    changes_come_once_and_in_order_through_lines_that_break,
    changes_since_a_listing_are_all_there_is,
    hidden_keys_are_told_from_history_no_more_than_live,
}

/// How soon a watch looks anew in these tests.
const SOON: Duration = Duration::from_millis(100);

/// The same directory, watched through these endpoints by somebody who looks anew all the time, but
/// leaves nobody for being slow.
fn watched_through(space: &Space, endpoints: &[String]) -> Space {
    space.asking(endpoints).with(|policy| {
        policy.connect = Some(LONGEST);
        policy.wait_head = Some(LONGEST);
        policy.watch_idle = Some(SOON);
        policy.watch_pause = SOON;
    })
}

/// The next change, and how many errors came before; none of them may be a gap.
fn change(watch: &mut Watch) -> (Change, Vec<Error>) {
    let mut errors = Vec::new();
    loop {
        match watch.next().unwrap() {
            Ok(change) => return (change, errors),
            Err(error) => {
                assert!(error.gap().is_none() && !error.is_stopped(), "{error}");
                errors.push(error);
            }
        }
    }
}

/// 5000 changes elsewhere. After each 400 of them something is done, and nobody goes on until the watch
/// has asked again: a server that is fast enough would otherwise forget more than it can look back at
/// between two looks of any watch.
fn elsewhere(space: &Space, relay: &Relay, each_time: impl Fn() + Sync) {
    let (done, gate) = (AtomicUsize::new(0), RwLock::new(()));
    let set = |writer: i32| {
        let _passing = gate.read().unwrap();
        space.set(&format!("elsewhere/{writer}"), "1").unwrap();
        done.fetch_add(1, Ordering::Relaxed) + 1
    };
    thread::scope(|scope| {
        for writer in 0..8 {
            let (set, gate, each_time) = (&set, &gate, &each_time);
            scope.spawn(move || {
                loop {
                    let number = set(writer);
                    if number.is_multiple_of(400) {
                        let _closed = gate.write().unwrap();
                        let asked = relay.asked("wait=true");
                        each_time();
                        until("the watch asks again", || relay.asked("wait=true") > asked);
                    }
                    if number >= 5000 {
                        break;
                    }
                }
            });
        }
    });
}

fn a_quiet_key_outlasts_any_number_of_other_changes(space: &Space) {
    let server = servers::lock_alone();
    space.set("file", "1").unwrap();
    let relay = Relay::to(server.endpoint());
    let watching = watched_through(space, &[relay.url()]);
    let mut watch = watching.keys.watch(space.at("file"));
    let (changed, errors) = thread::scope(|scope| {
        let waiting = scope.spawn(|| change(&mut watch));
        until("the watch waits", || watchers(space) == 1);
        elsewhere(space, &relay, || ());
        space.set("file", "2").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(changed.value(), Some("2"));
    assert!(errors.is_empty(), "{errors:?}");
}

fn a_quiet_key_outlasts_connections_that_are_cut(space: &Space) {
    let server = servers::lock_alone();
    space.set("file", "1").unwrap();
    let relay = Relay::to(server.endpoint());
    let watching = watched_through(space, &[relay.url()]);
    let mut watch = watching.keys.watch(space.at("file"));
    let (changed, errors) = thread::scope(|scope| {
        let waiting = scope.spawn(|| change(&mut watch));
        until("the watch waits", || watchers(space) == 1);
        elsewhere(space, &relay, || relay.cut());
        space.set("file", "2").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(changed.value(), Some("2"));
    for error in errors {
        assert!(!error.may_have_applied(), "{error}");
    }
}

fn changes_come_once_and_in_order_through_lines_that_break(space: &Space) {
    const CHANGES: u32 = 600;
    let server = servers::lock_alone();
    let start = space.mkdir("dir").unwrap();
    for stream in [false, true] {
        let relays = [Relay::to(server.endpoint()), Relay::to(server.endpoint())];
        let urls = relays.each_ref().map(Relay::url);
        let watching = watched_through(space, &urls);
        let since = space.get("dir").unwrap();
        assert!(since.etcd_index() >= start.index());
        let wait = Wait::new(space.at("dir")).recursive().since(&since);
        let mut watch = watching.keys.watch(if stream { wait.stream() } else { wait });
        let has_told = AtomicUsize::new(0);
        let (told, written) = thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let mut random: u32 = 2463534242;
                let mut written = Vec::new();
                for number in 0..CHANGES {
                    // Only a watch that is up to date asks for a stream.
                    if number.is_multiple_of(20) {
                        let is_up_to_date = || has_told.load(Ordering::Relaxed) == written.len();
                        until("the watch has told everything", is_up_to_date);
                    }
                    let change = space.set("dir/file", &number.to_string()).unwrap();
                    written.push((change.index().unwrap(), number.to_string()));
                    random ^= random << 13;
                    random ^= random >> 17;
                    random ^= random << 5;
                    if random.is_multiple_of(16) {
                        relays[(random >> 8) as usize % 2].cut();
                    }
                }
                written
            });
            let told: Vec<_> = (0..CHANGES)
                .map(|_| {
                    let (change, _) = change(&mut watch);
                    has_told.fetch_add(1, Ordering::Relaxed);
                    (change.index().unwrap(), change.into_value().unwrap())
                })
                .collect();
            (told, writing.join().unwrap())
        });
        assert_eq!(told, written, "stream: {stream}");
        let streams: usize = relays.iter().map(|relay| relay.asked("stream=true")).sum();
        assert_eq!(streams > 0, stream);
    }
}

fn changes_since_a_listing_are_all_there_is(space: &Space) {
    let _alone = servers::lock_alone();
    space.set("a", "1").unwrap();
    let listing = space.list("").unwrap();
    space.set("a", "2").unwrap();
    let removed = space.delete("a").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("")).recursive().since(&listing));
    assert_eq!(watch.change().value(), Some("2"));
    let change = watch.change();
    assert_eq!(change.index(), removed.index());
    assert!(change.removes(&space.at("a")) && !change.removes(&space.at("")));

    let written = space.set("a/b/c", "3").unwrap();
    space.delete_all("a").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("a/b/c")).since(&written));
    let change = watch.change();
    assert_eq!(change.key(), Some(space.at("a").as_str()), "one change for all of it");
    assert!(change.removes(&space.at("a/b/c")) && !change.removes(&space.at("ab")));
}

/// From their history, servers tell them to recursive watches.
fn hidden_keys_are_told_from_history_no_more_than_live(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("a", "1").unwrap();
    space.set("_hidden", "2").unwrap();
    space.set("b/_hidden/c", "3").unwrap();
    let last = space.set("b/c", "4").unwrap();
    assert_eq!(space.watch_after(&start).change().node(), last.node());
    let inside = Wait::new(space.at("b/_hidden")).recursive().since(&start);
    assert_eq!(space.keys.watch(inside).change().value(), Some("3"));
}
