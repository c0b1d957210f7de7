//! Answers that no etcd gives.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{ErrorKind, Outcome, Unexpected};

use crate::both::{Colour, both};
use crate::server::{Server, change, etcd, html, plausible, response};

both!(
    garbage_instead_of_http_is_a_failure,
    answer_in_http_1_0_is_taken,
    answer_that_ends_with_its_connection_is_taken,
    success_in_html_is_no_answer,
    refusal_in_html_is_told_as_it_is,
    empty_success_is_no_answer,
    success_without_any_content_is_no_answer,
    json_of_another_service_is_no_answer,
    compressed_answer_is_no_answer,
    an_identity_encoding_is_none,
    interim_answers_are_passed_over,
    text_that_is_no_utf_8_is_no_answer,
    headers_that_are_no_numbers_count_as_missing,
    contradicting_lengths_are_no_answer,
    refusals_with_strange_bodies_do_not_surprise,
);

fn garbage_instead_of_http_is_a_failure(colour: Colour) {
    for garbage in [
        "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{16}",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
        "\r\n\r\n\r\n\r\n\0\0\0\0",
    ] {
        let bad = || {
            Server::start(move |peer| {
                peer.request();
                peer.write(garbage);
                peer.close();
            })
        };
        let (server, other) = (bad(), Server::healthy());
        let client = colour.client([server.url(), other.url()]);
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"), "{garbage:?}");
        let server = bad();
        let client = colour.client([server.url(), other.url()]);
        let error = client.send(Set::new("/a", "1")).unwrap_err();
        assert!(error.may_have_applied(), "{garbage:?}: {error}");
        assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{garbage:?}: {error}");
        assert_eq!((server.count(), other.count()), (1, 1), "{garbage:?}");
    }
}

fn answer_in_http_1_0_is_taken(colour: Colour) {
    let server = Server::start(|peer| {
        let seen = peer.request().unwrap();
        peer.write(plausible(&seen).replace("HTTP/1.1", "HTTP/1.0"));
        peer.close();
    });
    let client = colour.client([server.url()]);
    for key in ["/a", "/b"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
        assert_eq!(client.send(Set::new(key, "1")).unwrap().key(), Some(key));
    }
    assert_eq!((server.count(), server.connections()), (4, 4));
}

fn answer_that_ends_with_its_connection_is_taken(colour: Colour) {
    for version in ["1.0", "1.1"] {
        let server = Server::start(move |peer| {
            peer.request();
            let body = change("get", "/a", "1", 7);
            peer.write(format!("HTTP/{version} 200 OK\r\nX-Etcd-Index: 9\r\n\r\n{body}"));
            peer.close();
        });
        let read = colour.client([server.url()]).send(Get::new("/a")).unwrap();
        assert_eq!((read.value(), read.etcd_index()), (Some("1"), Some(9)));
    }
}

