//! Where bodies begin and end.

use std::sync::{Arc, Barrier};
use std::thread;

use etcd_v2_proto::{Cause, Failure, Interrupt, Stage};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{PATIENCE, ask, get, rest, send};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a body comes to when the server closes after this answer; the head of it is good.
fn read_of(answer: &'static str) -> Result<String, Failure> {
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.say(answer);
    });
    let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
    let result = rest(&mut *body);
    if result.is_err() {
        let again = body.read(Some(PATIENCE), &Interrupt::never());
        assert!(again.is_err(), "a broken body does not end well later");
    }
    result
}

fn is_cut(answer: &'static str) {
    let failure = read_of(answer).unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken), "{answer}");
    let text = "connection broke: the server closed the connection before the end of the answer";
    assert_eq!(failure.to_string(), text, "{answer}");
}

#[test]
fn body_shorter_than_its_length_is_a_failure() {
    is_cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    is_cut("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123456789");
}

#[test]
fn chunked_body_without_its_last_chunk_is_a_failure() {
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0");
    is_cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrail");
}

#[test]
fn chunked_body_ends_with_its_last_chunk_even_without_the_empty_line() {
    let text = read_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n");
    assert_eq!(text.unwrap(), "hello");
}

#[test]
fn extensions_and_trailers_of_chunks_are_skipped() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5;a=b\r\nhello\r\nA\r\n, world...\r\n0\r\nTrailer: x\r\n\r\n";
    assert_eq!(read_of(answer).unwrap(), "hello, world...");
}

#[test]
fn chunks_that_make_no_sense_are_a_failure() {
    for body in
        ["x\r\nhello\r\n0\r\n\r\n", "5\r\nhello!\r\n0\r\n\r\n", "fffffffffffffffff\r\nhello"]
    {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{CHUNKED}{body}"));
            peer.sees_close();
        });
        let failure = ask(&UreqTransport::new(), get(&server.url("/"))).unwrap_err();
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    }
}

#[test]
fn chunk_size_with_a_sign_is_the_number_without_it() {
    // It ought to be an error, but ureq reads it so. Nothing else depends on where this body ends: what comes
    // after it closes the connection.
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(read_of(answer).unwrap(), "hello");
}

#[test]
fn body_without_a_length_ends_when_the_server_closes() {
    assert_eq!(read_of("HTTP/1.0 200 OK\r\n\r\nhello").unwrap(), "hello");
    assert_eq!(read_of("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello").unwrap(), "hello");
    assert_eq!(read_of("HTTP/1.0 200 OK\r\n\r\n").unwrap(), "");
}

#[test]
fn reset_is_never_the_end_of_a_body() {
    for head in ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 10"] {
        let reset = Arc::new(Barrier::new(2));
        let go = Arc::clone(&reset);
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{head}\r\n\r\nhello"));
            go.wait();
            peer.reset();
        });
        let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
        let piece = body.read(Some(PATIENCE), &Interrupt::never()).unwrap();
        assert_eq!(piece.as_deref(), Some(&b"hello"[..]));
        reset.wait();
        let failure = body.read(Some(PATIENCE), &Interrupt::never()).unwrap_err();
        let text = failure.to_string();
        assert!(text.starts_with("connection broke: Connection reset by peer (os error"), "{text}");
    }
}

#[test]
fn head_that_breaks_off_is_a_failure() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(head);
        });
        let failure = crate::failure(&UreqTransport::new(), get(&server.url("/")));
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    }
}

#[test]
fn answers_that_are_not_http_are_a_failure() {
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "\0\0\0\x12\x04\0\0\0\0\0"]
    {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(answer);
            peer.sees_close();
        });
        let failure = crate::failure(&UreqTransport::new(), get(&server.url("/")));
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    }
}

#[test]
fn informational_answers_are_skipped() {
    let server = Server::answering(
        "HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
         HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
    );
    let transport = UreqTransport::new();
    for _ in 0..2 {
        let (status, text) = ask(&transport, crate::put(&server.url("/"), "v")).unwrap();
        assert_eq!((status.as_u16(), text.as_str()), (201, "ok"));
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn small_bodies_come_in_one_piece() {
    for (head, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n".to_owned(), "x".repeat(2000)),
        (CHUNKED.to_owned(), format!("7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000))),
    ] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{head}{body}"));
            peer.sees_close();
        });
        let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
        let piece = body.read(Some(PATIENCE), &Interrupt::never()).unwrap().unwrap();
        assert_eq!(piece.len(), 2000);
        assert_eq!(body.read(Some(PATIENCE), &Interrupt::never()).unwrap(), None);
    }
}

#[test]
fn large_bodies_come_whole_and_in_large_pieces() {
    let text: String = (0..500_000).map(|number| format!("{number:07}")).collect();
    let length = text.len();
    for head in [format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"), CHUNKED.to_owned()]
    {
        let sent = text.clone();
        let server = Server::start(move |mut peer| {
            peer.request();
            if head == CHUNKED {
                peer.say(format!("{head}{length:x}\r\n{sent}\r\n0\r\n\r\n"));
            } else {
                peer.say(format!("{head}{sent}"));
            }
            peer.sees_close();
        });
        let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
        let (mut found, mut pieces) = (Vec::new(), Vec::new());
        while let Some(piece) = body.read(Some(PATIENCE), &Interrupt::never()).unwrap() {
            pieces.push(piece.len());
            found.extend_from_slice(&piece);
        }
        assert!(found == text.as_bytes());
        assert!(pieces.iter().any(|piece| *piece > 32 << 10), "{pieces:?}");
        assert!(pieces.iter().all(|piece| *piece <= 64 << 10), "{pieces:?}");
    }
}

#[test]
fn body_may_be_read_on_another_thread() {
    let server = Server::start(|mut peer| {
        while peer.request().is_some() {
            peer.say(CHUNKED);
            for _ in 0..20 {
                peer.say("5\r\nhello\r\n");
            }
            peer.say("0\r\n\r\n");
        }
    });
    let transport = UreqTransport::new();
    for _ in 0..3 {
        let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
        let text = thread::spawn(move || rest(&mut *body).unwrap()).join().unwrap();
        assert_eq!(text, "hello".repeat(20));
    }
    assert_eq!(server.accepted(), 1);
}
