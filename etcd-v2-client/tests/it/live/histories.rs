//! How far back a watch can go.

use std::thread;

use etcd_v2_client::Code;
use etcd_v2_client::keys::Wait;

use super::patience::until;
use super::servers;
use super::space::Space;

both! {
    alone:
    history_that_is_gone_ends_a_watch,
    a_watch_that_rests_too_long_loses_its_place,
    a_watch_that_waits_outlasts_any_number_of_changes,
}

/// More changes than a server remembers, elsewhere.
fn a_thousand_changes(space: &Space) {
    thread::scope(|scope| {
        for writer in 0..8 {
            scope.spawn(move || {
                for _ in 0..130 {
                    space.set(&format!("elsewhere/{writer}"), "1").unwrap();
                }
            });
        }
    });
}

fn history_that_is_gone_ends_a_watch(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    a_thousand_changes(space);
    let mut watch = space.watch_after(&start);
    let error = watch.next().unwrap().unwrap_err();
    assert!(error.is_history_cleared(), "{error}");
    assert!(!error.is_unauthorized(), "code 401 is not HTTP's 401");
    let refusal = error.etcd().unwrap();
    assert_eq!((refusal.code, refusal.status.as_u16()), (Code::HISTORY_CLEARED, 400));
    assert!(refusal.index >= start.index().unwrap() + 1040);
    assert!(watch.next().is_none(), "what to do now is not the watch's to decide");

    let wait = Wait::new(space.at("file")).after(start.index().unwrap());
    assert!(space.keys.wait(wait).unwrap_err().is_history_cleared());
    // Reading anew and watching from there on is the way out.
    let read = space.get("file").unwrap();
    let wait = Wait::new(space.at("file")).after(read.etcd_index().unwrap());
    let mut watch = space.keys.watch(wait);
    space.set("file", "3").unwrap();
    assert_eq!(watch.change().value(), Some("3"));
}

fn a_watch_that_rests_too_long_loses_its_place(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("file")).after(start.index().unwrap()));
    assert_eq!(watch.change().value(), Some("2"));
    a_thousand_changes(space);
    assert!(watch.next().unwrap().unwrap_err().is_history_cleared());
    assert!(watch.next().is_none());
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
