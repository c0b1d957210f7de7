//! Limits of time and of size.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::{BlockingBody, BlockingTransport, Cause, Failure, Interrupt, Stage, Timing};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{PATIENCE, ask, failure, get, put, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const SHORT: Duration = Duration::from_millis(60);

fn times_out(began: Instant, limit: Duration, failure: &Failure, stage: Stage) {
    let took = began.elapsed();
    assert_eq!((failure.stage(), failure.cause()), (stage, Cause::TimedOut), "{failure}");
    assert!(took >= limit, "too early: {took:?}");
    assert!(took < limit + Duration::from_secs(5), "too late: {took:?}");
}

#[test]
fn head_limit_ends_the_wait_for_an_answer() {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.sees_close();
    });
    let began = Instant::now();
    let timing = Timing::new(None, Some(SHORT));
    let result = UreqTransport::new().send(put(&server.url("/"), "v"), timing, &Interrupt::never());
    times_out(began, SHORT, &result.err().unwrap(), Stage::AfterSend);
    assert_eq!(server.requests(), ["PUT /"]);
}

#[test]
fn head_limit_is_not_renewed_by_a_drop_now_and_then() {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.say("HTTP/1.1 200 OK\r\n");
        while peer.say("X: y\r\n") {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let began = Instant::now();
    let timing = Timing::new(None, Some(SHORT));
    let result = UreqTransport::new().send(get(&server.url("/")), timing, &Interrupt::never());
    times_out(began, SHORT, &result.err().unwrap(), Stage::AfterSend);
}

#[test]
fn every_request_has_its_own_head_limit_on_a_shared_connection() {
    let server = Server::start(|mut peer| {
        while let Some(text) = peer.request() {
            if !text.starts_with("GET /silent") {
                peer.say(OK);
            }
        }
    });
    let transport = UreqTransport::new();
    let never = Interrupt::never();
    for limit in [None, Some(PATIENCE), None, Some(PATIENCE)] {
        let timing = Timing::new(None, limit);
        let (_, mut body) = transport.send(get(&server.url("/")), timing, &never).unwrap();
        assert_eq!(crate::rest(&mut *body).unwrap(), "ok");
    }
    assert_eq!(server.accepted(), 1);
    let began = Instant::now();
    let timing = Timing::new(None, Some(SHORT));
    let result = transport.send(get(&server.url("/silent")), timing, &never);
    times_out(began, SHORT, &result.err().unwrap(), Stage::AfterSend);
    assert!(began.elapsed() < PATIENCE / 2, "the limit of an earlier request counted");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn head_limit_covers_sending_to_a_server_that_does_not_read() {
    let (stop, stopped) = mpsc::channel::<()>();
    let stopped = std::sync::Mutex::new(stopped);
    let server = Server::start(move |_peer| {
        let _ = stopped.lock().unwrap().recv_timeout(PATIENCE);
    });
    let body = vec![b'x'; 64 << 20];
    let request = put(&server.url("/"), "").map(|_| body.into());
    let began = Instant::now();
    let timing = Timing::new(None, Some(SHORT));
    let result = UreqTransport::new().send(request, timing, &Interrupt::never());
    times_out(began, SHORT, &result.err().unwrap(), Stage::AfterSend);
    drop(stop);
}

#[test]
fn nothing_is_sent_when_the_time_is_over_before() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    ask(&transport, get(&server.url("/"))).unwrap();
    let timing = Timing::new(None, Some(Duration::ZERO));
    let result = transport.send(put(&server.url("/late"), "v"), timing, &Interrupt::never());
    let failure = result.err().unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
    assert_eq!(server.requests(), ["GET /"]);
}

fn next(body: &mut dyn BlockingBody, limit: Duration) -> Result<Option<String>, Failure> {
    let piece = body.read(Some(limit), &Interrupt::never())?;
    Ok(piece.map(|piece| String::from_utf8(piece.to_vec()).unwrap()))
}

#[test]
fn body_goes_on_after_its_silence_was_too_long() {
    let (go, gone) = mpsc::channel::<&str>();
    let gone = std::sync::Mutex::new(gone);
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.say(CHUNKED);
        while let Ok(text) = gone.lock().unwrap().recv() {
            peer.say(text);
        }
    });
    let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
    // Cut wherever it may hurt: within a size, after it, within the data, at the end of a chunk.
    let mut found = String::new();
    for text in ["", "0", "5", "\r", "\nhel", "lo", "\r", "\n6\r\n", " world", "\r\n0", "\r\n"] {
        if !text.is_empty() {
            go.send(text).unwrap();
        }
        loop {
            let began = Instant::now();
            match next(&mut *body, SHORT) {
                Ok(piece) => found.push_str(&piece.expect("the end has not come")),
                Err(failure) => {
                    times_out(began, SHORT, &failure, Stage::AfterSend);
                    break;
                }
            }
        }
    }
    go.send("\r\n").unwrap();
    assert_eq!(next(&mut *body, PATIENCE).unwrap(), None);
    assert_eq!(found, "hello world");
}

