//! Neither HTTP library sends anything a second time by itself, whatever becomes of the connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::Get;

use crate::both::{Colour, GUARDED, WRITES, both, ms};
use crate::server::{Peer, Server, plausible};

both!(
    nothing_is_sent_twice_on_a_fresh_connection,
    nothing_is_sent_twice_on_a_kept_connection,
    a_write_that_a_server_received_is_never_called_not_sent,
);

type End = (&'static str, fn(&mut Peer));

/// What becomes of a connection after a request was received.
const ENDS: [End; 5] = [
    ("closed", Peer::close),
    ("reset", Peer::reset),
    ("closed within the head", |peer| {
        peer.write("HTTP/1.1 200 OK\r\nContent-");
        peer.close();
    }),
    ("closed within an early answer", |peer| {
        peer.write("HTTP/1.1 100 Continue\r\n\r\n");
        peer.close();
    }),
    ("silent", Peer::hang),
];

fn nothing_is_sent_twice_on_a_fresh_connection(colour: Colour) {
    nothing_is_sent_twice(colour, false);
}

fn nothing_is_sent_twice_on_a_kept_connection(colour: Colour) {
    nothing_is_sent_twice(colour, true);
}

fn nothing_is_sent_twice(colour: Colour, kept: bool) {
    for ((how, end), (what, write)) in
        ENDS.into_iter().flat_map(|end| WRITES.map(|write| (end, write)))
    {
        let server = Server::healthy_after(1, move |peer| {
            if kept {
                let seen = peer.request().unwrap();
                peer.write(plausible(&seen));
            }
            peer.request().unwrap();
            end(peer);
        });
        let client = colour.client([server.url()]);
        let hasty = client.with(|policy| policy.write_head = Some(ms(300)));
        if kept {
            client.send(Get::new("/a")).unwrap();
        }
        let error = write(&hasty).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{what}, {how}: {error}");
        let sent = 1 + usize::from(kept);
        assert_eq!((server.connections(), server.count()), (1, sent), "{what}, {how}");
        // Nor does anything come with what is sent next.
        client.send(Get::new("/b")).unwrap();
        assert_eq!((server.connections(), server.count()), (2, sent + 1), "{what}, {how}");
    }
}

/// What a server does that has one endpoint twice: it receives, or closes before it does, at whatever moment.
const RECEIVES: [End; 5] = [
    ("receives and closes", |peer| {
        peer.request();
        peer.close();
    }),
    ("receives and resets", |peer| {
        peer.request();
        peer.reset();
    }),
    // A client that hears of the end before it has written need not write any more.
    ("closes its half and receives", |peer| {
        peer.finish();
        peer.request();
    }),
    ("receives something and closes", |peer| {
        peer.until_something_came();
        peer.close();
    }),
    ("closes", Peer::close),
];

fn a_write_that_a_server_received_is_never_called_not_sent(colour: Colour) {
    for (how, act) in RECEIVES {
        for (what, write) in WRITES.into_iter().chain(GUARDED) {
            for round in 0..6 {
                let ended = Arc::<AtomicUsize>::default();
                let server = Server::start({
                    let ended = Arc::clone(&ended);
                    move |peer| {
                        act(peer);
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                });
                // One attempt at each.
                let client = colour.client([server.url(), server.url()]);
                let client = client.with(|policy| policy.passes = Some(1));
                let outcome = write(&client).unwrap_err().outcome();
                for _ in 0..10_000 {
                    if ended.load(Ordering::SeqCst) == server.connections() {
                        break;
                    }
                    thread::sleep(ms(1));
                }
                let shown =
                    format!("{what}, {how}, round {round}: {outcome:?}, {}", server.count());
                assert!(matches!(outcome, Outcome::NotSent | Outcome::Unknown), "{shown}");
                if outcome == Outcome::NotSent {
                    assert_eq!((server.count(), server.received()), (0, 0), "{shown}");
                }
                if how.starts_with("receives") {
                    assert_eq!(outcome, Outcome::Unknown, "{shown}");
                }
            }
        }
    }
}
