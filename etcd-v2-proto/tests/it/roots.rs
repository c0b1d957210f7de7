//! Errors of requests that have another root: their keys are seen from there.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::keys::{Change, Delete, Get, Key, KeysRequest, Push, Set, Wait};
use etcd_v2_proto::{Action, Cluster, Conversation, ErrorKind, Event, Exchange, Policy, Request};

/// The cause in the error of a request at this root, of which the server gives this cause.
fn cause<R: KeysRequest + Request<Output = Change>>(request: R, root: &str, told: &str) -> String {
    let cluster = Cluster::parse(["http://a:1"]).unwrap();
    let now = Duration::ZERO;
    let request = request.with_root(root.parse::<Key>().unwrap());
    let mut exchange = Exchange::new(request, cluster.route(), Policy::default().into(), 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    let head = http::Response::builder().status(403).body(()).unwrap().into_parts().0;
    exchange.handle(now, Event::Head(head));
    let told = serde_json::to_string(told).unwrap();
    let body = format!(r#"{{"errorCode":102,"message":"Not a file","cause":{told},"index":7}}"#);
    exchange.handle(now, Event::Chunk(Bytes::from(body)));
    exchange.handle(now, Event::End);
    match exchange.poll(now) {
        Action::Finish(Err(error)) => match error.kind() {
            ErrorKind::Etcd(response) => response.cause.clone(),
            kind => panic!("{kind:?}"),
        },
        _ => panic!("no error"),
    }
}

#[test]
fn the_root_is_taken_off_the_keys_in_errors() {
    for (root, told, seen) in [
        ("/r", "/r/a/b", "/a/b"),
        ("/r", "/r", "/"),
        ("/r", "/r/", "/"),
        ("/r/s", "/r/s/a", "/a"),
        // A directory above the root is missing, or is a file.
        ("/r/s", "/r", "/"),
        ("/r/s", "/", "/"),
        // Other keys, and what is no key.
        ("/r", "/rs/a", "/rs/a"),
        ("/r/s", "/q", "/q"),
        ("/r", "[/r/a != /r/b]", "[/r/a != /r/b]"),
        ("/r", "", ""),
        ("/r", "a /r/b", "a /r/b"),
        ("/", "/r/a", "/r/a"),
        ("/\u{e9} x", "/\u{e9} x/a", "/a"),
        // As 3.5 has it for directories that exist.
        ("/r", "nodePath /1/r/d : Not a file ()", "nodePath /1/d : Not a file ()"),
        ("/r", "nodePath /1/r : Not a file ()", "nodePath /1/ : Not a file ()"),
    ] {
        let causes = [
            cause(Get::new("/a"), root, told),
            cause(Set::new("/a", "v"), root, told),
            cause(Push::new("/a", "v"), root, told),
            cause(Delete::new("/a"), root, told),
            cause(Wait::new("/a"), root, told),
        ];
        assert_eq!(causes, [seen; 5], "{told} from {root}");
    }
}

/// How the response of a server with this key contradicts a set of this key at a root.
fn mismatch(root: &str, key: &str, reported: &str) -> String {
    let cluster = Cluster::parse(["http://a:1"]).unwrap();
    let now = Duration::ZERO;
    let request = Set::new(key, "v").with_root(root.parse::<Key>().unwrap());
    let mut exchange = Exchange::new(request, cluster.route(), Policy::default().into(), 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    exchange.handle(now, Event::Head(http::Response::new(()).into_parts().0));
    let body = format!(r#"{{"action":"set","node":{{"key":"{reported}","modifiedIndex":7}}}}"#);
    exchange.handle(now, Event::Chunk(Bytes::from(body)));
    exchange.handle(now, Event::End);
    match exchange.poll(now) {
        Action::Finish(Err(error)) => match error.kind() {
            ErrorKind::Unexpected(response) => response.mismatch.clone().unwrap(),
            kind => panic!("{kind:?}"),
        },
        _ => panic!("no error"),
    }
}

#[test]
fn the_root_is_taken_off_the_keys_that_contradict_each_other() {
    for (root, key, reported, own, other) in [
        ("/r", "/a", "/r/b", "/a", "/b"),
        ("/r", "a/", "/r/b", "/a/", "/b"),
        ("/r/s", "/a", "/r/s", "/a", "/"),
        ("/r", "", "/r/b", "/", "/b"),
        ("/r", "/", "/r/b", "/", "/b"),
        // A key outside the root has no shorter name.
        ("/r", "/a", "/b", "/a", "/b"),
        ("/r", "/a", "/rs/a", "/a", "/rs/a"),
        ("/", "/a", "/r/b", "/a", "/r/b"),
    ] {
        let expected = format!(r#"it reports "set" of "{other}" instead of "set" of "{own}""#);
        assert_eq!(mismatch(root, key, reported), expected, "{root} {key} {reported}");
    }
}
