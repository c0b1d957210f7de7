//! Answers that are larger than anybody wants.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{ErrorKind, Outcome, Policy};

use crate::both::{Colour, both, timed};
use crate::server::{PATIENCE, Peer, Server, change, etcd, html, response};

both!(
    body_of_a_hundred_megabytes_is_too_large_by_default,
    body_of_a_hundred_megabytes_is_taken_if_the_caller_wants_it,
    limit_for_answers_is_inclusive,
    announced_length_alone_takes_no_memory_and_fails_nobody,
    endless_body_of_chunks_ends_at_the_limit,
    endless_body_without_a_length_ends_at_the_limit,
    endless_refusal_is_read_no_further_than_its_limit,
    head_that_never_ends_is_a_failure,
    one_header_of_a_megabyte_is_a_failure,
    many_headers_are_fine_up_to_a_limit,
    head_with_too_many_lines_names_the_limit_and_is_not_retried,
    refusal_of_ten_megabytes_is_told_by_its_beginning,
    trailers_that_never_end_are_a_failure,
);

const HUNDRED: usize = 100 << 20;

/// A change whose value has this many bytes, sent piece by piece.
fn send_value(peer: &mut Peer, length: usize) {
    let (before, after) = ("{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"", "\"}}");
    let total = before.len() + length + after.len();
    peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n{before}"));
    let piece = vec![b'v'; 1 << 20];
    let mut left = length;
    while left > 0 && peer.write(&piece[..left.min(piece.len())]) {
        left = left.saturating_sub(piece.len());
    }
    peer.write(after);
}

/// So much takes a while in a build without optimization.
fn unhurried(policy: &mut Policy) {
    (policy.read_deadline, policy.write_deadline) = (None, None);
}

fn body_of_a_hundred_megabytes_is_too_large_by_default(colour: Colour) {
    let server = Server::start(|peer| {
        while peer.request().is_some() {
            send_value(peer, HUNDRED);
        }
    });
    let other = Server::healthy();
    let client = colour.client([server.url(), other.url()]).with(unhurried);
    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 0x400_0000 }), "{error}");
    assert!(!error.may_have_applied());
    server.until_closed(1);
    assert!(server.written() < HUNDRED, "it was not read to its end");
    assert_eq!((server.count(), other.count()), (1, 0), "it would be as large elsewhere");

    // It would be the response to a read.
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!((error.outcome(), error.may_have_applied()), (Outcome::Unknown, true));
    assert_eq!((server.count(), other.count()), (2, 0));
}

fn body_of_a_hundred_megabytes_is_taken_if_the_caller_wants_it(colour: Colour) {
    let server = Server::start(|peer| {
        while peer.request().is_some() {
            send_value(peer, HUNDRED);
        }
    });
    let client = colour.client([server.url()]).with(unhurried);
    let client = client.with(|policy| policy.max_answer = 128 << 20);
    let read = client.send(Get::new("/a")).unwrap();
    assert_eq!(read.value().map(str::len), Some(HUNDRED));
    drop(read);
    client.send(Get::new("/a")).unwrap();
    assert_eq!((server.count(), server.connections()), (2, 1));
}

fn limit_for_answers_is_inclusive(colour: Colour) {
    let body = change("get", "/a", "1", 7);
    let length = body.len();
    let server = Server::always(etcd(&body));
    let client = colour.client([server.url()]);
    client.with(|policy| policy.max_answer = length).send(Get::new("/a")).unwrap();
    let small = client.with(|policy| policy.max_answer = length - 1);
    let error = small.send(Get::new("/a")).unwrap_err();
    let ErrorKind::TooLarge { limit } = error.kind() else { panic!("{error}") };
    assert_eq!(*limit, length - 1);
    assert!(error.to_string().contains(&limit.to_string()), "{error}");
    // A read was answered with that, which says nothing about a write.
    let error = small.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
}

fn announced_length_alone_takes_no_memory_and_fails_nobody(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write(
            "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 9000000000000000000\r\n\r\n{",
        );
        peer.close();
    });
    let client = colour.client([server.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Failed(_) | ErrorKind::TooLarge { .. }), "{error}");
    assert_eq!(error.outcome(), Outcome::Applied);
    assert_eq!(server.count(), 1);
}

/// Sends `piece` until the client has enough of it.
fn endless(head: &'static str, piece: String) -> Server {
    Server::start(move |peer| {
        peer.request();
        peer.write(head);
        while peer.write(&piece) {}
        peer.hang();
    })
}

/// What a server can write ahead of a client that stopped reading: the buffers on both sides.
const ON_THE_WAY: usize = 16 << 20;

fn ends_at_the_limit(colour: Colour, server: &Server) {
    let small = colour.client([server.url()]).with(|policy| policy.max_answer = 100_000);
    let (error, took) = timed(|| small.send(Get::new("/a")).unwrap_err());
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 100_000 }), "{error}");
    assert!(took < PATIENCE / 4, "{took:?}");
    server.until_closed(1);
    assert!(server.written() < ON_THE_WAY, "{}", server.written());
    let error = small.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Applied);
    assert_eq!((server.count(), server.connections()), (2, 2));
}

fn endless_body_of_chunks_ends_at_the_limit(colour: Colour) {
    let head = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    ends_at_the_limit(colour, &endless(head, format!("1000\r\n{:4096}\r\n", "")));
}

