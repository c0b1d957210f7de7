//! Watches that lose nothing, while connections are cut and the store moves on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use etcd_v2_client::Error;
use etcd_v2_client::keys::{Change, Wait};

use super::patience::until;
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

/// The same directory, watched through these endpoints by somebody with little patience.
fn watched_through(space: &Space, endpoints: &[String]) -> Space {
    space.asking(endpoints).with(|policy| {
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

/// So many changes elsewhere, with something to do after each of these many.
fn elsewhere(space: &Space, changes: usize, every: usize, then: impl Fn() + Sync) {
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in 0..8 {
            let (done, then) = (&done, &then);
            scope.spawn(move || {
                while done.load(Ordering::Relaxed) < changes {
                    space.set(&format!("elsewhere/{writer}"), "1").unwrap();
                    if done.fetch_add(1, Ordering::Relaxed) % every == every - 1 {
                        then();
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
        elsewhere(space, 5000, usize::MAX, || ());
        space.set("file", "2").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(changed.value(), Some("2"));
    assert!(errors.is_empty(), "{errors:?}");
    let waits = relay.asked("wait=true");
    assert!(waits > 3, "it has looked anew, not only once: {waits}");
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
        elsewhere(space, 5000, 400, || relay.cut());
        space.set("file", "2").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(changed.value(), Some("2"));
    assert!(relay.asked("wait=true") > 3);
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
        let (told, written) = thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let mut random: u32 = 2463534242;
                let mut written = Vec::new();
                for number in 0..CHANGES {
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
