//! Handshakes that come to nothing: the wrong port, no answer, no time.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage, Timing};
use rustls::version::TLS12;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::server::Server;
use crate::{PATIENCE, ask, failure, get, patient, put};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(60);

/// The same place by the other scheme.
fn secured(server: &Server) -> String {
    server.url("/").replace("http://", "https://")
}

#[test]
fn tls_to_a_plain_port_says_so() {
    let answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (answer, expected) in [
        (answer, "the server does not speak TLS on this port: use http://"),
        ("", "the server closed the connection during the TLS handshake: it may not speak TLS"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "the server does not speak TLS on this port: use http://"),
    ] {
        let server = Server::start(move |mut peer| {
            peer.read_once_raw();
            peer.say(answer);
        });
        let failure = failure(&authority().transport(), put(&secured(&server), "v"));
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}

#[test]
fn a_reset_in_the_handshake_is_explained() {
    let server = Server::start(|mut peer| {
        peer.read_once_raw();
        peer.reset();
    });
    let failure = failure(&authority().transport(), put(&secured(&server), "v"));
    assert_eq!(failure.stage(), Stage::BeforeSend);
    let text = "the server reset the connection during the TLS handshake: it may not speak TLS";
    assert!(failure.to_string().contains(text), "{failure}");
}

#[test]
fn plain_http_to_a_tls_port_says_so() {
    let authority = authority();
    let server =
        Server::secured(authority.server().unwrap(), |mut peer| while peer.request().is_some() {});
    let url = server.url("/").replace("https://", "http://");
    let failure = failure(&authority.transport(), put(&url, "v"));
    assert_eq!(failure.stage(), Stage::AfterSend);
    let text = "connection broke: the server speaks TLS on this port: use https://";
    assert_eq!(failure.to_string(), text);
}

#[test]
fn the_limit_for_the_handshake_is_before_sending() {
    let server = Server::start(|mut peer| while !peer.sees_close() {});
    let transport = authority().transport();
    for timing in [
        patient().with_handshake(Some(SHORT)),
        Timing::new(None, Some(SHORT)),
        Timing::new(Some(PATIENCE), Some(SHORT)).with_handshake(Some(PATIENCE)),
    ] {
        let began = Instant::now();
        let result = transport.send(put(&secured(&server), "v"), timing, &Interrupt::never());
        let failure = result.err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
        assert!((SHORT..PATIENCE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[test]
fn a_server_that_dribbles_does_not_prolong_the_handshake() {
    for pause in [Duration::from_millis(5), Duration::from_micros(200)] {
        let server = Server::start(move |mut peer| {
            peer.read_once_raw();
            peer.say([0x16, 3, 3, 0x40, 0]);
            while peer.say([2]) {
                thread::sleep(pause);
            }
        });
        let began = Instant::now();
        let timing = patient().with_handshake(Some(SHORT));
        let transport = authority().transport();
        let result = transport.send(get(&secured(&server)), timing, &Interrupt::never());
        let failure = result.err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
        assert!((SHORT..PATIENCE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[test]
fn the_limit_for_connecting_does_not_cover_the_handshake() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        thread::sleep(SHORT * 2);
        peer.request();
        peer.say(OK);
    });
    let timing = Timing::new(Some(SHORT), Some(PATIENCE)).with_handshake(Some(PATIENCE));
    let never = Interrupt::never();
    let result = authority.transport().send(get(&server.url("/")), timing, &never);
    assert_eq!(result.unwrap().0.status, 200);
}

#[test]
fn the_limit_for_the_handshake_does_not_cover_the_answer() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        peer.request();
        thread::sleep(SHORT * 5);
        peer.say(OK);
    });
    let timing = patient().with_handshake(Some(SHORT * 4));
    let never = Interrupt::never();
    let result = authority.transport().send(get(&server.url("/")), timing, &never);
    assert_eq!(result.unwrap().0.status, 200);
}

#[test]
fn interrupts_end_a_handshake_at_once() {
    let transport = authority().transport();
    for (way, cause) in
        [(Interrupt::stop as fn(&Interrupt), Cause::Stopped), (Interrupt::leave, Cause::Left)]
    {
        let (closed, is_closed) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.read_once_raw();
            closed.send(peer.sees_close()).unwrap();
        });
        let interrupt = Interrupt::new();
        let began = Instant::now();
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(SHORT / 2);
                way(&interrupt);
            });
            transport.send(put(&secured(&server), "v"), Timing::default(), &interrupt)
        });
        let failure = result.err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
        assert!(began.elapsed() < PATIENCE / 2);
        assert!(is_closed.recv_timeout(PATIENCE).unwrap());
    }
}

#[test]
fn servers_are_told_why_a_handshake_failed() {
    let (authority, other) = (authority(), authority());
    let (said, was_said) = mpsc::channel();
    let server = Server::secured(other.server().unwrap(), move |mut peer| {
        said.send(peer.stream.read(&mut [0]).unwrap_err().to_string()).unwrap();
    });
    failure(&authority.transport(), get(&server.url("/")));
    let said = was_said.recv_timeout(PATIENCE).unwrap();
    assert!(said.contains("received fatal alert"), "{said}");
}

#[test]
fn a_failed_handshake_leaves_the_transport_as_it_was() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        if peer.number > 0 {
            peer.request();
            peer.say(OK);
        }
    });
    let transport = authority.transport();
    assert_eq!(failure(&transport, put(&server.url("/"), "v")).stage(), Stage::BeforeSend);
    assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().1, "ok");
}

/// A server that sends the first records of its handshake, and then something else.
fn breaks_off(then: &'static str) -> (Server, Authority) {
    let authority = authority();
    let config = authority.for_hosts(&["127.0.0.1"]).unwrap().server(&[&TLS12], None).unwrap();
    let server = Server::start(move |mut peer| {
        let hello = peer.read_once_raw();
        let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
        tls.read_tls(&mut &*hello).unwrap();
        tls.process_new_packets().unwrap();
        let mut records = Vec::new();
        tls.write_tls(&mut records).unwrap();
        records.extend_from_slice(then.as_bytes());
        peer.stream.write_all(&records).unwrap();
    });
    (server, authority)
}

#[test]
fn handshake_that_breaks_off_never_leads_to_advice_to_use_http() {
    for (then, expected) in [
        ("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "something that is not TLS came"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "something that is not TLS came"),
        ("", "the connection in the middle of the TLS handshake"),
    ] {
        let (server, authority) = breaks_off(then);
        let failure = failure(&authority.transport(), put(&secured(&server), "v"));
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
        let text = failure.to_string();
        assert!(text.contains(expected) && !text.contains("http://"), "{text}");
    }
}
