//! Handshakes that come to nothing: the wrong port, no answer, no time.

use std::io::Read;
use std::iter;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use etcd_v2_proto::{Cause, Interrupt, Stage, Timing};
use rustls::version::TLS12;
use transport_hyper::HyperTransport;

use crate::certificates::{Trusted, authority, transport};
use crate::clock::Clock;
use crate::connectors::Slow;
use crate::server::{Peer, Server};
use crate::{PATIENCE, ask, eventually, failure, failure_within, get, get_at, put, put_at};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::from_millis(2);

/// A server that takes what comes and never says a word, and what tells that something has come.
fn silent() -> (Server, mpsc::Receiver<()>) {
    let (greeted, is_greeted) = mpsc::channel();
    let server = Server::start(move |peer| {
        peer.read_once();
        greeted.send(()).unwrap();
        peer.drain();
    });
    (server, is_greeted)
}

#[tokio::test]
async fn tls_to_a_plain_port_says_so() {
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (answer, expected) in [
        (answer, "the server does not speak TLS on this port: use http://"),
        ("", "the server closed the connection during the TLS handshake: it may not speak TLS"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "the server does not speak TLS on this port: use http://"),
    ] {
        let server = Server::start(move |peer| {
            peer.read_once();
            peer.write(answer);
        });
        let request = put_at(&server.url_by("https", "/"));
        let failure = failure(&authority().transport(), request).await;
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}

#[tokio::test]
async fn a_reset_in_the_handshake_is_explained() {
    let server = Server::start(|peer| {
        peer.read_once();
        peer.reset();
    });
    let request = put_at(&server.url_by("https", "/"));
    let failure = failure(&authority().transport(), request).await;
    assert_eq!(failure.stage(), Stage::BeforeSend);
    let text = "the server reset the connection during the TLS handshake: it may not speak TLS";
    assert!(failure.to_string().contains(text), "{failure}");
}

#[tokio::test]
async fn plain_http_to_a_tls_port_says_so() {
    let authority = authority();
    let server =
        Server::secured(authority.server().unwrap(), |peer| while peer.request().is_some() {});
    let request = put_at(&server.url_by("http", "/"));
    let failure = failure(&HyperTransport::new(), request).await;
    assert_eq!(failure.stage(), Stage::AfterSend);
    let text = "connection broke: the server speaks TLS on this port: use https://";
    assert_eq!(failure.to_string(), text);
}

#[tokio::test]
async fn a_server_that_hangs_up_on_plain_http_may_want_tls() {
    let server = Server::start(|peer| {
        peer.read_once();
    });
    let failure = failure(&HyperTransport::new(), put(&server, "/")).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    let text = "connection broke: the server closed the connection without an answer; if it speaks \
                TLS on this port, use https://";
    assert_eq!(failure.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn the_handshake_has_its_limit_counted_from_the_end_of_connecting() {
    let clock = Clock::hold();
    let (server, is_greeted) = silent();
    let tls = authority().tls();
    let transport = HyperTransport::builder().connector(Slow(2 * SECOND)).tls(tls).unwrap().build();
    for (timing, limit) in [
        (Timing::new(Some(3 * SECOND), None).with_handshake(Some(3 * SECOND)), 3 * SECOND),
        (Timing::new(Some(3 * SECOND), Some(9 * SECOND)).with_handshake(None), 7 * SECOND),
        (Timing::new(None, Some(4 * SECOND)).with_handshake(Some(3 * SECOND)), 2 * SECOND),
    ] {
        let (transport, request) = (transport.clone(), put_at(&server.url_by("https", "/")));
        let call = tokio::spawn(async move {
            failure_within(&transport, request, timing, &Interrupt::never()).await
        });
        tokio::task::yield_now().await;
        clock.advance(2 * SECOND).await;
        eventually("the handshake has begun", || is_greeted.try_recv().is_ok()).await;
        clock.advance(limit - INSTANT).await;
        assert!(!call.is_finished());
        clock.advance(2 * INSTANT).await;
        let failure = call.await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
    }
    eventually("the connections are closed", || server.closed() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_for_the_handshake_does_not_cover_the_answer() {
    let clock = Clock::hold();
    let authority = authority();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let server = Server::secured(authority.server().unwrap(), move |peer| {
        peer.request();
        may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        peer.answer("ok");
    });
    let timing = Timing::new(Some(SECOND), Some(9 * SECOND)).with_handshake(Some(SECOND));
    let (transport, request) = (authority.transport(), get(&server, "/"));
    let call = tokio::spawn(async move {
        let never = Interrupt::never();
        let (head, _) =
            etcd_v2_proto::AsyncTransport::send(&transport, request, timing, &never).await.unwrap();
        head.status
    });
    eventually("the request is there", || server.requests().len() == 1).await;
    clock.advance(8 * SECOND).await;
    go.send(()).unwrap();
    assert_eq!(call.await.unwrap(), 200);
}

#[tokio::test]
async fn a_server_that_dribbles_does_not_prolong_the_handshake() {
    let server = Server::start(move |peer| {
        peer.read_once();
        // The beginning of a message of 60,000 bytes, each of which comes in a record of its own.
        let mut bytes = [2, 0, 0xea, 0x60].into_iter().chain(iter::repeat(0));
        let mut all_at_once = || {
            let next = (0..60).flat_map(|_| [0x16, 3, 3, 0, 1, bytes.next().unwrap()]);
            std::io::Write::write_all(&mut peer.stream, &next.collect::<Vec<u8>>())
        };
        while all_at_once().is_ok() {
            std::thread::sleep(INSTANT);
        }
    });
    let limit = Duration::from_millis(60);
    let timing = Timing::default().with_handshake(Some(limit));
    let request = put_at(&server.url_by("https", "/"));
    let transport = authority().transport();
    let began = Instant::now();
    let failure = failure_within(&transport, request, timing, &Interrupt::never()).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
    assert!((limit..PATIENCE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn interrupts_end_a_handshake_at_once() {
    for (way, cause) in
        [(Interrupt::stop as fn(&Interrupt), Cause::Stopped), (Interrupt::leave, Cause::Left)]
    {
        let (server, is_greeted) = silent();
        let interrupt = Interrupt::new();
        let (transport, request) = (authority().transport(), put_at(&server.url_by("https", "/")));
        let call = tokio::spawn({
            let interrupt = interrupt.clone();
            async move { failure_within(&transport, request, Timing::default(), &interrupt).await }
        });
        eventually("the handshake has begun", || is_greeted.try_recv().is_ok()).await;
        way(&interrupt);
        let failure = call.await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
        eventually("the connection is closed", || server.closed() == 1).await;
    }
}

#[tokio::test]
async fn dropping_a_call_in_the_handshake_closes_its_socket() {
    let (server, is_greeted) = silent();
    let (transport, request) = (authority().transport(), get_at(&server.url_by("https", "/")));
    let call = tokio::spawn(async move { failure(&transport, request).await });
    eventually("the handshake has begun", || is_greeted.try_recv().is_ok()).await;
    call.abort();
    eventually("the connection is closed", || server.closed() == 1).await;
}

#[tokio::test]
async fn servers_are_told_why_a_handshake_failed() {
    let (authority, other) = (authority(), authority());
    let (said, was_said) = mpsc::channel();
    let server = Server::secured(other.server().unwrap(), move |peer: &mut Peer| {
        said.send(peer.stream.read(&mut [0]).unwrap_err().to_string()).unwrap();
    });
    failure(&authority.transport(), get(&server, "/")).await;
    let said = was_said.recv_timeout(PATIENCE).unwrap();
    assert!(said.contains("received fatal alert"), "{said}");
}

#[tokio::test]
async fn a_failed_handshake_leaves_the_transport_as_it_was() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        if peer.number > 1 {
            peer.request();
            peer.answer("ok");
        }
    });
    let transport = authority.transport();
    assert_eq!(failure(&transport, put(&server, "/")).await.stage(), Stage::BeforeSend);
    assert_eq!(ask(&transport, put(&server, "/")).await.unwrap().1, "ok");
}

#[tokio::test]
async fn plain_bytes_after_the_handshake_never_lead_to_the_advice_to_use_http() {
    let responses = [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0",
        "\x15\x03\x01\0\x02\x02\x46",
        "\n\n\n\n\n\n\n\n",
    ];
    let authority = authority();
    for response in responses {
        // At once, and behind a response that was secured.
        for served in 0..2 {
            let server = Server::secured(authority.server().unwrap(), move |peer| {
                for _ in 0..served {
                    peer.request();
                    peer.answer("ok");
                }
                peer.request();
                let mut socket = peer.stream.socket();
                std::io::Write::write_all(&mut socket, response.as_bytes()).unwrap();
                peer.finish();
                peer.drain();
            });
            let transport = authority.transport();
            for _ in 0..served {
                ask(&transport, get(&server, "/")).await.unwrap();
            }
            let failure = failure(&transport, put(&server, "/")).await;
            assert_eq!(failure.stage(), Stage::AfterSend);
            let text = failure.to_string();
            assert!(!text.contains("http://"), "{text}");
        }
    }
}

/// A server that sends the first records of its handshake, and then something else.
fn breaks_off(then: &'static str) -> (Server, etcd_v2_proto::tls::Tls) {
    let authority = authority();
    let config = authority.for_hosts(&["127.0.0.1"]).unwrap().server(&[&TLS12], None).unwrap();
    let server = Server::start(move |peer| {
        let hello = peer.read_once();
        let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
        tls.read_tls(&mut &*hello).unwrap();
        tls.process_new_packets().unwrap();
        let mut records = Vec::new();
        tls.write_tls(&mut records).unwrap();
        // The record of ServerHello, or the whole flight of which it is a part.
        peer.write(records);
        if then.is_empty() {
            peer.finish();
        }
        peer.write(then);
    });
    (server, authority.tls())
}

#[tokio::test]
async fn a_handshake_that_breaks_off_never_leads_to_advice_to_use_http() {
    for (then, expected) in [
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "something that is not TLS came"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "something that is not TLS came"),
        ("", "the connection in the middle of the TLS handshake"),
    ] {
        let (server, tls) = breaks_off(then);
        let failure = failure(&transport(tls), put_at(&server.url_by("https", "/"))).await;
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
        let text = failure.to_string();
        assert!(text.contains(expected) && !text.contains("http://"), "{text}");
    }
}
