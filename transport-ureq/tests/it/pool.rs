//! Which connections are used again.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use etcd_v2_proto::{Cause, ConnectionError, Interrupt, Stage};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::ways::ways;
use crate::{PATIENCE, ask, failure, get, put, request, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
const LARGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";

#[test]
fn one_connection_serves_many_requests() {
    for answer in [OK, CHUNKED] {
        let server = Server::answering(answer);
        let transport = UreqTransport::new();
        for method in ["GET", "PUT", "DELETE", "POST", "GET"] {
            let answer = ask(&transport, request(method, &server.url("/"), "")).unwrap();
            assert_eq!(answer.1, "ok");
        }
        assert_eq!((server.accepted(), server.requests().len()), (1, 5));
    }
}

#[test]
fn connection_returns_with_the_last_byte_of_a_known_length() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
    assert_eq!(body.read(None, &Interrupt::never()).unwrap().unwrap(), "ok");
    ask(&transport, get(&server.url("/"))).unwrap();
    assert_eq!(server.accepted(), 1);
    assert_eq!(body.read(None, &Interrupt::never()).unwrap(), None);
}

#[test]
fn connection_of_a_chunked_body_returns_when_none_was_read() {
    let server = Server::answering(CHUNKED);
    let transport = UreqTransport::new();
    let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
    while body.read(Some(PATIENCE), &Interrupt::never()).unwrap().is_some() {}
    ask(&transport, get(&server.url("/"))).unwrap();
    assert_eq!(server.accepted(), 1);
    drop(body);
}

#[test]
fn answers_without_a_body_return_the_connection_at_once() {
    for head in ["204 No Content", "304 Not Modified", "200 OK\r\nContent-Length: 0"] {
        let server = Server::start(move |mut peer| {
            while peer.request().is_some() {
                peer.say(format!("HTTP/1.1 {head}\r\n\r\n"));
            }
        });
        let transport = UreqTransport::new();
        let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
        ask(&transport, get(&server.url("/"))).unwrap();
        assert_eq!(server.accepted(), 1, "{head}");
        assert_eq!(body.read(None, &Interrupt::never()).unwrap(), None);
    }
}

#[test]
fn connection_closed_while_idle_is_found_out_before_sending() {
    for method in ["GET", "PUT"] {
        let (closed, is_closed) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(OK);
            drop(peer);
            closed.send(()).unwrap();
        });
        let transport = UreqTransport::new();
        for target in ["/1", "/2", "/3"] {
            ask(&transport, request(method, &server.url(target), "")).unwrap();
            is_closed.recv_timeout(PATIENCE).unwrap();
        }
        let expected = ["/1", "/2", "/3"].map(|target| format!("{method} {target}"));
        assert_eq!((server.accepted(), server.requests()), (3, expected.to_vec()));
    }
}

#[test]
fn connection_reset_while_idle_is_found_out_before_sending() {
    let (closed, is_closed) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.say(OK);
        peer.reset();
        closed.send(()).unwrap();
    });
    let transport = UreqTransport::new();
    let (_, mut body) = send(&transport, get(&server.url("/1"))).unwrap();
    assert!(body.read(Some(PATIENCE), &Interrupt::never()).unwrap().is_some());
    is_closed.recv_timeout(PATIENCE).unwrap();
    ask(&transport, put(&server.url("/2"), "v")).unwrap();
    assert_eq!(server.requests(), ["GET /1", "PUT /2"]);
}

#[test]
fn request_that_meets_a_closing_server_is_not_repeated() {
    for (method, kept_alive) in [("GET", false), ("GET", true), ("PUT", false), ("PUT", true)] {
        let server = Server::start(move |mut peer| {
            if kept_alive {
                peer.request();
                peer.say(OK);
            }
            peer.request();
        });
        let transport = UreqTransport::new();
        if kept_alive {
            ask(&transport, get(&server.url("/first"))).unwrap();
        }
        let failure = failure(&transport, request(method, &server.url("/k"), "v"));
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        let text = "connection broke: the server closed the connection without an answer";
        let hint = if kept_alive { "" } else { "; if it speaks TLS on this port, use https://" };
        assert_eq!(failure.to_string(), format!("{text}{hint}"));
        assert_eq!(server.accepted(), 1);
        let asked = server.requests();
        assert_eq!(asked.last().unwrap(), &format!("{method} /k"));
        assert_eq!(asked.len(), 1 + usize::from(kept_alive));
    }
}

#[test]
fn reset_after_the_request_is_after_sending_and_not_repeated() {
    let server = Server::start(|mut peer| {
        peer.request();
        peer.reset();
    });
    let failure = failure(&UreqTransport::new(), put(&server.url("/k"), "v"));
    assert_eq!(failure.stage(), Stage::AfterSend);
    assert_eq!(failure.connection_error(), Some(&ConnectionError::Mute { how: "reset" }));
    let text = "connection broke: the server reset the connection without an answer; if it speaks \
                TLS on this port, use https://";
    assert_eq!(failure.to_string(), text);
    assert_eq!(server.requests(), ["PUT /k"]);
}

#[test]
fn connection_on_which_the_server_spoke_unasked_is_not_used_again() {
    let (spoken, has_spoken) = mpsc::channel();
    let (closed, is_closed) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.say(OK);
        if peer.number == 0 {
            peer.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
            spoken.send(()).unwrap();
            closed.send(peer.sees_close()).unwrap();
        }
    });
    let transport = UreqTransport::new();
    ask(&transport, get(&server.url("/1"))).unwrap();
    has_spoken.recv_timeout(PATIENCE).unwrap();
    assert_eq!(ask(&transport, put(&server.url("/2"), "v")).unwrap().1, "ok");
    assert!(is_closed.recv_timeout(PATIENCE).unwrap());
    assert_eq!(server.accepted(), 2);
}

