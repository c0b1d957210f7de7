//! The end of waits and watches, and what is left of them on the server.

use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::Interrupt;
use etcd_v2_client::keys::Wait;

use super::patience::{Limit, until};
use super::servers::{self, connections, watchers};
use super::space::Space;

both! {
    alone:
    a_watch_is_stopped_by_its_handle,
    a_watch_is_stopped_before_it_begins,
    all_that_a_client_does_is_stopped_by_its_interrupt,
    a_dropped_watch_closes_its_connection,
    stopped_watches_leave_no_connections,
    dropped_watches_leave_no_connections,
    a_watch_of_a_server_that_restarts_goes_on,
}

/// How soon an end has to come once it is wanted, on a busy machine.
const SOON: Duration = Duration::from_secs(2);

fn a_watch_is_stopped_by_its_handle(space: &Space) {
    let mut server = servers::lock_alone();
    let mut watch = space.keys.watch(space.at("file"));
    let handle = watch.interrupt();
    let (error, stopped) = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.next().unwrap().unwrap_err());
        until("the watch connects", || connections(&mut server) > 0);
        let stopped = Instant::now();
        handle.stop();
        (waiting.join().unwrap(), stopped)
    });
    assert!(stopped.elapsed() < SOON);
    assert!(error.is_stopped(), "{error}");
    assert_eq!(error.to_string(), "stopped by the caller");
    assert!(watch.next().is_none(), "that was its end");
    until("its connection is closed", || connections(&mut server) == 0);
}

fn a_watch_is_stopped_before_it_begins(space: &Space) {
    let mut watch = space.keys.watch(space.at("file"));
    watch.interrupt().stop();
    assert!(watch.next().unwrap().unwrap_err().is_stopped());
    assert!(watch.next().is_none());
}

fn all_that_a_client_does_is_stopped_by_its_interrupt(space: &Space) {
    let mut server = servers::lock_alone();
    let interrupt = Interrupt::new();
    let client = space.client.stopped_by(&interrupt);
    thread::scope(|scope| {
        let _limit = Limit::on(interrupt.clone());
        let waits: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| client.keys().wait(space.at("file")).unwrap_err()))
            .collect();
        let mut watch = client.keys().watch(space.at("file"));
        let watching = scope.spawn(move || watch.next().unwrap().unwrap_err());
        until("all have connected", || connections(&mut server) == 4);
        interrupt.stop();
        for call in waits.into_iter().chain([watching]) {
            assert!(call.join().unwrap().is_stopped());
        }
    });
    assert!(client.keys().send(Wait::new("/")).unwrap_err().is_stopped(), "and for good");
    assert!(space.get("file").unwrap_err().is_key_not_found(), "the others are not concerned");
}

fn a_dropped_watch_closes_its_connection(space: &Space) {
    let mut server = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    let mut watch = space.on_a_fresh_connection().watch_after(&start);
    assert_eq!(watch.change().value(), Some("2"));
    drop(watch);
    // The one that is left is the writer's.
    until("its connection is closed", || connections(&mut server) <= 1);
}

fn stopped_watches_leave_no_connections(space: &Space) {
    let mut server = servers::lock_alone();
    let interrupt = Interrupt::new();
    let client = space.client.stopped_by(&interrupt);
    thread::scope(|scope| {
        for number in 0..200 {
            let mut watch = client.keys().watch(space.at(&number.to_string()));
            scope.spawn(move || assert!(watch.next().unwrap().unwrap_err().is_stopped()));
        }
        until("all have connected", || connections(&mut server) == 200);
        interrupt.stop();
    });
    until("all are closed", || connections(&mut server) == 0);
}

/// These have been told of a change, so that what they leave may be used again.
fn dropped_watches_leave_no_connections(space: &Space) {
    let mut server = servers::lock_alone();
    let start = space.set("file", "1").unwrap();
    let watcher = space.on_a_fresh_connection();
    thread::scope(|scope| {
        for _ in 0..200 {
            let mut watch = watcher.watch_after(&start);
            scope.spawn(move || assert_eq!(watch.change().value(), Some("2")));
        }
        until("all have connected", || connections(&mut server) == 201);
        space.set("file", "2").unwrap();
    });
    drop(watcher);
    until("all are closed but the writer's", || connections(&mut server) == 1);
}

fn a_watch_of_a_server_that_restarts_goes_on(space: &Space) {
    let mut server = servers::lock_alone();
    let start = space.set("file", "0").unwrap();
    let mut watch = space.watch_after(&start);
    space.set("file", "1").unwrap();
    assert_eq!(watch.change().value(), Some("1"));

    let (interruptions, changes) = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (mut interruptions, mut changes) = (Vec::new(), Vec::new());
            while changes.len() < 3 {
                match watch.next().unwrap() {
                    Ok(change) => changes.push(change.into_value().unwrap()),
                    Err(error) => interruptions.push(error),
                }
            }
            (interruptions, changes)
        });
        space.set("file", "2").unwrap();
        until("the watch waits for more", || watchers(space) == 1);
        let member = server.member();
        member.kill9().unwrap();
        member.restart().unwrap();
        member.wait_until_ready().unwrap();
        space.set("file", "3").unwrap();
        space.set("file", "4").unwrap();
        watching.join().unwrap()
    });
    assert_eq!(changes, ["2", "3", "4"], "nothing is lost and nothing told twice");
    assert!(!interruptions.is_empty(), "it said that it was interrupted");
    for error in interruptions {
        assert!(!error.is_stopped() && !error.may_have_applied(), "{error}");
    }
}
