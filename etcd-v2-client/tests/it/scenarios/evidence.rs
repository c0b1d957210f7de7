//! Successes that etcd did not send, or sent for another request.

use std::time::Duration;

use etcd_v2_client::keys::{Delete, Get, Set};
use etcd_v2_client::{ErrorKind, Outcome, Resolution, auth, members};

use crate::both::{Colour, GUARDED, WRITES, both};
use crate::server::{Seen, Server, change, etcd, html, plausible, refusal, response};

both!(
    rejects_a_write_without_evidence_of_etcd,
    guarded_write_without_evidence_goes_to_the_next_endpoint,
    write_without_evidence_is_not_resolved_as_applied,
    error_response_with_the_status_of_a_success_is_one,
    request_without_a_body_needs_its_documented_status,
    response_about_another_key_is_rejected,
    response_of_another_cluster_proves_nothing,
    refresh_that_erased_the_value_is_an_error,
);

/// What anything could have sent.
fn of_no_etcd() -> [String; 5] {
    [
        html(200),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        response(200, &["Content-Type: application/json"], "{\"status\":\"ok\"}"),
        response(201, &["X-Raft-Index: 7"], ""),
        response(200, &["Content-Type: application/json"], "{\"errorCode\":0,\"data\":[]}"),
    ]
}

fn rejects_a_write_without_evidence_of_etcd(colour: Colour) {
    for answer in of_no_etcd() {
        let (server, other) = (Server::always(answer.clone()), Server::healthy());
        for (name, write) in WRITES {
            let client = colour.client([server.url(), other.url()]);
            let error = write(&client).unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{name}: {answer}: {error}");
            assert!(error.may_have_applied(), "{name}: {answer}");
        }
        assert_eq!((server.count(), other.count()), (WRITES.len(), 0), "{answer}");
    }
}

fn guarded_write_without_evidence_goes_to_the_next_endpoint(colour: Colour) {
    for answer in of_no_etcd() {
        let (server, other) = (Server::always(answer.clone()), Server::healthy());
        for (name, write) in GUARDED {
            let client = colour.client([server.url(), other.url()]);
            let written = write(&client).unwrap();
            assert_eq!(written.key(), Some("/a"), "{name}: {answer}");
        }
        assert_eq!((server.count(), other.count()), (GUARDED.len(), GUARDED.len()), "{answer}");
    }
}

fn write_without_evidence_is_not_resolved_as_applied(colour: Colour) {
    for answer in of_no_etcd() {
        let server = Server::each(move |seen: &Seen| match seen.method.as_str() {
            "GET" if seen.target.contains("wait") => refusal(400, 401, "outdated"),
            "GET" => refusal(404, 100, "Key not found"),
            _ => answer.clone(),
        });
        let client = colour.client([server.url()]);
        for write in
            [Set::new("/a", "1"), Set::create("/a", "1"), Set::new("/a", "1").if_value("0")]
        {
            let error = client.send(write).unwrap_err();
            let text = error.to_string();
            let found = client.resolve(error).unwrap();
            assert!(!matches!(found, Resolution::Applied(_)), "{text}: {found:?}");
        }
    }
}

fn error_response_with_the_status_of_a_success_is_one(colour: Colour) {
    let server = Server::always(refusal(200, 100, "Key not found"));
    let other = Server::healthy();
    let client = colour.client([server.url(), other.url()]);
    for error in [
        client.send(Get::new("/a")).unwrap_err(),
        client.send(Set::new("/a", "1")).unwrap_err(),
        client.send(Set::update("/a", "1").if_index(3)).unwrap_err(),
        client.send(Delete::new("/a")).unwrap_err(),
    ] {
        assert!(error.is_key_not_found(), "{error}");
        assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
    }
    assert_eq!((server.count(), other.count()), (4, 0));
}

fn request_without_a_body_needs_its_documented_status(colour: Colour) {
    // Without a header of etcd's: a proxy may have stripped them.
    let bare = |status: u16| match status {
        204 => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        status => response(status, &[], ""),
    };
    for status in [200, 204] {
        let server = Server::always(bare(status));
        let client = colour.client([server.url()]);
        let removed = client.send(members::Remove::new("1"));
        let enabled = client.send(auth::Enable::default());
        assert_eq!((removed.is_ok(), enabled.is_ok()), (status == 204, status == 200), "{status}");
        let error = removed.err().or_else(|| enabled.err()).unwrap();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    }
    let server = Server::always(html(200));
    let error = colour.client([server.url()]).send(auth::Enable::default()).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert!(error.to_string().contains("a web page"), "{error}");
}

