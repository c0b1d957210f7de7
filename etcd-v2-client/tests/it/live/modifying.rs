//! Values that are read and replaced.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use etcd_v2_client::{Code, Outcome};

use super::lossy::{LOSSES, Loss, Lossy, Plan};
use super::space::Space;

both! {
    quiet:
    a_value_is_replaced_by_what_becomes_of_it,
    no_increment_of_a_crowd_is_lost,
    no_increment_is_lost_with_its_answer,
    a_value_that_a_rival_changed_is_read_again,
    a_directory_is_not_modified,
    a_node_that_was_read_is_swapped_or_deleted,
}

fn one_more(old: Option<&str>) -> Option<String> {
    let number: usize = old.map_or(0, |old| old.parse().unwrap());
    Some((number + 1).to_string())
}

fn a_value_is_replaced_by_what_becomes_of_it(space: &Space) {
    let chrooted = space.chrooted();
    for expected in ["1", "2", "3"] {
        let change = chrooted.keys.modify("/counter".to_owned(), one_more).unwrap().unwrap();
        assert_eq!((change.key(), change.value()), (Some("/counter"), Some(expected)));
    }
    let before = space.get("counter").unwrap();
    assert!(space.keys.modify(space.at("counter"), |_| None).unwrap().is_none());
    assert!(space.keys.modify(space.at("missing"), |_| None).unwrap().is_none());
    assert_eq!(space.get("counter").unwrap().node(), before.node());
    assert!(space.get("missing").unwrap_err().is_key_not_found());
}

fn no_increment_of_a_crowd_is_lost(space: &Space) {
    const WORKERS: usize = 4;
    const TIMES: usize = 10;
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                for _ in 0..TIMES {
                    space.keys.modify(space.at("counter"), one_more).unwrap().unwrap();
                }
            });
        }
    });
    let all = (WORKERS * TIMES).to_string();
    assert_eq!(space.get("counter").unwrap().value(), Some(all.as_str()));
}

/// Rivals make the same of the same value, so only the server could tell whose increment it was.
fn no_increment_is_lost_with_its_answer(space: &Space) {
    let lossy = Lossy::before(&space.client.endpoints()[0]);
    let behind = space.asking([lossy.url()]);
    space.set("counter", "0").unwrap();
    let (mut made, mut unknown) = (0, 0);
    for (loss, forwarded, rival) in LOSSES.into_iter().flat_map(|loss| {
        [(loss, true, false), (loss, false, false), (loss, true, true), (loss, false, true)]
    }) {
        let mut plan = Some(Plan::new(loss, forwarded));
        let other = space.clone();
        if let Some(plan) = plan.as_mut().filter(|_| rival) {
            plan.before = Box::new(move || {
                other.keys.modify(other.at("counter"), one_more).unwrap().unwrap();
            });
            made += 1;
        }
        // The answer that is lost is that of the write, and not that of the read before it.
        let told = behind.keys.modify(space.at("counter"), |old| {
            if let Some(plan) = plan.take() {
                lossy.plan(plan);
            }
            one_more(old)
        });
        match told {
            Ok(change) => {
                assert!(change.is_some());
                made += 1;
            }
            Err(error) => {
                assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
                assert!(!error.is_compare_failed(), "{error}");
                unknown += 1;
            }
        }
        let counted: usize = space.get("counter").unwrap().value().unwrap().parse().unwrap();
        assert!((made..=made + unknown).contains(&counted), "{loss:?} {forwarded} {rival}");
    }
    // A success that was cut is known for what it is.
    assert!(unknown > 0 && made > unknown, "{made} made, {unknown} unknown");
    lossy.plan(Plan::new(Loss::Closed, false));
    behind.get("counter").unwrap();
    behind.keys.modify(space.at("counter"), one_more).unwrap().unwrap();
}

fn a_value_that_a_rival_changed_is_read_again(space: &Space) {
    space.set("file", "a").unwrap();
    let calls = AtomicUsize::new(0);
    let change = space.keys.modify(space.at("file"), |old| {
        if calls.fetch_add(1, Ordering::Relaxed) == 0 {
            // In a thread of its own, since this one may be driving a future.
            let rival = || space.set("file", "b").unwrap();
            thread::scope(|scope| drop(scope.spawn(rival).join().unwrap()));
        }
        old.map(|old| format!("{old}!"))
    });
    assert_eq!(change.unwrap().unwrap().value(), Some("b!"));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

fn a_directory_is_not_modified(space: &Space) {
    space.mkdir("dir").unwrap();
    let error = space.keys.modify(space.at("dir"), one_more).unwrap_err();
    assert!(error.has_code(Code::NOT_A_FILE), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
}

fn a_node_that_was_read_is_swapped_or_deleted(space: &Space) {
    space.set("file", "1").unwrap();
    let read = space.get("file").unwrap();
    let swapped = space.send(read.node().unwrap().swap("2").unwrap()).unwrap();
    assert_eq!(swapped.previous(), read.node());
    let error = space.send(read.node().unwrap().delete().unwrap()).unwrap_err();
    assert!(error.is_compare_failed(), "{error}");
    let deleted = space.send(swapped.node().unwrap().delete().unwrap()).unwrap();
    assert_eq!(deleted.previous(), swapped.node());
}
