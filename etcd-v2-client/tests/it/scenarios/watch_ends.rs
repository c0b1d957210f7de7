//! How watches end, and what they do to the other calls.

use std::thread;
use std::time::Instant;

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::{ErrorKind, GapReason, Interrupt};

use crate::both::{Colour, Subject, Watching, both, ms};
use crate::server::{Refusing, Seen, Server, change, etcd, html, plausible, refusal, response};

both!(
    lost_history_is_a_gap_and_not_its_end,
    missing_rights_end_it,
    a_page_of_something_in_between_is_no_end,
    v2_api_that_is_off_ends_it,
    invalid_key_ends_it_before_anything_is_sent,
    dropped_watch_closes_its_connection,
    dropped_watch_between_two_changes_leaves_nothing_open,
    stopped_watch_ends_at_once_with_an_error,
    watch_stopped_in_a_pause_ends_at_once_with_an_error,
    watch_stopped_before_its_first_question_sends_nothing,
    watch_that_is_told_to_leave_goes_on_elsewhere,
    watches_and_calls_do_not_wait_for_each_other,
    watch_outlives_its_client,
);

/// The error that ends a watch, and nothing after it.
fn last_error(watch: Watching) -> etcd_v2_client::Error {
    let (error, mut watch) = watch.error();
    for _ in 0..2 {
        let item;
        (item, watch) = watch.step();
        assert!(item.is_none(), "{item:?}");
    }
    error
}

fn lost_history_is_a_gap_and_not_its_end(colour: Colour) {
    let text = "The event in requested index is outdated and cleared";
    let server = Server::each(move |seen| match seen.target.as_str() {
        "/v2/keys/a?recursive=true&wait=true&waitIndex=4" => refusal(400, 401, text),
        _ => plausible(seen),
    });
    let watch = colour.client([server.url()]).watch(Wait::new("/a").recursive().after(3));
    let (error, watch) = watch.error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (4, 7, GapReason::HistoryCleared));
    assert!(error.is_history_cleared() && !error.may_have_applied(), "{error}");
    assert_eq!(watch.change().0, 8, "it goes on after the gap");
    assert_eq!(server.count(), 2);
}

fn missing_rights_end_it(colour: Colour) {
    let text = "{\"message\":\"Insufficient credentials\"}";
    for answer in [
        refusal(401, 110, "The request requires user authentication"),
        response(401, &["Content-Type: application/json"], text),
    ] {
        let server = Server::always(answer);
        last_error(colour.client([server.url()]).watch("/a"));
        assert_eq!(server.count(), 1);
    }
}

fn a_page_of_something_in_between_is_no_end(colour: Colour) {
    for status in [403, 404] {
        let fronted = Server::healthy_after(1, move |peer| {
            peer.request();
            peer.write(html(status));
        });
        let (error, watch) = colour.client([fronted.url()]).watch("/a").error();
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
        assert_eq!(watch.change().0, 8, "it goes on");
    }
}

fn v2_api_that_is_off_ends_it(colour: Colour) {
    let server = Server::always(response(404, &[], "404 page not found\n"));
    let error = last_error(colour.client([server.url()]).watch("/a"));
    assert!(matches!(error.kind(), ErrorKind::V2Disabled), "{error}");
    assert_eq!(server.count(), 1);
}

fn invalid_key_ends_it_before_anything_is_sent(colour: Colour) {
    let server = Server::healthy();
    let error = last_error(colour.client([server.url()]).watch("/a/../b"));
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
    assert_eq!(server.connections(), 0);
}

/// Tells one change of each watched key and then nothing more; other requests are answered.
fn quiet() -> Server {
    Server::start(|peer| {
        while let Some(seen) = peer.request() {
            if !is_wait(&seen) {
                peer.write(plausible(&seen));
            } else if seen.target.contains("waitIndex") {
                peer.write(
                    "HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
                );
                return peer.hang();
            } else {
                peer.write(etcd(&change("set", "/a", "1", 9)));
            }
        }
    })
}

fn is_wait(seen: &Seen) -> bool {
    seen.target.contains("wait=true")
}

fn dropped_watch_closes_its_connection(colour: Colour) {
    let server = quiet();
    let client = colour.client([server.url()]);
    let interrupt = Interrupt::new();
    let (_, watch) = client.stopped_by(&interrupt).watch("/a").change();
    let waiting = watch.start();
    server.until_seen(2);
    thread::sleep(ms(50));
    assert_eq!(server.closed(), 0);
    match client {
        #[cfg(feature = "hyper")]
        Subject::Async(..) => waiting.give_up(),
        // A thread that blocks cannot drop what it waits for; it has to be stopped.
        #[cfg(feature = "ureq")]
        Subject::Blocking(_) => {
            interrupt.stop();
            drop(waiting.result());
        }
    }
    server.until_closed(1);
}

