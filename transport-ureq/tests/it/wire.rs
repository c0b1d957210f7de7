//! What goes over the wire.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{BlockingTransport, ConnectionError, Stage};
use http::Request;
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{ask, get, put, request};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What the server reads at once when this request is sent.
fn first_read(request: impl FnOnce(&Server) -> Request<Bytes>) -> String {
    let (arrived, read) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        arrived.send(peer.read_once()).unwrap();
        peer.say(OK);
    });
    let transport = UreqTransport::new();
    assert_eq!(ask(&transport, request(&server)).unwrap().1, "ok");
    read.recv().unwrap().replace(&server.address().to_string(), "ADDRESS")
}

#[test]
fn get_carries_the_headers_of_the_request_and_no_others() {
    let text = first_read(|server| {
        let mut request = get(&server.url("/v2/keys/a%20b?recursive=true"));
        request.headers_mut().insert("authorization", "Basic cm9vdDpwdw==".parse().unwrap());
        request
    });
    assert_eq!(
        text,
        "GET /v2/keys/a%20b?recursive=true HTTP/1.1\r\n\
         host: ADDRESS\r\n\
         authorization: Basic cm9vdDpwdw==\r\n\r\n"
    );
}

#[test]
fn small_put_arrives_in_one_piece() {
    let text = first_read(|server| {
        let mut request = put(&server.url("/v2/keys/k"), "value=1&ttl=5");
        let form = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", form);
        request
    });
    assert_eq!(
        text,
        "PUT /v2/keys/k HTTP/1.1\r\n\
         host: ADDRESS\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         content-length: 13\r\n\r\n\
         value=1&ttl=5"
    );
}