#[test]
fn no_limit_waits_for_as_long_as_it_takes() {
    let server = Server::start(|mut peer| {
        peer.request();
        thread::sleep(SHORT);
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        for text in ["sl", "ow"] {
            thread::sleep(SHORT);
            peer.say(text);
        }
    });
    let transport = UreqTransport::new();
    let never = Interrupt::never();
    let (_, mut body) = transport.send(get(&server.url("/")), Timing::default(), &never).unwrap();
    assert_eq!(body.read(None, &never).unwrap().unwrap(), "sl");
    assert_eq!(body.read(None, &never).unwrap().unwrap(), "ow");
    assert_eq!(body.read(None, &never).unwrap(), None);
}

#[test]
fn head_that_never_ends_is_cut_off_at_its_limit() {
    for (line, limit) in [("X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n", 64 << 10), ("yyyyyyyyyy", 1 << 10)] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say("HTTP/1.1 200 OK\r\nA: ");
            while peer.say(line.repeat(100)) {}
        });
        let transport = UreqTransport::builder().max_head(limit).build();
        let failure = failure(&transport, get(&server.url("/")));
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        println!("{failure}");
    }
}

#[test]
fn head_may_be_as_large_as_its_limit() {
    for (size, fits) in [(60 << 10, true), (70 << 10, false)] {
        let server = Server::start(move |mut peer| {
            peer.request();
            let value = "y".repeat(size);
            peer.say(format!("HTTP/1.1 200 OK\r\nX: {value}\r\nContent-Length: 2\r\n\r\nok"));
            peer.sees_close();
        });
        let result = ask(&UreqTransport::new(), get(&server.url("/")));
        match result {
            Ok((_, text)) => assert!(fits && text == "ok"),
            Err(failure) => {
                assert!(!fits && failure.stage() == Stage::AfterSend, "{failure}");
                let text = failure.to_string();
                assert!(text.contains("larger than the limit of 65536 bytes"), "{text}");
            }
        }
    }
}

#[test]
fn response_with_too_many_header_lines_names_the_limit() {
    for (lines, fits) in [(126, true), (127, false), (1000, false)] {
        let server = Server::start(move |mut peer| {
            peer.request();
            let lines = "X: y\r\n".repeat(lines);
            peer.say(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\nY: z\r\n\r\nok"));
            peer.sees_close();
        });
        match ask(&UreqTransport::new(), get(&server.url("/"))) {
            Ok((_, text)) => assert!(fits && text == "ok", "{lines}"),
            Err(failure) => {
                assert!(!fits && failure.stage() == Stage::AfterSend, "{lines}: {failure}");
                let text = failure.to_string();
                assert!(text.contains("larger than the limit of 128 header lines"), "{text}");
            }
        }
    }
}

#[test]
fn what_never_ends_after_a_body_or_before_a_response_is_cut_off() {
    let long = || "y".repeat(4096);
    let trailers = format!("{CHUNKED}2\r\nok\r\n0\r\n");
    for (begin, more) in [
        (trailers.clone() + "Trailer: ", long()),
        (trailers.clone(), "X-Trailer: yes\r\n".repeat(64)),
        (trailers.clone(), "X: y\r\n".into()),
        (trailers + "X-Long: ", format!("{}\r\nX-Long: ", long())),
        (format!("{CHUNKED}2\r\nok\r\n"), "0".repeat(4096)),
        (String::new(), "HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        (String::new(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100)),
    ] {
        let (told, sent) = mpsc::channel();
        let text = format!("{begin}{more}");
        let server = Server::start(move |mut peer| {
            peer.request();
            let mut count = begin.len();
            let mut next = begin.clone();
            while peer.say(&next) {
                count += next.len();
                next.clone_from(&more);
            }
            told.send(count).unwrap();
        });
        // Without a limit of time, so that it is the amount which ends it.
        let never = Interrupt::never();
        let transport = UreqTransport::new();
        let failure = match transport.send(get(&server.url("/")), Timing::default(), &never) {
            Err(failure) => failure,
            Ok((_, mut body)) => {
                assert_eq!(body.read(None, &never).unwrap().unwrap(), "ok");
                let failure = body.read(None, &never).unwrap_err();
                // As the core does with a body that has failed.
                drop(body);
                failure
            }
        };
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken), "{text}");
        // All but 64 KiB, twice that before a response, is in the buffers of the system.
        let sent = sent.recv_timeout(PATIENCE).unwrap();
        assert!(sent < 16 << 20, "{sent} bytes: {text:.40}");
    }
}

#[test]
fn trailers_may_be_as_large_as_the_limit_and_no_pause_renews_it() {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.say(format!("{CHUNKED}2\r\nok\r\n0\r\n"));
        let lines = if peer.number == 0 { 60 } else { 200 };
        for _ in 0..lines {
            peer.say(format!("X: {}\r\n", "y".repeat(1019)));
            thread::sleep(Duration::from_millis(1));
        }
        peer.say("\r\n");
        peer.sees_close();
    });
    for fits in [true, false] {
        let (_, mut body) = send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
        assert_eq!(next(&mut *body, PATIENCE).unwrap().unwrap(), "ok");
        let result = loop {
            match next(&mut *body, Duration::from_millis(2)) {
                Err(failure) if failure.cause() == Cause::TimedOut => {}
                result => break result,
            }
        };
        match result {
            Ok(end) => assert!(fits && end.is_none()),
            Err(failure) => {
                assert!(!fits, "{failure}");
                let text = failure.to_string();
                assert!(text.contains("trailers of the response are larger than 65536"), "{text}");
            }
        }
    }
}
