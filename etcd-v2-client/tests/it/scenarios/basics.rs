//! Everything goes well.

use std::time::Duration;

use etcd_v2_client::keys::{Delete, Get, Push, Set, Wait};

use crate::both::{Colour, Subject, both};
use crate::server::{Seen, Server, change, etcd, plausible};

both!(
    each_verb_is_sent_as_etcd_expects_it,
    answers_say_what_the_body_and_the_headers_say,
    calls_of_all_verbs_share_one_connection,
    host_and_prefixes_are_those_of_the_endpoint_and_of_the_view,
    invalid_request_is_not_sent,
    answers_in_pieces_are_put_together,
    writes_without_a_value_in_the_answer_have_an_index,
);

/// Sends one request to a healthy server, and tells what came there.
fn asked<R>(colour: Colour, request: R) -> Seen
where
    R: etcd_v2_client::Request + Send + 'static,
    R::Output: Send,
{
    let server = Server::healthy();
    assert!(colour.client([server.url()]).send(request).is_ok());
    let mut seen = server.seen();
    assert_eq!(seen.len(), 1);
    let seen = seen.remove(0);
    assert_eq!(seen.header("Host"), Some(server.host().as_str()));
    assert!(seen.header("User-Agent").is_some_and(|agent| agent.starts_with("etcd-v2-rust/")));
    assert_eq!(seen.header("Authorization"), None);
    assert_eq!(seen.header("Accept-Encoding"), None, "answers are wanted as they are");
    seen
}

fn each_verb_is_sent_as_etcd_expects_it(colour: Colour) {
    let form = Some("application/x-www-form-urlencoded");
    let minute = Duration::from_secs(60);

    let get = asked(colour, Get::new("/a b/ü").recursive().sorted());
    assert_eq!(get.line(), "GET /v2/keys/a%20b/%C3%BC?recursive=true&sorted=true");
    assert_eq!((get.body.as_str(), get.header("Content-Length")), ("", None));
    let quorum = asked(colour, Get::new("/a").quorum());
    assert_eq!(quorum.line(), "GET /v2/keys/a?quorum=true");
    let wait = asked(colour, Wait::new("/a").after(41));
    assert_eq!(wait.line(), "GET /v2/keys/a?wait=true&waitIndex=42");

    let set = asked(colour, Set::new("/a", "1 & ü").ttl(minute).if_index(4));
    assert_eq!(set.line(), "PUT /v2/keys/a");
    assert_eq!(set.body, "prevIndex=4&ttl=60&value=1+%26+%C3%BC");
    assert_eq!(set.header("Content-Type"), form);
    assert_eq!(set.header("Content-Length"), Some(set.body.len().to_string().as_str()));
    let empty = asked(colour, Set::new("/a", ""));
    assert_eq!(empty.body, "value=");

    let push = asked(colour, Push::new("/queue", "job"));
    assert_eq!((push.line().as_str(), push.body.as_str()), ("POST /v2/keys/queue", "value=job"));
    assert_eq!(push.header("Content-Type"), form);
    let delete = asked(colour, Delete::new("/a").recursive().if_value("x y"));
    assert_eq!(delete.line(), "DELETE /v2/keys/a?prevValue=x+y&recursive=true");
    assert_eq!(delete.body, "");
}

fn answers_say_what_the_body_and_the_headers_say(colour: Colour) {
    let server = Server::always(etcd(&change("get", "/a", "hällo", 5)));
    let read = colour.client([server.url()]).send(Get::new("/a")).unwrap();
    assert_eq!((read.key(), read.value(), read.index()), (Some("/a"), Some("hällo"), Some(5)));
    assert_eq!(
        (read.etcd_index(), read.raft_index(), read.raft_term()),
        (Some(7), Some(21), Some(2))
    );
    assert_eq!(read.cluster_id().unwrap().to_string(), "cdf818194e3a8c32");
}

fn calls_of_all_verbs_share_one_connection(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    let all = |client: &Subject| {
        client.send(Set::new("/a", "1")).unwrap();
        client.send(Get::new("/a")).unwrap();
        client.send(Push::new("/a", "1")).unwrap();
        client.send(Delete::new("/a")).unwrap();
    };
    all(&client);
    all(&client.clone());
    all(&client.with(|policy| policy.at_least_once = true));
    assert_eq!((server.count(), server.connections(), server.closed()), (12, 1, 0));
    drop(client);
    server.until_closed(1);
}

fn host_and_prefixes_are_those_of_the_endpoint_and_of_the_view(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([format!("{}/behind/a proxy/", server.url())]);
    client.send(Get::new("/a")).unwrap();
    client.send_at("/other/keys", Get::new("/a")).unwrap();
    client.send_at("", Set::new("a", "1")).unwrap();
    let prefix = "/behind/a%20proxy";
    let expected = [
        format!("GET {prefix}/v2/keys/a"),
        format!("GET {prefix}/other/keys/a"),
        format!("PUT {prefix}/a"),
    ];
    assert_eq!(server.lines(), expected);
    assert!(server.seen().iter().all(|seen| seen.header("Host") == Some(&server.host())));
}

fn invalid_request_is_not_sent(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    for error in [
        client.send(Get::new("/a/../b")).unwrap_err(),
        client.send(Set::new("/a", "1").if_value("")).unwrap_err(),
        client.send(Delete::new("/a").if_index(0)).unwrap_err(),
    ] {
        assert_eq!(error.outcome(), etcd_v2_client::Outcome::NotSent);
        assert!(matches!(error.kind(), etcd_v2_client::ErrorKind::Invalid(_)), "{error}");
        assert!(error.attempts().is_empty() && !error.may_have_applied());
    }
    assert_eq!(server.connections(), 0);
}

fn answers_in_pieces_are_put_together(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            for byte in plausible(&seen).as_bytes() {
                peer.write([*byte]);
            }
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nTransfer-Encoding: chunked\r\n\r\n");
            for byte in change("get", "/a", "chunked", 8).as_bytes() {
                peer.write([b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
            }
            peer.write("0\r\n\r\n");
        }
    });
    let client = colour.patient([server.url()]).build();
    for value in ["read", "chunked", "read", "chunked"] {
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some(value));
    }
    assert_eq!(server.connections(), 1, "bodies that end with a chunk keep their connection");
}

fn writes_without_a_value_in_the_answer_have_an_index(colour: Colour) {
    let server = Server::always(etcd("{\"action\":\"set\"}"));
    let request = Set::new("/a", "1").no_value_on_success();
    let written = colour.client([server.url()]).send(request).unwrap();
    assert_eq!((written.node(), written.index()), (None, Some(7)));
    assert_eq!(server.lines(), ["PUT /v2/keys/a?noValueOnSuccess=true"]);
}
