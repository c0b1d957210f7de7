//! Calls that are ended from another thread.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::{BlockingTransport, Cause, Failure, Interrupt, Stage, Timing};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{PATIENCE, ask, get, patient, put, rest};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

type Way = fn(&Interrupt);

/// The two ways to use an interrupt, and what comes of each.
const WAYS: [(Way, Cause); 2] =
    [(Interrupt::stop, Cause::Stopped), (Interrupt::leave, Cause::Left)];

/// The failure of a call that blocks until `way` is used, which happens once `ready` says so.
fn interrupted(
    way: Way,
    ready: impl FnOnce() + Send,
    call: impl FnOnce(&Interrupt) -> Failure,
) -> Failure {
    let interrupt = Interrupt::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            ready();
            // Most likely the call blocks by now; if not, the interrupt must work all the same.
            thread::sleep(Duration::from_millis(20));
            way(&interrupt);
        });
        let began = Instant::now();
        let failure = call(&interrupt);
        assert!(began.elapsed() < PATIENCE / 2, "took {:?}", began.elapsed());
        failure
    })
}

#[test]
fn interrupt_ends_the_wait_for_the_head_and_closes_the_connection() {
    for (way, cause) in WAYS {
        let (asked, is_asked) = mpsc::channel();
        let (closed, is_closed) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.request();
            asked.send(()).unwrap();
            closed.send(peer.sees_close()).unwrap();
        });
        let transport = UreqTransport::new();
        let ready = move || is_asked.recv_timeout(PATIENCE).unwrap();
        let failure = interrupted(way, ready, |interrupt| {
            transport.send(put(&server.url("/"), "v"), Timing::default(), interrupt).err().unwrap()
        });
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, cause));
        assert!(is_closed.recv_timeout(PATIENCE).unwrap());
    }
}

#[test]
fn interrupt_ends_the_wait_for_the_body_which_does_not_go_on() {
    for (way, cause) in WAYS {
        // A body that ends when the server closes must not take the shut socket for its end.
        for head in ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"] {
            let (closed, is_closed) = mpsc::channel();
            let server = Server::start(move |mut peer| {
                peer.request();
                peer.say(format!("{head}\r\n\r\n"));
                closed.send(peer.sees_close()).unwrap();
            });
            let transport = UreqTransport::new();
            let never = Interrupt::never();
            let (_, mut body) = transport.send(get(&server.url("/")), patient(), &never).unwrap();
            let failure =
                interrupted(way, || {}, |interrupt| body.read(None, interrupt).unwrap_err());
            assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, cause), "{head}");
            assert!(is_closed.recv_timeout(PATIENCE).unwrap());
            assert!(body.read(None, &Interrupt::new()).is_err());
        }
    }
}

#[test]
fn interrupt_ends_sending_to_a_server_that_does_not_read() {
    for (way, cause) in WAYS {
        let (closed, is_closed) = mpsc::channel();
        let (accepted, is_accepted) = mpsc::channel();
        let server = Server::start(move |peer| {
            accepted.send(()).unwrap();
            closed.send(peer).unwrap();
        });
        let transport = UreqTransport::new();
        let body = bytes::Bytes::from(vec![b'x'; 64 << 20]);
        let request = put(&server.url("/"), "").map(|_| body);
        let ready = move || is_accepted.recv_timeout(PATIENCE).unwrap();
        let failure = interrupted(way, ready, |interrupt| {
            transport.send(request, Timing::default(), interrupt).err().unwrap()
        });
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, cause));
        assert!(is_closed.recv_timeout(PATIENCE).unwrap().sees_close());
    }
}

#[test]
fn interrupt_ends_sleeping() {
    for (way, cause) in WAYS {
        let transport = UreqTransport::new();
        let failure = interrupted(
            way,
            || {},
            |interrupt| transport.sleep(PATIENCE * 10, interrupt).unwrap_err(),
        );
        assert_eq!(failure.cause(), cause);
    }
}

#[test]
fn interrupt_used_before_keeps_a_request_from_being_sent() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    for (way, cause) in WAYS {
        ask(&transport, get(&server.url("/"))).unwrap();
        let interrupt = Interrupt::new();
        way(&interrupt);
        let failure =
            transport.send(put(&server.url("/"), "v"), patient(), &interrupt).err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
    }
    assert_eq!(server.requests(), ["GET /", "GET /"]);
    assert_eq!(server.accepted(), 1, "the idle connection was left alone");
}

#[test]
fn leaving_is_for_one_call_and_stopping_for_all() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    let interrupt = Interrupt::new();
    interrupt.leave();
    assert!(transport.send(get(&server.url("/")), patient(), &interrupt).is_err());
    let (_, mut body) = transport.send(get(&server.url("/")), patient(), &interrupt).unwrap();
    interrupt.stop();
    let failure = body.read(None, &interrupt).unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Stopped));
    assert!(transport.send(get(&server.url("/")), patient(), &interrupt).is_err());
}

#[test]
fn interrupt_has_no_hold_on_a_connection_after_its_call() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    for (way, _) in WAYS {
        let interrupt = Interrupt::new();
        let (_, mut body) = transport.send(get(&server.url("/")), patient(), &interrupt).unwrap();
        assert!(body.read(None, &interrupt).unwrap().is_some());
        way(&interrupt);
        assert_eq!(body.read(None, &interrupt).unwrap(), None, "it had ended before");
        let never = Interrupt::never();
        let (_, mut body) = transport.send(get(&server.url("/")), patient(), &never).unwrap();
        assert_eq!(rest(&mut *body).unwrap(), "ok");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn interrupts_at_any_moment_lead_to_one_of_two_ends() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    for round in 0..200_u32 {
        let interrupt = Interrupt::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_micros(u64::from(round)));
                interrupt.stop();
            });
            match transport.send(get(&server.url("/")), patient(), &interrupt) {
                Err(failure) => assert_eq!(failure.cause(), Cause::Stopped),
                Ok((_, mut body)) => match body.read(Some(PATIENCE), &interrupt) {
                    Err(failure) => assert_eq!(failure.cause(), Cause::Stopped),
                    Ok(piece) => assert_eq!(piece.unwrap(), "ok"),
                },
            }
        });
    }
}
