//! How far back a watch can go.

use std::thread;
use std::time::Duration;

use etcd_v2_client::keys::Wait;
use etcd_v2_client::{Code, GapReason};

use super::patience::until;
use super::relay::Relay;
use super::servers::{self, watchers};
use super::space::Space;

both! {
    alone:
    history_that_is_gone_is_told_as_a_gap,
    a_watch_that_rests_too_long_asks_whether_its_key_was_touched,
    a_watch_that_waits_outlasts_any_number_of_changes,
}

both! {
    alone, needs REFRESH:
    refreshes_use_up_the_history_too,
}

/// More changes than a server remembers, elsewhere.
fn a_thousand_changes(space: &Space) {
    a_thousand_times(|writer| _ = space.set(&format!("elsewhere/{writer}"), "1").unwrap());
}

/// Does something more often than a server remembers, in the name of each of these writers.
fn a_thousand_times(act: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for writer in 0..8 {
            let act = &act;
            scope.spawn(move || (0..130).for_each(|_| act(writer)));
        }
    });
}

fn history_that_is_gone_is_told_as_a_gap(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    a_thousand_changes(space);
    let mut watch = space.watch_after(&start);
    let error = watch.next().unwrap().unwrap_err();
    assert!(error.is_history_cleared() && !error.is_unauthorized(), "code 401 is not HTTP's 401");
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.reason), (start.index().unwrap() + 1, GapReason::HistoryCleared));
    assert!(gap.to >= start.index().unwrap() + 1040);
    // What to do is read, as far as the gap goes; the watch goes on by itself.
    assert!(space.get("file").unwrap().etcd_index().unwrap() >= gap.to);
    space.set("file", "3").unwrap();
    assert_eq!(watch.change().value(), Some("3"));

    // A wait by itself is a request like any other, and refused.
    let wait = Wait::new(space.at("file")).after(start.index().unwrap());
    let refused = space.keys.wait(wait).unwrap_err();
    assert!(refused.is_history_cleared() && refused.gap().is_none());
    let refusal = refused.etcd().unwrap();
    assert_eq!((refusal.code, refusal.status.as_u16()), (Code::HISTORY_CLEARED, 400));
}

fn a_watch_that_rests_too_long_asks_whether_its_key_was_touched(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("file")).since(&start));
    assert_eq!(watch.change().value(), Some("2"));
    a_thousand_changes(space);
    let next = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.change());
        until("the watch waits", || watchers(space) == 1);
        space.set("file", "3").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(next.value(), Some("3"), "it was not, so there is nothing to tell");
    space.set("file", "4").unwrap();
    a_thousand_changes(space);
    let error = watch.next().unwrap().unwrap_err();
    assert_eq!(error.gap().unwrap().from, next.index().unwrap() + 1);
    space.set("file", "5").unwrap();
    assert_eq!(watch.change().value(), Some("5"));
}

fn a_watch_that_waits_outlasts_any_number_of_changes(space: &Space) {
    let mut server = servers::lock_alone();
    let mut watch = space.keys.watch(space.at("file"));
    let change = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.change());
        until("the watch connects", || servers::connections(&mut server) == 1);
        a_thousand_changes(space);
        space.set("file", "1").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(change.value(), Some("1"));
    // Its place is after that change now.
    space.set("file", "2").unwrap();
    assert_eq!(watch.change().value(), Some("2"));
}

/// A server tells nobody of them, and yet each takes its place.
fn refreshes_use_up_the_history_too(space: &Space) {
    let lease = Duration::from_secs(1000);
    let alone = servers::lock_alone();
    space.set_for("lease", "1", lease).unwrap();
    let start = space.set("dir/file", "1").unwrap();
    space.set("dir/file", "2").unwrap();
    a_thousand_times(|_| _ = space.refresh("lease", lease).unwrap());
    let mut rested = space.keys.watch(Wait::new(space.at("dir")).recursive().since(&start));
    let error = rested.next().unwrap().unwrap_err();
    assert_eq!(error.gap().unwrap().reason, GapReason::HistoryCleared);

    // Who waits meanwhile is not concerned, however often the wait is begun anew.
    let relay = Relay::to(alone.endpoint());
    let watching = space
        .asking([relay.url()])
        .with(|policy| policy.watch_idle = Some(Duration::from_millis(100)));
    let mut waiting = watching.keys.watch(Wait::new(space.at("dir")).recursive());
    let change = thread::scope(|scope| {
        let change = scope.spawn(|| waiting.change());
        for _ in 0..11 {
            for _ in 0..100 {
                space.refresh("lease", lease).unwrap();
            }
            // Two waits in a row have to be silent: faster than that, a watch cannot follow.
            let waits = relay.asked("wait=true");
            until("the wait is begun anew", || relay.asked("wait=true") >= waits + 2);
        }
        space.set("dir/file", "3").unwrap();
        change.join().unwrap()
    });
    assert_eq!(change.value(), Some("3"));
}
