//! Servers that respond before they have read a request, or read it after a pause.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage, Timing};
use http::Request;
use transport_ureq::UreqTransport;

use crate::server::{Peer, Server};
use crate::ways::{Way, ways};
use crate::{PATIENCE, put, rest};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const TOO_LARGE: &str = "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 5\r\n\r\nlarge";

fn large(way: &Way, size: usize) -> Request<Bytes> {
    put(&way.url("/v2/keys/k"), "").map(|_| Bytes::from(vec![b'x'; size]))
}

/// Has every way tried at the same time.
fn in_each_way(ways: &[Way], test: impl Fn(&Way) + Sync) {
    thread::scope(|scope| {
        for way in ways {
            scope.spawn(|| test(way));
        }
    });
}

#[test]
fn early_response_to_a_large_write_is_read_although_the_server_closes() {
    // What the server reads of the request before it responds.
    for reads in [0, 1, 20] {
        let ways = ways(&UreqTransport::builder(), move |mut peer: Peer| {
            for _ in 0..reads {
                peer.read_once_raw();
            }
            peer.say(TOO_LARGE);
        });
        in_each_way(&ways, |way| {
            for size in [8 << 20, 40 << 20] {
                for _ in 0..3 {
                    let (head, mut body) = crate::send(&way.transport, large(way, size)).unwrap();
                    let text = rest(&mut *body).unwrap();
                    assert_eq!(
                        (head.status.as_u16(), text.as_str()),
                        (413, "large"),
                        "{}",
                        way.name
                    );
                }
            }
            assert_eq!(way.server.accepted(), 6, "a connection was used again: {}", way.name);
        });
    }
}

#[test]
fn early_response_is_read_although_the_server_neither_reads_on_nor_closes() {
    let ways = ways(&UreqTransport::builder(), |mut peer: Peer| {
        peer.read_once_raw();
        peer.say(TOO_LARGE);
        thread::sleep(PATIENCE);
    });
    in_each_way(&ways, |way| {
        let timing = Timing::new(Some(PATIENCE), Some(Duration::from_secs(1)));
        let result = way.transport.send(large(way, 64 << 20), timing, &Interrupt::never());
        let (head, mut body) = result.unwrap_or_else(|failure| panic!("{}: {failure}", way.name));
        assert_eq!((head.status.as_u16(), rest(&mut *body).unwrap().as_str()), (413, "large"));
    });
}

#[test]
fn interim_response_does_not_end_a_write() {
    let ways = ways(&UreqTransport::builder(), |mut peer: Peer| {
        peer.say("HTTP/1.1 100 Continue\r\n\r\n");
        thread::sleep(Duration::from_millis(50));
        peer.request();
        peer.say(OK);
    });
    in_each_way(&ways, |way| {
        let (head, _) = crate::send(&way.transport, large(way, 8 << 20)).unwrap();
        assert_eq!((head.status.as_u16(), way.server.requests().len()), (200, 1), "{}", way.name);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn live_server_that_pauses_for_longer_than_the_user_timeout_gets_the_whole_write() {
    // What fits into the buffers of this side, so that the pause is while it waits, and what does not.
    for size in [1 << 20, 16 << 20] {
        let builder = UreqTransport::builder().tcp_user_timeout(Some(Duration::from_millis(400)));
        let ways = ways(&builder, |mut peer: Peer| {
            peer.read_some();
            thread::sleep(Duration::from_millis(1600));
            peer.request();
            peer.say(OK);
        });
        in_each_way(&ways, |way| {
            let result = crate::send(&way.transport, large(way, size));
            let (head, _) = result.unwrap_or_else(|failure| panic!("{}: {failure}", way.name));
            assert_eq!(head.status, 200);
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn server_that_never_reads_on_is_given_up_at_the_limit_of_the_write() {
    let builder = UreqTransport::builder().tcp_user_timeout(Some(Duration::from_millis(100)));
    let ways = ways(&builder, |mut peer: Peer| {
        peer.read_once_raw();
        thread::sleep(PATIENCE);
    });
    in_each_way(&ways, |way| {
        for size in [1 << 20, 16 << 20] {
            let timing = Timing::new(Some(PATIENCE), Some(Duration::from_secs(1)));
            let result = way.transport.send(large(way, size), timing, &Interrupt::never());
            let failure = result.err().unwrap();
            assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
            assert!(!failure.to_string().contains("closed"), "{}: {failure}", way.name);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn small_write_is_still_given_up_when_nothing_is_acknowledged_for_the_user_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Less than the request.
    socket2::SockRef::from(&listener).set_recv_buffer_size(2304).unwrap();
    let server = Server::on(listener, |_peer| thread::sleep(PATIENCE));
    let transport =
        UreqTransport::builder().tcp_user_timeout(Some(Duration::from_millis(300))).build();
    let request = put(&server.url("/"), "").map(|_| Bytes::from(vec![b'x'; 12 << 10]));
    let failure = transport.send(request, Timing::default(), &Interrupt::never()).err().unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    let text = failure.to_string();
    assert!(text.starts_with("connection broke: Connection timed out (os error"), "{text}");
}