#[test]
fn unsolicited_response_is_not_taken_for_the_next_one_however_soon_it_comes() {
    const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    for gap in (0..=12).map(Duration::from_millis) {
        let (spoken, has_spoken) = mpsc::channel();
        let ways = ways(&UreqTransport::builder(), move |mut peer| {
            peer.request();
            peer.say(OK);
            if peer.number == 0 {
                thread::sleep(gap);
                peer.say(FORGED);
                peer.until_it_has_arrived();
                spoken.send(()).unwrap();
                peer.request();
            }
        });
        // What a tunnel has not passed on yet is not there yet.
        for way in ways.iter().filter(|way| way.name != "tunnel") {
            ask(&way.transport, get(&way.url("/1"))).unwrap();
            has_spoken.recv_timeout(PATIENCE).unwrap();
            let answer = ask(&way.transport, put(&way.url("/2"), "v")).unwrap();
            assert_eq!(answer.1, "ok", "{gap:?}, {}", way.name);
            assert_eq!(way.server.accepted(), 2, "{gap:?}, {}", way.name);
        }
    }
}

#[test]
fn bytes_after_the_answer_are_no_part_of_it_and_close_the_connection() {
    for answer in [OK, CHUNKED] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{answer}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
            peer.sees_close();
        });
        let transport = UreqTransport::new();
        for _ in 0..2 {
            assert_eq!(ask(&transport, get(&server.url("/"))).unwrap().1, "ok");
        }
        assert_eq!(server.accepted(), 2);
    }
}

#[test]
fn body_dropped_before_its_end_closes_the_connection() {
    for read_some in [false, true] {
        let (closed, is_closed) = mpsc::channel();
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{LARGE}some"));
            closed.send(peer.sees_close()).unwrap();
        });
        let transport = UreqTransport::new();
        let (_, mut body) = send(&transport, get(&server.url("/"))).unwrap();
        if read_some {
            assert_eq!(body.read(Some(PATIENCE), &Interrupt::never()).unwrap().unwrap(), "some");
        }
        drop(body);
        assert!(is_closed.recv_timeout(PATIENCE).unwrap());
        drop(send(&transport, get(&server.url("/"))).unwrap());
        assert_eq!(server.accepted(), 2);
    }
}

#[test]
fn connections_are_given_up_when_the_server_says_so() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK"] {
        let server = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("{head}\r\nContent-Length: 2\r\n\r\nok"));
            assert!(peer.sees_close());
        });
        let transport = UreqTransport::new();
        for _ in 0..2 {
            ask(&transport, get(&server.url("/"))).unwrap();
        }
        assert_eq!(server.accepted(), 2, "{head}");
    }
}

#[test]
fn limits_of_the_pool_hold() {
    let none = UreqTransport::builder().max_idle(0);
    let none_per_origin = UreqTransport::builder().max_idle_per_origin(0);
    let too_old = UreqTransport::builder().idle_timeout(Some(Duration::ZERO));
    for builder in [none, none_per_origin, too_old] {
        let server = Server::answering(OK);
        let transport = builder.build();
        for _ in 0..3 {
            ask(&transport, get(&server.url("/"))).unwrap();
        }
        assert_eq!(server.accepted(), 3);
    }
}

#[test]
fn the_connection_that_was_not_used_for_the_longest_time_makes_room() {
    let servers = [(); 3].map(|()| Server::answering(OK));
    let transport = UreqTransport::builder().max_idle(2).idle_timeout(None).build();
    for number in [0, 1, 0, 2, 0, 1, 2] {
        ask(&transport, get(&servers[number].url("/"))).unwrap();
    }
    assert_eq!(servers.each_ref().map(Server::accepted), [1, 2, 2]);
}

#[test]
fn dropping_the_transport_closes_its_connections() {
    let (closed, is_closed) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        peer.request();
        peer.say(OK);
        closed.send(peer.sees_close()).unwrap();
    });
    let transport = UreqTransport::new();
    ask(&transport, get(&server.url("/"))).unwrap();
    drop(transport);
    assert!(is_closed.recv_timeout(PATIENCE).unwrap());
}

#[test]
fn many_threads_share_one_transport() {
    const THREADS: usize = 64;
    let server = Server::start(|mut peer| {
        while let Some(text) = peer.request() {
            let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let transport = Arc::new(UreqTransport::builder().max_idle_per_origin(THREADS).build());
    let (url, together) = (server.url("/"), Barrier::new(THREADS));
    let slowest = Mutex::new(Duration::ZERO);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (transport, url, together, slowest) = (&transport, &url, &together, &slowest);
            scope.spawn(move || {
                together.wait();
                for round in 0..20 {
                    let text = format!("{number}/{round}");
                    let request = put(url, "").map(|_| text.clone().into());
                    let began = std::time::Instant::now();
                    assert_eq!(ask(transport, request).unwrap().1, text);
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = began.elapsed().max(*slowest);
                }
            });
        }
    });
    assert!(server.accepted() <= THREADS, "{} connections", server.accepted());
    assert_eq!(server.requests().len(), THREADS * 20);
    assert!(slowest.into_inner().unwrap() < PATIENCE);
}
