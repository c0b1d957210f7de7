//! Servers that understand and refuse, or say that they cannot.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{Code, ErrorKind, Outcome};

use crate::both::{Colour, WRITES, both};
use crate::server::{Server, html, refusal, response};

both!(
    v2_api_that_is_off_everywhere_is_told_as_such,
    v2_api_that_is_off_at_one_endpoint_is_looked_for_at_the_next,
    read_only_proxy_passes_a_write_on_to_the_next_endpoint,
    misdirected_request_is_sent_to_the_next_endpoint,
    write_that_a_server_gave_up_on_is_unknown,
    read_that_a_server_gave_up_on_is_asked_elsewhere,
    refusals_of_etcd_are_final,
    refusals_of_the_other_apis_are_final,
    refusal_that_is_cut_is_still_one,
    request_line_that_is_too_long_for_a_server_is_explained,
    short_request_line_is_not_blamed,
    status_and_cause_of_each_endpoint_are_told,
    refusals_of_others_name_the_cause_and_the_remedy,
    tls_port_is_told_by_its_answer_and_others_are_asked,
    server_that_takes_a_request_and_never_answers_is_told_as_such,
);

const NO_V2: &str = "404 page not found\n";

fn v2_api_that_is_off_everywhere_is_told_as_such(colour: Colour) {
    let plain = response(404, &["Content-Type: text/plain; charset=utf-8"], NO_V2);
    let servers = [Server::always(plain.clone()), Server::always(plain)];
    let client = colour.client([servers[0].url(), servers[1].url()]);
    for error in
        [client.send(Get::new("/a")).unwrap_err(), client.send(Set::new("/a", "1")).unwrap_err()]
    {
        assert!(matches!(error.kind(), ErrorKind::V2Disabled), "{error}");
        assert_eq!(error.outcome(), Outcome::Rejected);
        assert!(!error.is_key_not_found(), "no etcd has looked for a key");
        assert!(error.to_string().contains("--enable-v2"), "{error}");
    }
    assert_eq!((servers[0].count(), servers[1].count()), (2, 2), "asking again would not help");
}