#[test]
fn every_small_put_is_one_write() {
    let server = Server::start(|mut peer| {
        loop {
            // Two writes would often, if not always, be two reads.
            let text = peer.read_once();
            if !text.ends_with("\r\n\r\nvalue=1") {
                return;
            }
            peer.say(OK);
        }
    });
    let transport = UreqTransport::new();
    for _ in 0..200 {
        ask(&transport, put(&server.url("/v2/keys/k"), "value=1")).unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn put_and_post_without_a_body_say_so() {
    for method in ["PUT", "POST"] {
        let text = first_read(|server| request(method, &server.url("/v2/keys/d?dir=true"), ""));
        let expected = "/v2/keys/d?dir=true HTTP/1.1\r\nhost: ADDRESS\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(text, format!("{method} {expected}"));
    }
}

#[test]
fn delete_may_have_a_content_type_and_no_body() {
    let text = first_read(|server| {
        let mut request = request("DELETE", &server.url("/v2/keys/k"), "");
        request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        request
    });
    let expected = "host: ADDRESS\r\ncontent-type: text/plain\r\n\r\n";
    assert_eq!(text, format!("DELETE /v2/keys/k HTTP/1.1\r\n{expected}"));
}

#[test]
fn length_of_the_body_is_what_it_is() {
    let text = first_read(|server| {
        let mut request = put(&server.url("/"), "abc");
        request.headers_mut().insert("content-length", "99".parse().unwrap());
        request
    });
    assert!(text.ends_with("\r\ncontent-length: 3\r\n\r\nabc"), "{text}");
}

#[test]
fn large_requests_arrive_whole() {
    let (arrived, read) = mpsc::channel();
    let server = Server::start(move |mut peer| {
        while let Some(text) = peer.request() {
            arrived.send(text).unwrap();
            peer.say(OK);
        }
    });
    let transport = UreqTransport::new();
    for (target, header, body) in
        [(60_000, 10, 0), (10, 100_000, 10), (10, 10, 1_000_000), (60_000, 70_000, 70_000)]
    {
        let (target, header) = (format!("/{}", "t".repeat(target)), "h".repeat(header));
        let body: String = (0..body).map(|byte| char::from(b'a' + (byte % 26) as u8)).collect();
        let mut request = put(&server.url(&target), "").map(|_| Bytes::from(body.clone()));
        request.headers_mut().insert("x-large", header.parse().unwrap());
        ask(&transport, request).unwrap();
        let text = read.recv().unwrap();
        assert!(text.starts_with(&format!("PUT {target} HTTP/1.1\r\n")));
        assert!(text.contains(&format!("\r\nx-large: {header}\r\n")));
        assert!(text.ends_with(&format!("\r\n\r\n{body}")));
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn answer_to_a_request_that_was_not_read_to_its_end_counts() {
    const LARGE: usize = 64 << 20;
    let server = Server::start(|mut peer| {
        peer.read_once();
        peer.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nlost");
    });
    let transport = UreqTransport::new();
    for _ in 0..2 {
        let request = put(&server.url("/"), "").map(|_| Bytes::from(vec![b'x'; LARGE]));
        let (status, text) = ask(&transport, request).unwrap();
        assert_eq!((status.as_u16(), text.as_str()), (401, "lost"));
    }
    assert_eq!(server.accepted(), 2);
}

#[test]
fn redirects_and_refusals_are_answers_like_any_other() {
    for status in [301, 307, 401, 404, 412, 500, 503] {
        let server = Server::start(move |mut peer| {
            while peer.request().is_some() {
                let location = "Location: http://127.0.0.1:1/\r\n";
                let head = format!("HTTP/1.1 {status} Whatever\r\n{location}");
                peer.say(format!("{head}Content-Length: 4\r\n\r\nbody"));
            }
        });
        let transport = UreqTransport::new();
        for method in ["GET", "PUT"] {
            let (found, text) = ask(&transport, request(method, &server.url("/"), "")).unwrap();
            assert_eq!((found.as_u16(), text.as_str()), (status, "body"));
        }
        assert_eq!(server.accepted(), 1);
        assert_eq!(server.requests(), ["GET /", "PUT /"]);
    }
}

#[test]
fn bodies_are_not_decompressed() {
    let server = Server::answering(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    );
    let (head, mut body) = crate::send(&UreqTransport::new(), get(&server.url("/"))).unwrap();
    assert_eq!(head.headers["content-encoding"], "gzip");
    assert_eq!(crate::rest(&mut *body).unwrap(), "abc");
}

#[test]
fn requests_that_make_no_sense_are_not_sent() {
    let server = Server::answering(OK);
    let transport = UreqTransport::new();
    let mut twice = get(&server.url("/"));
    twice.headers_mut().append("host", "b".parse().unwrap());
    let mut relative = get(&server.url("/"));
    *relative.uri_mut() = "/v2/keys".parse().unwrap();
    let mut scheme = get(&server.url("/"));
    *scheme.uri_mut() = "unix://a/v2/keys".parse().unwrap();
    for request in [twice, relative, scheme] {
        assert_eq!(crate::failure(&transport, request).stage(), Stage::BeforeSend);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn port_for_grpc_alone_is_told_as_one() {
    // What grpc-go sends before it reads: its settings, and a larger window.
    let greeting = "\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0\0\0\x04\x08\0\0\0\0\0\0\x0e\x7f\x01";
    let server = Server::start(move |mut peer| {
        peer.say(greeting);
        peer.request();
    });
    let failure = crate::failure(&UreqTransport::new(), get(&server.url("/version")));
    assert_eq!(failure.connection_error(), Some(&ConnectionError::SpeaksHttp2));
    let text = failure.to_string();
    assert!(text.contains("only HTTP/2") && text.contains("--listen-client-http-urls"), "{text}");
}

#[test]
fn proxy_from_the_environment_is_not_used() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:1");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        child.env_remove(name);
    }
    let test = "wire::get_carries_the_headers_of_the_request_and_no_others";
    let result = child.args(["--exact", test]).output().unwrap();
    let text = String::from_utf8_lossy(&result.stdout);
    assert!(result.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn clock_moves_on() {
    let transport = UreqTransport::new();
    let before = transport.now();
    transport.sleep(Duration::from_millis(2), &etcd_v2_proto::Interrupt::never()).unwrap();
    assert!(transport.now() >= before + Duration::from_millis(2));
}