fn endless_body_without_a_length_ends_at_the_limit(colour: Colour) {
    ends_at_the_limit(
        colour,
        &endless("HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\n\r\n", " ".repeat(4096)),
    );
}

fn endless_refusal_is_read_no_further_than_its_limit(colour: Colour) {
    let server = endless("HTTP/1.1 400 Bad Request\r\n\r\n", "no ".repeat(1000));
    let error = colour.client([server.url()]).send(Set::new("/a", "1")).unwrap_err();
    let ErrorKind::Unexpected(answer) = error.kind() else { panic!("{error}") };
    assert!(answer.excerpt.starts_with("no no no") && answer.excerpt.len() <= 200);
    assert_eq!(error.outcome(), Outcome::Rejected);
    server.until_closed(1);
    assert!(server.written() < ON_THE_WAY, "{}", server.written());
}

/// A read goes elsewhere; a write is unknown, since no status is worth anything before its head ends.
fn head_is_a_failure(colour: Colour, bad: &dyn Fn() -> Server) {
    let (server, other) = (bad(), Server::healthy());
    let client = colour.client([server.url(), other.url()]);
    let (read, took) = timed(|| client.send(Get::new("/a")));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took < PATIENCE / 4, "{took:?}");
    server.until_closed(1);
    assert!(server.written() < ON_THE_WAY, "{}", server.written());

    let server = bad();
    let client = colour.client([server.url(), other.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{error}");
    assert_eq!((server.count(), other.count()), (1, 1));
}

fn head_that_never_ends_is_a_failure(colour: Colour) {
    head_is_a_failure(colour, &|| endless("HTTP/1.1 200 OK\r\n", "X-Filler: yes\r\n".repeat(64)));
}

fn one_header_of_a_megabyte_is_a_failure(colour: Colour) {
    let huge = etcd("{}").replace("Index: 7", &format!("Index: {}7", "0".repeat(1 << 20)));
    head_is_a_failure(colour, &|| Server::always(huge.clone()));
}

fn many_headers_are_fine_up_to_a_limit(colour: Colour) {
    let body = change("get", "/a", "1", 7);
    let filler: Vec<String> =
        (0..90).map(|number| format!("X-Filler-{number}: {number}")).collect();
    let filler: Vec<&str> = filler.iter().map(String::as_str).collect();
    let long = format!("X-Long: {}", "y".repeat(32 << 10));
    for headers in [filler, vec![long.as_str()]] {
        let server = Server::always(response(200, &headers, &body));
        assert_eq!(colour.client([server.url()]).send(Get::new("/a")).unwrap().value(), Some("1"));
    }
}

fn head_with_too_many_lines_names_the_limit_and_is_not_retried(colour: Colour) {
    let body = change("get", "/a", "1", 7);
    let filler: Vec<String> =
        (0..200).map(|number| format!("X-Filler-{number}: {number}")).collect();
    let filler: Vec<&str> = filler.iter().map(String::as_str).collect();
    let many = response(200, &filler, &body);
    for count in [1, 2, 3] {
        let servers: Vec<_> = (0..count).map(|_| Server::always(many.clone())).collect();
        let client = colour.client(servers.iter().map(Server::url));
        let error = client.send(Get::new("/a")).unwrap_err();
        assert!(error.to_string().contains("header lines"), "{error}");
        assert!(servers.iter().all(|server| server.count() == 1), "once each");
        let client = colour.client(servers.iter().map(Server::url));
        let error = client.send(Set::new("/a", "1")).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
    let (bad, good) = (Server::always(many), Server::healthy());
    let client = colour.client([bad.url(), good.url()]);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    // The next request begins with the endpoint whose response was good.
    client.send(Get::new("/a")).unwrap();
    assert_eq!((bad.count(), good.count()), (1, 2));
}

fn refusal_of_ten_megabytes_is_told_by_its_beginning(colour: Colour) {
    let server = Server::always(
        html(502).replace("Content-Length: 44", "Content-Length: 10485760")
            + &"<p>".repeat(10_485_760 / 3),
    );
    let client = colour.client([server.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    let ErrorKind::Unexpected(answer) = error.kind() else { panic!("{error}") };
    assert!(answer.excerpt.starts_with("<html>") && answer.excerpt.len() <= 200);
    assert!(error.to_string().len() < 1000 && error.detail().to_string().len() < 1000);
    assert_eq!((error.outcome(), server.count()), (Outcome::Unknown, 1));
    server.until_closed(1);
    assert!(server.written() < 11 << 20);
}

fn trailers_that_never_end_are_a_failure(colour: Colour) {
    let body = change("set", "/a", "1", 7);
    let server = Server::start(move |peer| {
        peer.request();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        peer.write(format!("{head}{:x}\r\n{body}\r\n0\r\n", body.len()));
        while peer.write("X-Filler: yes\r\n".repeat(64)) {}
        peer.hang();
    });
    let client = colour.client([server.url()]);
    let (result, took) = timed(|| client.send(Set::new("/a", "1")));
    assert!(took < PATIENCE / 4, "{took:?}");
    if let Err(error) = result {
        assert_eq!(error.outcome(), Outcome::Applied, "{error}");
    }
    server.until_closed(1);
    assert!(server.written() < ON_THE_WAY, "{}", server.written());
    assert_eq!(server.count(), 1);
}