fn dropped_watch_between_two_changes_leaves_nothing_open(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write(etcd(&change("set", "/a", "1", 9)));
        peer.hang();
    });
    let client = colour.client([server.url()]);
    let (_, watch) = client.watch("/a").change();
    drop(watch);
    drop(client);
    server.until_closed(1);
    assert_eq!((server.count(), server.connections()), (1, 1));
}

fn stopped_watch_ends_at_once_with_an_error(colour: Colour) {
    let server = quiet();
    let (_, watch) = colour.client([server.url()]).watch("/a").change();
    let interrupt = watch.interrupt();
    let waiting = watch.start();
    server.until_seen(2);
    assert!(waiting.lasts(ms(50)));
    let began = Instant::now();
    interrupt.stop();
    let (item, watch) = waiting.result();
    assert!(began.elapsed() < ms(3000), "{:?}", began.elapsed());
    assert!(item.unwrap().unwrap_err().is_stopped());
    server.until_closed(1);
    assert!(watch.step().0.is_none());
    assert_eq!(server.count(), 2);
}

fn watch_stopped_in_a_pause_ends_at_once_with_an_error(colour: Colour) {
    let server = Server::always(response(200, &["X-Etcd-Index: 40"], ""));
    let watch = colour.client([server.url()]).watch("/a");
    let interrupt = watch.interrupt();
    let waiting = watch.start();
    // It does little else than rest.
    assert!(waiting.lasts(ms(1500)));
    interrupt.stop();
    let (item, watch) = waiting.result();
    assert!(item.expect("it says why it ends").unwrap_err().is_stopped());
    assert!(watch.step().0.is_none());
}

fn watch_stopped_before_its_first_question_sends_nothing(colour: Colour) {
    let server = Server::healthy();
    let watch = colour.client([server.url()]).watch("/a");
    thread::sleep(ms(20));
    assert_eq!(server.connections(), 0, "nothing is sent before it is asked");
    watch.interrupt().stop();
    assert!(last_error(watch).is_stopped());
    assert_eq!(server.connections(), 0);
}

fn watch_that_is_told_to_leave_goes_on_elsewhere(colour: Colour) {
    let hung = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nX-Etcd-Index: 40\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.hang();
    });
    let other = Server::always(etcd(&change("set", "/a", "1", 41)));
    let client = colour.client([hung.url(), other.url()]);
    let watch = client.watch("/a");
    let interrupt = watch.interrupt();
    let waiting = watch.start();
    hung.until_seen(1);
    assert!(waiting.lasts(ms(200)));
    interrupt.leave();
    let (mut item, mut watch) = waiting.result();
    if let Some(Err(error)) = &item {
        assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{error}");
        (item, watch) = watch.step();
    }
    assert_eq!(item.unwrap().unwrap().key(), Some("/a"));
    assert_eq!(other.lines(), ["GET /v2/keys/a?wait=true&waitIndex=41"]);
    drop(watch);
    hung.until_closed(1);
}

fn watches_and_calls_do_not_wait_for_each_other(colour: Colour) {
    const WATCHES: usize = 6;
    let server = quiet();
    let client = colour.client([server.url()]);
    let waiting: Vec<_> = (0..WATCHES)
        .map(|number| client.watch(Wait::new(format!("/{number}")).after(3)).start())
        .collect();
    server.until_seen(WATCHES);
    for _ in 0..3 {
        client.send(Set::new("/b", "1")).unwrap();
        client.send(Get::new("/b")).unwrap();
    }
    let seen = server.seen();
    let mut used: Vec<_> = seen.iter().filter(|seen| is_wait(seen)).map(|s| s.connection).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used.len(), WATCHES, "each watch has a connection of its own");
    assert!(seen.iter().filter(|seen| !is_wait(seen)).all(|s| !used.contains(&s.connection)));
    assert_eq!(server.connections(), WATCHES + 1);
    assert!(waiting.iter().all(|waiting| waiting.lasts(ms(1))));
    assert_eq!(server.closed(), 0);
}

fn watch_outlives_its_client(colour: Colour) {
    let (refusing, server) = (Refusing::new(), quiet());
    let client = colour.client([refusing.url(), server.url()]);
    let watch = client.watch("/a");
    drop(client);
    let (index, watch) = watch.change();
    assert_eq!(index, 9);
    let waiting = watch.start();
    server.until_seen(2);
    assert!(waiting.lasts(ms(20)));
}