fn v2_api_that_is_off_at_one_endpoint_is_looked_for_at_the_next(colour: Colour) {
    let (without, with) = (Server::always(response(404, &[], NO_V2)), Server::healthy());
    let client = colour.client([without.url(), with.url()]);
    client.send(Set::new("/a", "1")).unwrap();
    assert_eq!(client.pinned(), with.url());
    let client = colour.client([without.url(), with.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.pinned(), with.url());
    assert_eq!((without.count(), with.count()), (2, 2));
}

fn read_only_proxy_passes_a_write_on_to_the_next_endpoint(colour: Colour) {
    let (proxy, server) = (Server::always(response(501, &[], "")), Server::healthy());
    for (what, write) in WRITES {
        let client = colour.client([proxy.url(), server.url()]);
        assert!(write(&client).is_ok(), "{what}");
        assert_eq!(client.pinned(), server.url(), "{what}");
    }
    assert_eq!((proxy.count(), server.count()), (WRITES.len(), WRITES.len()));

    let error = colour.client([proxy.url()]).send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
    assert!(!error.may_have_applied());
}

fn misdirected_request_is_sent_to_the_next_endpoint(colour: Colour) {
    let (wrong, server) = (Server::always(html(421)), Server::healthy());
    for (what, write) in WRITES {
        let client = colour.client([wrong.url(), server.url()]);
        assert!(write(&client).is_ok(), "{what}");
    }
    let client = colour.client([wrong.url(), server.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(server.count(), WRITES.len() + 1);
}

/// What servers say that have taken a write and do not know what became of it.
fn giving_up() -> [String; 5] {
    [
        refusal(500, 300, "Raft Internal Error"),
        refusal(500, 301, "During Leader Election"),
        refusal(503, 300, "Raft Internal Error"),
        response(503, &["Content-Type: text/plain"], "proxy: zero endpoints available\n"),
        html(504),
    ]
}

fn write_that_a_server_gave_up_on_is_unknown(colour: Colour) {
    for answer in giving_up() {
        for (what, write) in WRITES {
            let (server, other) = (Server::always(answer.clone()), Server::healthy());
            let error = write(&colour.client([server.url(), other.url()])).unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{what}: {error}");
            assert!(error.may_have_applied());
            assert_eq!((server.count(), other.connections()), (1, 0), "{what}: {answer}");
        }
    }
    let (server, other) = (Server::always(giving_up()[0].clone()), Server::healthy());
    let client = colour.client([server.url(), other.url()]);
    client.with(|policy| policy.at_least_once = true).send(Set::new("/a", "1")).unwrap();
    assert_eq!((server.count(), other.count()), (1, 1));
}

fn read_that_a_server_gave_up_on_is_asked_elsewhere(colour: Colour) {
    for answer in giving_up() {
        let (server, other) = (Server::always(answer), Server::healthy());
        for request in [Get::new("/a"), Get::new("/a").quorum(), Get::new("/a").recursive()] {
            let client = colour.client([server.url(), other.url()]);
            assert_eq!(client.send(request).unwrap().value(), Some("read"));
            assert_eq!(client.pinned(), other.url());
        }
        assert_eq!((server.count(), other.count()), (3, 3));
    }
}

fn refusals_of_etcd_are_final(colour: Colour) {
    for (status, code, is) in [
        (404, 100, Code::KEY_NOT_FOUND),
        (412, 101, Code::COMPARE_FAILED),
        (412, 105, Code::ALREADY_EXISTS),
        (401, 110, Code::UNAUTHORIZED),
        (400, 401, Code::HISTORY_CLEARED),
        (403, 107, Code::new(107)),
        (400, 999, Code::new(999)),
    ] {
        let (server, other) = (Server::always(refusal(status, code, "says so")), Server::healthy());
        let client = colour.client([server.url(), other.url()]);
        for error in [
            client.send(Get::new("/a")).unwrap_err(),
            client.send(Set::new("/a", "1").if_index(3)).unwrap_err(),
        ] {
            assert!(error.has_code(is), "{error}");
            let refusal = error.etcd().unwrap();
            assert_eq!((refusal.status.as_u16(), refusal.index), (status, 7));
            assert_eq!((refusal.message.as_str(), refusal.cause.as_str()), ("says so", "/why"));
            assert_eq!(error.outcome(), Outcome::Rejected);
            assert_eq!(error.endpoint().unwrap().as_str(), server.url());
            assert!(!error.may_have_applied());
        }
        assert_eq!((server.count(), other.connections()), (2, 0), "{code}");
        assert_eq!(client.pinned(), server.url(), "somebody who refuses is alive");
    }
}

fn refusals_of_the_other_apis_are_final(colour: Colour) {
    let json = ["Content-Type: application/json"];
    let answer = response(409, &json, "{\"message\":\"auth: it is so\"}");
    let (server, other) = (Server::always(answer), Server::healthy());
    let error = colour.client([server.url(), other.url()]).send(Set::new("/a", "1")).unwrap_err();
    let ErrorKind::Api(refusal) = error.kind() else { panic!("{error}") };
    assert_eq!((refusal.status.as_u16(), refusal.message.as_str()), (409, "auth: it is so"));
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert_eq!((server.count(), other.connections()), (1, 0));
}

fn refusal_that_is_cut_is_still_one(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        let answer = refusal(412, 101, "Compare failed");
        peer.write(&answer[..answer.len() - 9]);
        peer.close();
    });
    let other = Server::healthy();
    let error = colour.client([server.url(), other.url()]).send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
    assert_eq!((server.count(), other.connections()), (1, 0));
}

fn request_line_that_is_too_long_for_a_server_is_explained(colour: Colour) {
    let picky = || {
        Server::start(|peer| {
            peer.until_something_came();
            peer.reset();
        })
    };
    let (server, other) = (picky(), picky());
    let key = "k".repeat(4097);
    let client = colour.client([server.url(), other.url()]);
    for error in
        [client.send(Set::new(&key, "1")).unwrap_err(), client.send(Get::new(&key)).unwrap_err()]
    {
        let ErrorKind::RequestLineTooLong { length, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(*length, "GET /v2/keys/ HTTP/1.1\r\n".len() + 4097);
        let text = error.to_string();
        assert!(text.contains("4096") && text.contains("shorten"), "{text}");
    }
    // The write was sent to one, the read to both.
    assert_eq!(server.connections() + other.connections(), 3);

    let patient = Server::healthy();
    colour.client([patient.url()]).send(Get::new(key)).unwrap();
    assert_eq!(patient.count(), 1, "a server may take it, so it is sent");
}

fn short_request_line_is_not_blamed(colour: Colour) {
    let server = Server::start(|peer| {
        peer.until_something_came();
        peer.reset();
    });
    let client = colour.client([server.url()]);
    let key = "k".repeat(4096 - "PUT /v2/keys/ HTTP/1.1\r\n".len());
    let error = client.send(Set::new(key, "1".repeat(100_000))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

fn status_and_cause_of_each_endpoint_are_told(colour: Colour) {
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let refusing = crate::server::Refusing::new();
    let servers = [Server::always(html(502)), Server::always(response(404, &[], NO_V2))];
    let urls = [servers[0].url(), servers[1].url(), reset.url(), refusing.url()];
    let client = colour.client(urls.clone()).with(|policy| policy.passes = Some(1));
    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    let (line, detail) = (error.to_string(), error.detail().to_string());
    assert!(!line.contains('\n'), "{line}");
    for (attempt, url) in error.attempts().iter().zip(&urls) {
        assert_eq!(attempt.endpoint.as_str(), url);
        for text in [&line, &detail] {
            assert!(text.contains(url) && text.contains(&attempt.kind.to_string()));
        }
    }
    assert_eq!(detail.lines().count(), 1 + urls.len(), "{detail}");
    assert!(line.contains("502") && line.contains("refused"), "{line}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

fn refusals_of_others_name_the_cause_and_the_remedy(colour: Colour) {
    let page = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head></html>";
    for (status, content_type, body, says) in [
        (407, "text/html", page, "a proxy on the way wants a user name and a password"),
        (503, "text/html", page, "a proxy, a load balancer or another server"),
        (503, "text/html", page, "\"503 Service Temporarily Unavailable\""),
        (200, "text/html; charset=utf-8", page, "a web page came instead of an answer of etcd's"),
        (404, "text/plain; charset=utf-8", NO_V2, "3.6 and later have it no more"),
    ] {
        let header = format!("Content-Type: {content_type}");
        let server = Server::always(response(status, &[&header], body));
        let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
        let error = client.send(Get::new("/a")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says) && error.detail().to_string().contains(says), "{text}");
    }
}

/// What servers in Go and nginx answer to plain HTTP on a port for TLS.
fn tls_port_is_told_by_its_answer_and_others_are_asked(colour: Colour) {
    for body in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
    ] {
        let (wrong, right) = (Server::always(response(400, &[], body)), Server::healthy());
        let error = colour.client([wrong.url()]).send(Set::new("/a", "1")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the server speaks TLS") && text.contains("use https://"), "{text}");
        assert_eq!(error.outcome(), Outcome::Rejected);
        let client = colour.client([wrong.url(), right.url()]);
        client.send(Set::new("/a", "1")).unwrap();
        assert_eq!((client.pinned(), right.count()), (right.url(), 1));
    }
}

fn server_that_takes_a_request_and_never_answers_is_told_as_such(colour: Colour) {
    let server = Server::hung();
    let client = colour.setup([server.url()]).build().with(|policy| policy.passes = Some(1));
    let error = client.send(Get::new("/a")).unwrap_err();
    let text = error.detail().to_string();
    assert!(text.contains("the server is hung or overloaded, or the limit too short"), "{text}");
}