/// A success whose body means nothing: a read goes on, and fails if there is nobody else; a write is sent
/// nowhere else. It counts as applied if etcd is known to have sent the success.
fn is_no_answer(colour: Colour, answer: &[u8], is_kind: fn(&ErrorKind) -> bool) {
    let (server, other) = (Server::always(answer.to_vec()), Server::healthy());
    let shown = String::from_utf8_lossy(answer);
    let client = colour.client([server.url(), other.url()]);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"), "{shown}");
    assert_eq!((server.count(), other.count()), (1, 1), "{shown}");

    let client = colour.client([server.url(), other.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    let contradicts =
        matches!(error.kind(), ErrorKind::Unexpected(answer) if answer.mismatch.is_some());
    let is_etcds = shown.contains("X-Etcd") && !contradicts;
    let outcome = if is_etcds { Outcome::Applied } else { Outcome::Unknown };
    assert_eq!(error.outcome(), outcome, "{shown}: {error}");
    assert!(is_kind(error.kind()), "{shown}: {error}");
    assert_eq!((server.count(), other.count()), (2, 1), "{shown}");

    let alone = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    let error = alone.send(Get::new("/a")).unwrap_err();
    assert!(is_kind(error.kind()), "{shown}: {error}");
    assert_eq!(error.endpoint().unwrap().as_str(), server.url());
    assert!(!error.may_have_applied(), "{error}");
}

fn success_in_html_is_no_answer(colour: Colour) {
    is_no_answer(
        colour,
        html(200).as_bytes(),
        |kind| matches!(kind, ErrorKind::Unexpected(answer) if answer.to_string().contains("a web page")),
    );
}

fn refusal_in_html_is_told_as_it_is(colour: Colour) {
    for (status, outcome) in [
        (400, Outcome::Rejected),
        (404, Outcome::Rejected),
        (413, Outcome::Rejected),
        (502, Outcome::Unknown),
    ] {
        let server = Server::always(html(status));
        let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
        for error in [
            client.send(Set::new("/a", "1")).unwrap_err(),
            client.send(Get::new("/a")).unwrap_err(),
        ] {
            let ErrorKind::Unexpected(answer) = error.kind() else { panic!("{status}: {error}") };
            let Unexpected { content_type, excerpt, .. } = answer;
            assert_eq!((answer.status.as_u16(), content_type.as_str()), (status, "text/html"));
            assert!(excerpt.contains("It works!"));
            assert_eq!(error.outcome(), outcome, "{error}");
            assert!(!error.is_key_not_found());
            let text = error.to_string();
            assert!(text.contains(&status.to_string()) && text.contains("text/html"), "{text}");
        }
        assert_eq!(server.count(), 2, "{status}");
    }
}

fn empty_success_is_no_answer(colour: Colour) {
    let is_empty = |kind: &ErrorKind| matches!(kind, ErrorKind::EmptyBody);
    is_no_answer(colour, response(200, &["X-Etcd-Index: 7"], "").as_bytes(), is_empty);
    is_no_answer(colour, etcd("\n").as_bytes(), is_empty);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    is_no_answer(colour, chunked, is_empty);
}

fn success_without_any_content_is_no_answer(colour: Colour) {
    let answer = b"HTTP/1.1 204 No Content\r\nX-Etcd-Index: 7\r\n\r\n";
    is_no_answer(colour, answer, |kind| matches!(kind, ErrorKind::EmptyBody));
}

fn json_of_another_service_is_no_answer(colour: Colour) {
    for body in [
        "{}",
        "null",
        "[]",
        "\"set\"",
        "{\"action\":\"set\"}",
        "{\"action\":\"\",\"node\":{\"key\":\"/a\"}}",
        "{\"action\":null,\"node\":null}",
        "{\"message\":\"ok\"}",
        "{\"health\":\"true\"}",
        "{\"action\":\"get\",\"node\":{\"key\":\"/a\"}} trailing",
        "{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"modifiedIndex\":\"seven\"}}",
        "{\"action\":\"get\",\"node\":",
    ] {
        is_no_answer(colour, etcd(body).as_bytes(), is_malformed);
    }
}

/// What is malformed for one request may besides be the response to another one.
fn is_malformed(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Malformed(_) => true,
        ErrorKind::Unexpected(answer) => answer.mismatch.is_some(),
        _ => false,
    }
}

fn compressed_answer_is_no_answer(colour: Colour) {
    // The two letters "{}".
    let packed: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0\0";
    let plain =
        br#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#;
    for encoding in ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "\u{e9}"]
    {
        // What says that it is encoded is not believed to be plain, either.
        for body in [packed, plain] {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {length}\r\n\r\n"
            );
            is_no_answer(colour, &[head.as_bytes(), body].concat(), |kind| {
                let told = kind.to_string();
                matches!(kind, ErrorKind::Unexpected(_))
                    && told.contains("encoded as ")
                    && told.contains("which was not requested")
            });
        }
    }
}

fn an_identity_encoding_is_none(colour: Colour) {
    for encoding in ["identity", "Identity", ""] {
        let server = Server::each(move |seen| {
            let header = format!("\r\nContent-Encoding: {encoding}\r\n");
            plausible(seen).replacen("\r\n", &header, 1)
        });
        let client = colour.client([server.url()]);
        client.send(Set::new("/a", "1")).unwrap();
        client.send(Get::new("/a")).unwrap();
    }
}

fn interim_answers_are_passed_over(colour: Colour) {
    let server = Server::each(|seen| {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        format!("{interim}{}", plausible(seen))
    });
    let client = colour.client([server.url()]);
    for key in ["/a", "/b"] {
        assert_eq!(client.send(Set::new(key, "1")).unwrap().key(), Some(key));
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    assert_eq!((server.count(), server.connections()), (4, 1));
}

fn text_that_is_no_utf_8_is_no_answer(colour: Colour) {
    let mut answer =
        etcd("{\"action\":\"get\",\"node\":{\"key\":\"/a\",\"value\":\"????\"}}").into_bytes();
    let at = answer.windows(4).position(|window| window == b"????").unwrap();
    answer[at..at + 4].copy_from_slice(b"\xff\xfe\xc0\x80");
    is_no_answer(colour, &answer, is_malformed);
}

/// The write did happen, whatever something on the way made of the headers.
fn headers_that_are_no_numbers_count_as_missing(colour: Colour) {
    let headers = ["X-Etcd-Index: many", "X-Raft-Term: -1", "X-Etcd-Cluster-Id: xyz"];
    let server = Server::always(response(200, &headers, &change("set", "/a", "1", 7)));
    let written = colour.client([server.url()]).send(Set::new("/a", "1")).unwrap();
    assert_eq!((written.index(), written.etcd_index(), written.raft_term()), (Some(7), None, None));
    assert_eq!(written.cluster_id(), None);
}

fn contradicting_lengths_are_no_answer(colour: Colour) {
    let (server, other) = (
        Server::start(|peer| {
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 90\r\n\r\n{}");
            peer.close();
        }),
        Server::healthy(),
    );
    let client = colour.client([server.url(), other.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(error.may_have_applied(), "{error}");
    assert_eq!((server.count(), other.count()), (1, 0));
}

fn refusals_with_strange_bodies_do_not_surprise(colour: Colour) {
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "{\"errorCode\":\"x\"}",
        "{\"errorCode\":-1}",
        "{\"errorCode\":99999999999999999999}",
        "{\"message\":7}",
        "\0\0\0",
    ] {
        let server = Server::always(response(400, &[], body));
        let error = colour.client([server.url()]).send(Set::new("/a", "1")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{body:?}: {error}");
        assert_eq!(error.outcome(), Outcome::Rejected, "{body:?}");
    }
}
