//! Servers that ask for patience: with status 408, 429 and 503, and `Retry-After`.

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Delete, Get, Set};

use crate::both::{Colour, GUARDED, WRITES, both, ms, timed};
use crate::server::{Server, plausible, response};

both!(
    a_read_goes_on_after_a_request_timeout_on_a_kept_connection,
    a_write_is_unknown_after_a_request_timeout,
    retry_after_is_waited_for,
    retry_after_beyond_the_deadline_ends_the_call_at_once,
    an_endpoint_that_wants_a_pause_is_left_for_another,
);

/// Answers the first request of each connection, and says to the second one that it took too long, as load
/// balancers do; from the third connection on it answers everything.
fn impatient(close: &'static str) -> Server {
    Server::start(move |peer| {
        let mut answered = 0;
        while let Some(seen) = peer.request() {
            if peer.number < 3 && answered > 0 {
                let header: &[&str] = if close.is_empty() { &[] } else { &[close] };
                peer.write(response(408, header, "<html>408 Request Time-out</html>"));
                return;
            }
            peer.write(plausible(&seen));
            answered += 1;
        }
    })
}

fn a_read_goes_on_after_a_request_timeout_on_a_kept_connection(colour: Colour) {
    for close in ["Connection: close", ""] {
        let server = impatient(close);
        let client = colour.client([server.url()]);
        for read in 0..4 {
            let value = client.send(Get::new("/a")).unwrap();
            assert_eq!(value.value(), Some("read"), "{close} {read}");
        }
        for (name, write) in GUARDED {
            assert!(write(&client).is_ok(), "{name}");
        }
        assert_eq!(server.connections(), 3, "{close}");
    }
}

fn a_write_is_unknown_after_a_request_timeout(colour: Colour) {
    for (name, write) in WRITES {
        let (server, other) = (Server::always(response(408, &[], "")), Server::healthy());
        let error = write(&colour.client([server.url(), other.url()])).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{name}: {error}");
        assert_eq!((server.count(), other.count()), (1, 0), "{name}");
    }
}

/// Says this to the first request, and answers the others.
fn busy(status: u16, headers: &'static [&'static str]) -> Server {
    Server::start(move |peer| {
        let mut is_first = peer.number == 1;
        while let Some(seen) = peer.request() {
            if std::mem::take(&mut is_first) {
                peer.write(response(status, headers, "slow down"));
            } else {
                peer.write(plausible(&seen));
            }
        }
    })
}

const SECOND: &[&str] = &["Retry-After: 1"];
const DATE: &[&str] =
    &["Date: Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After: Sun, 06 Nov 1994 08:49:38 GMT"];

fn retry_after_is_waited_for(colour: Colour) {
    for (status, headers) in [(429, SECOND), (503, SECOND), (429, DATE), (503, DATE)] {
        let server = busy(status, headers);
        let client = colour.client([server.url()]);
        let (result, took) = timed(|| client.send(Get::new("/a")));
        assert_eq!(result.unwrap().value(), Some("read"), "{status}");
        assert!(took >= ms(1000), "{status} {headers:?}: {took:?}");
        assert_eq!(server.count(), 2, "{status}");

        let server = busy(status, headers);
        let client = colour.client([server.url()]);
        let (result, took) = timed(|| client.send(Set::new("/a", "1")));
        if status == 429 {
            assert!(result.is_ok() && took >= ms(1000), "{took:?} {result:?}");
        } else {
            assert_eq!(result.unwrap_err().outcome(), Outcome::Unknown);
        }
        assert_eq!(server.count(), if status == 429 { 2 } else { 1 });
    }
}

fn retry_after_beyond_the_deadline_ends_the_call_at_once(colour: Colour) {
    for status in [429, 503] {
        let server = Server::always(response(status, &["Retry-After: 3600"], "slow down"));
        let client = colour.client([server.url()]);
        for error in [
            client.send(Get::new("/a")).unwrap_err(),
            client.send(Delete::new("/a").if_index(3)).unwrap_err(),
            client.send(Set::new("/a", "1")).unwrap_err(),
        ] {
            assert!(!error.is_timeout() && error.to_string().contains("slow down"), "{error}");
        }
        assert_eq!(server.count(), 3, "{status}");
    }
}

fn an_endpoint_that_wants_a_pause_is_left_for_another(colour: Colour) {
    for status in [429, 503] {
        let (busy, other) = (busy(status, &["Retry-After: 3600"]), Server::healthy());
        let client = colour.client([busy.url(), other.url()]);
        client.send(Get::new("/a")).unwrap();
        assert_eq!((busy.count(), other.count(), client.pinned()), (1, 1, other.url()), "{status}");
    }
}