fn response_about_another_key_is_rejected(colour: Colour) {
    let mixed = |action: &'static str, key: &'static str| {
        Server::each(move |_| etcd(&change(action, key, "theirs", 7)))
    };
    // A read goes to the next endpoint.
    for (action, key) in [("get", "/other"), ("set", "/mine")] {
        let (server, other) = (mixed(action, key), Server::each(plausible));
        let client = || colour.client([server.url(), other.url()]);
        assert_eq!(client().send(Get::new("/mine")).unwrap().value(), Some("read"));
        let written = client().send(Set::new("/mine", "1").if_index(3)).unwrap();
        assert_eq!(written.key(), Some("/mine"), "a guarded write does so, too");
        assert_eq!((server.count(), other.count()), (2, 2));
    }
    // A write may have been applied.
    for (write, actions) in [
        (Set::new("/mine", "1"), ["set", "create"]),
        (Set::create("/mine", "1"), ["create", "set"]),
        (Set::new("/mine", "1").if_value("0"), ["compareAndSwap", "delete"]),
    ] {
        for (action, key) in
            [(actions[0], "/other"), (actions[1], "/mine"), (actions[0], "/mine/a")]
        {
            let (server, other) = (mixed(action, key), Server::healthy());
            let client = colour.client([server.url(), other.url()]);
            let error = client.send(write.clone()).unwrap_err();
            let ErrorKind::Unexpected(kind) = error.kind() else { panic!("{error}") };
            assert!(kind.mismatch.as_deref().is_some_and(|text| text.contains(key)), "{error}");
            assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
            assert_eq!((server.count(), other.count()), (1, 0));
        }
    }
    for (action, key) in [("delete", "/other"), ("set", "/mine")] {
        let server = mixed(action, key);
        let error = colour.client([server.url()]).send(Delete::new("/mine")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    }
}

fn response_of_another_cluster_proves_nothing(colour: Colour) {
    let told_by = |cluster: &str, change: &str| {
        let id = format!("X-Etcd-Cluster-Id: {cluster}");
        response(200, &["Content-Type: application/json", "X-Etcd-Index: 3", &id], change)
    };
    let here = Server::each(move |_| told_by("7", &change("get", "/a", "1", 3)));
    let there = Server::each(move |seen: &Seen| match seen.method.as_str() {
        "PUT" => told_by("8", &change("set", "/a", "1", 3)),
        _ => refusal(404, 100, "Key not found"),
    });
    let client = colour.client([here.url(), there.url()]);
    client.send(Get::new("/a")).unwrap();
    drop(here);
    // Of a connection that is gone, the outcome is unknown anyway.
    let once = client.with(|policy| policy.passes = Some(1));
    once.send(Get::new("/a")).unwrap_err();
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(error.detail().to_string().contains("another cluster"), "{}", error.detail());
    assert_eq!(error.outcome(), Outcome::Unknown, "{}", error.detail());
}

fn refresh_that_erased_the_value_is_an_error(colour: Colour) {
    const BEFORE: &str = r#""prevNode":{"key":"/lock","value":"me","modifiedIndex":7}"#;
    let erased = |action: &str| {
        etcd(&format!(
            r#"{{"action":"{action}","node":{{"key":"/lock","value":"","ttl":9,"modifiedIndex":8}},{BEFORE}}}"#
        ))
    };
    let server = Server::each(move |seen: &Seen| match seen.body.as_str() {
        body if !body.contains("refresh=true") => plausible(seen),
        body if body.contains("prev") && !body.contains("prevExist=true&ref") => {
            erased("compareAndSwap")
        }
        _ => erased("update"),
    });
    let other = Server::healthy();
    let client = colour.client([server.url(), other.url()]);
    let client = client.with(|policy| policy.at_least_once = true);
    let ttl = Duration::from_secs(9);
    for refresh in [
        Set::refresh("/lock", ttl),
        Set::refresh("/lock", ttl).if_value("me"),
        Set::refresh("/lock", ttl).if_index(7),
    ] {
        let error = client.send(refresh).unwrap_err();
        let erased = error.refresh_unsupported().unwrap_or_else(|| panic!("{error}"));
        assert_eq!((erased.value.as_str(), erased.index), ("me", 8));
        assert_eq!(error.outcome(), Outcome::Applied, "{error}");
        let restored = client.send(erased.restore(ttl)).unwrap();
        assert_eq!(restored.key(), Some("/lock"));
        let body = server.seen().last().unwrap().body.clone();
        assert_eq!(body, "prevIndex=8&ttl=9&value=me");
    }
    assert_eq!((server.count(), other.count()), (6, 0), "it is neither repeated nor looked up");
}
