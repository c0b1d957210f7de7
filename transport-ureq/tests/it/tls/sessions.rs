//! Secured connections that last: reuse, ends, interrupts.

use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ServerConfig};
use xtask::Stream;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::server::{Peer, Server};
use crate::{PATIENCE, ask, failure, get, patient, put, request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What only the TLS side of a peer can do.
pub(super) fn with_tls(peer: &mut Peer, act: impl FnOnce(&mut rustls::ServerConnection)) {
    let Stream::Secured(stream) = &mut peer.stream else { panic!("not secured") };
    act(&mut stream.conn);
    stream.conn.complete_io(&mut stream.sock).unwrap();
}

/// One configuration for each version, with many tickets for the newer one.
pub(super) fn versions(authority: &Authority) -> [Arc<ServerConfig>; 2] {
    let pair = authority.for_hosts(&["127.0.0.1"]).unwrap();
    let mut newer = Arc::unwrap_or_clone(pair.server(&[&TLS13], None).unwrap());
    newer.send_tls13_tickets = 8;
    [pair.server(&[&TLS12], None).unwrap(), Arc::new(newer)]
}

#[test]
fn one_connection_serves_many_requests() {
    let authority = authority();
    for config in versions(&authority) {
        let server = Server::secured(config, |mut peer| {
            while peer.request().is_some() {
                peer.say(OK);
            }
        });
        let transport = authority.transport();
        for method in ["GET", "PUT", "DELETE", "POST", "GET"] {
            let answer = ask(&transport, request(method, &server.url("/"), "v")).unwrap();
            assert_eq!(answer.1, "ok");
        }
        assert_eq!((server.accepted(), server.requests().len()), (1, 5));
    }
}

/// Once it is told to and the connection is idle.
fn when_idle(act: impl Fn(&mut Peer) + Send + Sync + 'static) -> (Server, impl Fn(), Authority) {
    let authority = authority();
    let (idle, is_idle) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let is_idle = Mutex::new(is_idle);
    let server = Server::secured(versions(&authority)[1].clone(), move |mut peer| {
        while peer.request().is_some() {
            peer.say(OK);
            is_idle.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            act(&mut peer);
            done.send(()).unwrap();
        }
    });
    let wait = move || {
        idle.send(()).unwrap();
        is_done.recv_timeout(PATIENCE).unwrap();
    };
    (server, wait, authority)
}

#[test]
fn words_of_tls_itself_do_not_spoil_an_idle_connection() {
    let (server, act, authority) = when_idle(|peer| {
        with_tls(peer, |tls| tls.refresh_traffic_keys().unwrap());
    });
    let transport = authority.transport();
    for _ in 0..5 {
        assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().1, "ok");
        act();
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn data_on_an_idle_connection_spoils_it() {
    let (server, act, authority) = when_idle(|peer| {
        peer.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    });
    let transport = authority.transport();
    for _ in 0..3 {
        assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().1, "ok");
        act();
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 3));
}

#[test]
fn endless_words_of_tls_itself_do_spoil_an_idle_connection() {
    let (server, act, authority) = when_idle(|peer| {
        with_tls(peer, |tls| (0..2000).for_each(|_| tls.refresh_traffic_keys().unwrap()));
    });
    let transport = authority.transport();
    assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().1, "ok");
    act();
    assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().1, "ok");
    assert_eq!(server.accepted(), 2);
    act();
}

#[test]
fn data_behind_an_answer_spoils_the_connection() {
    let authority = authority();
    // All of it in one record, which is decrypted before anybody knows where the answer ends; some
    // of these answers just fill the space that it is read into.
    for length in [100, 4096, 8192] {
        let server = Server::secured(authority.server().unwrap(), move |mut peer| {
            peer.request();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {:>5}\r\n\r\n", length - 42);
            assert_eq!(head.len(), 42, "{head}");
            peer.say(format!("{head}{}{}", "x".repeat(length - 42), "y".repeat(100)));
            peer.sees_close();
        });
        let transport = authority.transport();
        for _ in 0..2 {
            let body = ask(&transport, get(&server.url("/"))).unwrap().1;
            assert_eq!(body.trim_matches('x'), "", "{length}");
        }
        assert_eq!(server.accepted(), 2);
    }
}

