//! Bodies over secured connections, and how they end.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use etcd_v2_proto::{Cause, Interrupt, Stage};

use crate::certificates::{Trusted, authority};
use crate::server::Server;
use crate::tls::sessions::{versions, with_tls};
use crate::{PATIENCE, ask, get, put, rest, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn only_a_body_without_a_length_has_to_end_with_the_word_of_tls() {
    let authority = authority();
    for (answer, announced, whole) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", false, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", true, true),
        ("HTTP/1.0 200 OK\r\n\r\nok", true, true),
        ("HTTP/1.0 200 OK\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", true, true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", true, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", true, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false, false),
    ] {
        let server = Server::secured(authority.server().unwrap(), move |mut peer| {
            peer.request();
            peer.say(answer);
            if announced {
                with_tls(&mut peer, |tls| tls.send_close_notify());
            }
        });
        match ask(&authority.transport(), get(&server.url("/"))) {
            Ok((_, body)) => assert!(whole && body == "ok", "{answer} {announced}"),
            Err(failure) => {
                assert!(!whole, "{answer} {announced}: {failure}");
                let text = "the server closed the connection before the end of the answer";
                assert_eq!(failure.to_string(), format!("connection broke: {text}"));
            }
        }
    }
}

#[test]
fn large_bodies_go_both_ways() {
    let authority = authority();
    for config in versions(&authority) {
        let server = Server::secured(config, |mut peer| {
            while let Some(request) = peer.request() {
                let body = request.split_once("\r\n\r\n").unwrap().1;
                peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
                peer.say(body);
            }
        });
        let text: String = (0..300_000).map(|number: u32| format!("{number} ")).collect();
        let transport = authority.transport();
        for _ in 0..2 {
            let request = put(&server.url("/"), "").map(|_| text.clone().into());
            assert!(ask(&transport, request).unwrap().1 == text);
        }
        assert_eq!(server.accepted(), 1);
    }
}

#[test]
fn head_and_body_leave_together() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        let text = peer.read_once();
        assert!(
            text.starts_with("PUT / HTTP/1.1\r\n") && text.ends_with("\r\n\r\nvalue=v"),
            "{text}"
        );
        peer.say(OK);
    });
    let request = put(&server.url("/"), "value=v");
    assert_eq!(ask(&authority.transport(), request).unwrap().1, "ok");
}

#[test]
fn a_body_goes_on_after_its_limit() {
    let authority = authority();
    let (go, may_go) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let server = Server::secured(authority.server().unwrap(), move |mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        peer.say("done");
    });
    let transport = authority.transport();
    let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
    let never = Interrupt::never();
    assert_eq!(body.read(Some(PATIENCE), &never).unwrap().unwrap(), "half");
    let failure = body.read(Some(Duration::from_millis(20)), &never).unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
    go.send(()).unwrap();
    assert_eq!(rest(&mut *body).unwrap(), "done");
}