#[test]
fn connections_closed_while_idle_are_found_out_before_sending() {
    let authority = authority();
    for config in versions(&authority) {
        for announced in [false, true] {
            for method in ["GET", "PUT"] {
                let (closed, is_closed) = mpsc::channel();
                let server = Server::secured(config.clone(), move |mut peer| {
                    peer.request();
                    peer.say(OK);
                    if announced {
                        with_tls(&mut peer, |tls| tls.send_close_notify());
                    }
                    drop(peer);
                    closed.send(()).unwrap();
                });
                let transport = authority.transport();
                for target in ["/1", "/2", "/3"] {
                    ask(&transport, request(method, &server.url(target), "")).unwrap();
                    is_closed.recv_timeout(PATIENCE).unwrap();
                }
                let expected = ["/1", "/2", "/3"].map(|target| format!("{method} {target}"));
                assert_eq!((server.accepted(), server.requests()), (3, expected.to_vec()));
            }
        }
    }
}

#[test]
fn a_server_that_closes_instead_of_answering_is_after_sending() {
    let authority = authority();
    for announced in [false, true] {
        let server = Server::secured(authority.server().unwrap(), move |mut peer| {
            peer.request();
            if announced {
                with_tls(&mut peer, |tls| tls.send_close_notify());
            }
        });
        let failure = failure(&authority.transport(), put(&server.url("/"), "v"));
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        let text = "connection broke: the server closed the connection without an answer";
        assert_eq!(failure.to_string(), text);
        assert_eq!(server.requests(), ["PUT /"]);
    }
}

#[test]
fn interrupts_end_the_wait_for_an_answer() {
    let authority = authority();
    let (asked, is_asked) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel();
    let server = Server::secured(authority.server().unwrap(), move |mut peer| {
        peer.request();
        asked.send(()).unwrap();
        closed.send(peer.sees_close()).unwrap();
    });
    let (transport, interrupt) = (authority.transport(), Interrupt::new());
    let result = thread::scope(|scope| {
        let stopper = interrupt.clone();
        scope.spawn(move || {
            is_asked.recv_timeout(PATIENCE).unwrap();
            thread::sleep(Duration::from_millis(20));
            stopper.stop();
        });
        transport.send(put(&server.url("/"), "v"), patient(), &interrupt)
    });
    let failure = result.err().unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Stopped));
    assert!(is_closed.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn dropping_the_transport_says_goodbye() {
    let authority = authority();
    let (closed, is_closed) = mpsc::channel();
    let server = Server::secured(authority.server().unwrap(), move |mut peer| {
        peer.request();
        peer.say(OK);
        closed.send(peer.stream.read(&mut [0]).map_err(|error| error.kind())).unwrap();
    });
    let transport = authority.transport();
    ask(&transport, get(&server.url("/"))).unwrap();
    assert_eq!(server.accepted(), 1);
    drop(transport);
    let end: Result<usize, ErrorKind> = is_closed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end, Ok(0), "closed with the word of TLS");
}

#[test]
fn threads_share_a_transport() {
    let authority = authority();
    let config = authority.for_hosts(&["127.0.0.1"]).unwrap().server(ALL_VERSIONS, None).unwrap();
    let server = Server::secured(config, |mut peer| {
        while let Some(request) = peer.request() {
            let body = request.split_once("\r\n\r\n").unwrap().1;
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let (transport, url) = (authority.transport(), server.url("/"));
    thread::scope(|scope| {
        for number in 0..8 {
            let (transport, url) = (&transport, &url);
            scope.spawn(move || {
                for round in 0..10 {
                    let text = format!("{number}/{round}");
                    let request = put(url, "").map(|_| text.clone().into());
                    assert_eq!(ask(transport, request).unwrap().1, text);
                }
            });
        }
    });
    assert!(server.accepted() <= 8, "{} connections", server.accepted());
}
