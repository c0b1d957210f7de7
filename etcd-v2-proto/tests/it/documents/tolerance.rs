//! Answers that no capture has: what may be added, garbled or missing, and what may not.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::keys::{Change, ChangeKind, Delete, Get, Push, Set, Wait};
use etcd_v2_proto::stats::{OfLeader, OfMember, OfStore};
use etcd_v2_proto::{
    Action, Cluster, Code, Conversation, Error, ErrorKind, Event, Exchange, Outcome, Policy,
    Request,
};
use http::StatusCode;

use super::{Answer, Ending};

const NODE: &str = r#""node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":5}"#;

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.collect(),
        body: body.into(),
    }
}

fn item(answer: &Answer, request: impl Request<Output = Change>) -> Change {
    match answer.to(request) {
        Ending::Item(item) => item,
        ending => panic!("{ending:?}"),
    }
}

fn error<R: Request>(answer: &Answer, request: R) -> Error {
    match answer.to(request) {
        Ending::Error(error) => error,
        _ => panic!("no error: {answer:?}"),
    }
}

/// The five shapes of a refusal, and what each comes to.
///
/// Status, type and body; the case of the error; the outcome; whether another endpoint is asked for
/// a read, and for a write.
type Shape = (u16, &'static str, &'static str, &'static str, Outcome, bool, bool);

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const ROLLING: &str =
    r#"{"message":"Not capable of accessing auth feature during rolling upgrades."}"#;
const HTML: &str = "text/html";
const KEY_ERROR: &str = r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":9}"#;
const RAFT_ERROR: &str = r#"{"errorCode":300,"message":"Raft Internal Error","index":0}"#;

const NO_VALUE: &str = r#"{"errorCode":201,"message":"PrevValue is Required in POST form","cause":"\"prevValue\" cannot be empty","index":0}"#;
const NO_TTL: &str = r#"{"errorCode":202,"message":"The given TTL in POST form is not a number","cause":"invalid value for \"ttl\"","index":0}"#;
const NO_INDEX: &str = r#"{"errorCode":203,"message":"The given index in POST form is not a number","cause":"invalid value for \"prevIndex\"","index":0}"#;
const NO_FIELD: &str = r#"{"errorCode":209,"message":"Invalid field","cause":"invalid value for prevExist","index":0}"#;
const NO_WATCHER: &str =
    r#"{"errorCode":400,"message":"watcher is cleared due to etcd recovery","cause":"","index":9}"#;

const SHAPES: &[Shape] = &[
    // 1. Of the keys API, whatever type is declared, with or without a cause, and more than known.
    (404, JSON, KEY_ERROR, "Etcd", Outcome::Rejected, false, false),
    (404, TEXT, KEY_ERROR, "Etcd", Outcome::Rejected, false, false),
    (412, JSON, r#"{"errorCode":101,"message":"m"}"#, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, r#"{"errorCode":999,"x":[{}]}"#, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, NO_VALUE, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, NO_TTL, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, NO_INDEX, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, NO_FIELD, "Etcd", Outcome::Rejected, false, false),
    (400, JSON, NO_WATCHER, "Etcd", Outcome::Rejected, false, false),
    (401, JSON, r#"{"errorCode":110,"index":0}"#, "Etcd", Outcome::Rejected, false, false),
    (500, JSON, RAFT_ERROR, "Etcd", Outcome::Unknown, true, false),
    (500, JSON, r#"{"errorCode":301,"message":"m"}"#, "Etcd", Outcome::Unknown, true, false),
    // 2. Of the members and auth APIs, and of proxies.
    (409, JSON, r#"{"message":"exists"}"#, "Api", Outcome::Rejected, false, false),
    (404, JSON, r#"{"message":"Not found","y":1}"#, "Api", Outcome::Rejected, false, false),
    (500, JSON, r#"{"message":"Internal"}"#, "Api", Outcome::Unknown, true, false),
    (503, JSON, r#"{"message":"zero endpoints"}"#, "Api", Outcome::Unknown, true, false),
    // 3. Text.
    (404, TEXT, "404 page not found\n", "V2Disabled", Outcome::Rejected, true, true),
    (404, TEXT, "nothing here", "Unexpected", Outcome::Rejected, true, true),
    (425, TEXT, "", "Unexpected", Outcome::Rejected, true, true),
    (429, TEXT, "slow down", "Unexpected", Outcome::Rejected, true, true),
    (429, JSON, r#"{"message":"slow down"}"#, "Api", Outcome::Rejected, true, true),
    (403, TEXT, "not current leader\n", "NotLeader", Outcome::Rejected, true, true),
    (500, JSON, ROLLING, "Api", Outcome::Rejected, true, true),
    (405, TEXT, "Method Not Allowed\n", "Unexpected", Outcome::Rejected, false, false),
    (400, TEXT, "400 Bad Request", "Unexpected", Outcome::Rejected, false, false),
    (421, TEXT, "the Host header was unrecognized", "Unexpected", Outcome::Rejected, true, true),
    (431, TEXT, "431 headers too large", "Unexpected", Outcome::Rejected, false, false),
    (503, TEXT, "{\"health\":\"false\"}\n", "Unexpected", Outcome::Unknown, true, false),
    (500, TEXT, "Internal Server Error", "Unexpected", Outcome::Unknown, true, false),
    // 4. Nothing: a proxy that is for reading only says so, and nothing was done.
    (501, TEXT, "", "Unexpected", Outcome::Rejected, true, true),
    (401, TEXT, "", "Unexpected", Outcome::Rejected, false, false),
    (503, TEXT, "", "Unexpected", Outcome::Unknown, true, false),
    // 5. HTML from something in between; what is no error's JSON counts the same.
    (502, HTML, "<html>Bad Gateway</html>", "Unexpected", Outcome::Unknown, true, false),
    (504, HTML, "<html>Timeout</html>", "Unexpected", Outcome::Unknown, true, false),
    (403, HTML, "<html>Forbidden</html>", "Unexpected", Outcome::Rejected, false, false),
    (404, HTML, "<html>Not Found</html>", "Unexpected", Outcome::Rejected, true, true),
    (400, JSON, "{}", "Unexpected", Outcome::Rejected, false, false),
    (400, JSON, "null", "Unexpected", Outcome::Rejected, false, false),
    (400, JSON, r#"{"errorCode":"#, "Unexpected", Outcome::Rejected, false, false),
];

#[test]
fn each_shape_of_a_refusal_is_told_by_status_and_body() {
    for (status, content_type, body, case, outcome, read_on, write_on) in SHAPES.iter().copied() {
        let refusal = answer(status, &[("Content-Type", content_type)], body);
        let shape = format!("{status} {content_type} {body}");
        let read = error(&refusal, Get::new("/a"));
        let write = error(&refusal, Set::new("/a", "v"));
        for error in [&read, &write] {
            let kind = format!("{:?}", error.kind());
            assert!(kind.starts_with(case), "{shape}: {kind}");
            assert_eq!(error.outcome(), outcome, "{shape}");
            assert_eq!(error.is_unauthorized(), status == 401, "{shape}");
            if let ErrorKind::Unexpected(answer) = error.kind() {
                assert_eq!(
                    (answer.excerpt.as_str(), answer.content_type.as_str()),
                    (body, content_type)
                );
            }
        }
        assert!(!read.may_have_applied(), "{shape}");
        assert_eq!(write.may_have_applied(), outcome == Outcome::Unknown, "{shape}");
        assert_eq!(asks_another(&refusal, Get::new("/a")), read_on, "{shape}");
        assert_eq!(asks_another(&refusal, Set::new("/a", "v")), write_on, "{shape}");
    }
}

#[test]
fn a_request_timeout_leaves_a_write_unknown_and_is_retried_by_reads() {
    for (content_type, body) in [
        (TEXT, ""),
        (TEXT, "408 Request Time-out"),
        (HTML, "<html>408 Request Time-out</html>"),
        (JSON, r#"{"message":"Request Timeout"}"#),
    ] {
        let refusal = answer(408, &[("Content-Type", content_type)], body);
        let write = error(&refusal, Set::new("/a", "v"));
        assert_eq!(write.outcome(), Outcome::Unknown, "{body}");
        assert!(asks_another(&refusal, Get::new("/a")), "{body}");
        assert!(asks_another(&refusal, Set::new("/a", "v").if_index(3)), "{body}");
        assert!(!asks_another(&refusal, Set::new("/a", "v")), "{body}");
    }
}

#[test]
fn refusals_of_the_request_have_the_code_that_names_them() {
    for (body, code) in [
        (NO_VALUE, Code::PREV_VALUE_REQUIRED),
        (NO_TTL, Code::TTL_NOT_A_NUMBER),
        (NO_INDEX, Code::INDEX_NOT_A_NUMBER),
        (NO_FIELD, Code::INVALID_FIELD),
        (NO_WATCHER, Code::WATCHER_CLEARED),
    ] {
        let error = error(&answer(400, &[], body), Set::new("/a", "v"));
        assert!(error.has_code(code), "{error}");
    }
}

#[test]
fn a_403_names_another_leader_only_in_the_words_of_etcd() {
    let told = |content_type, body: &str| answer(403, &[("Content-Type", content_type)], body);
    let words = told(JSON, r#"{"message":"not current leader"}"#);
    let error_of = error(&words, OfLeader::default());
    assert!(matches!(error_of.kind(), ErrorKind::NotLeader), "{error_of}");
    assert_eq!(error_of.outcome(), Outcome::Rejected);
    assert!(asks_another(&words, OfLeader::default()));
    // The words of 0.4.
    for body in ["not current leader", "not current leader\n"] {
        let plain = told(TEXT, body);
        let error = error(&plain, OfLeader::default());
        assert!(error.is_not_leader() && error.outcome() == Outcome::Rejected, "{error}");
        assert!(asks_another(&plain, OfLeader::default()));
    }
    for (content_type, body, case) in [
        (HTML, "<html>Forbidden</html>", "Unexpected"),
        (TEXT, "", "Unexpected"),
        (JSON, r#"{"message":"not allowed"}"#, "Api"),
        (JSON, r#"{"errorCode":110,"message":"m"}"#, "Etcd"),
    ] {
        let refusal = told(content_type, body);
        for error in [
            error(&refusal, OfLeader::default()),
            error(&refusal, OfMember::default()),
            error(&refusal, OfStore::default()),
        ] {
            let kind = format!("{:?}", error.kind());
            assert!(kind.starts_with(case), "{body}: {kind}");
            assert_eq!(error.outcome(), Outcome::Rejected, "{body}");
        }
        assert!(!asks_another(&refusal, OfLeader::default()), "{body}");
    }
}

/// Whether a call that gets this refusal from its first endpoint goes on to the second.
fn asks_another(refusal: &Answer, request: impl Request) -> bool {
    let cluster = Cluster::parse(["http://a:1,http://b:2"]).unwrap();
    let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
    let mut exchange = Exchange::new(request, cluster.route(), policy, 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    let head = http::Response::builder().status(refusal.status).body(()).unwrap().into_parts().0;
    for event in [Event::Head(head), Event::Chunk(Bytes::from(refusal.body.clone())), Event::End] {
        exchange.handle(now, event);
    }
    match exchange.poll(now) {
        Action::Send { request, .. } => request.uri().host() == Some("b"),
        Action::Finish(Err(_)) => false,
        _ => panic!("neither on nor over"),
    }
}

#[test]
fn redirects_that_keep_neither_method_nor_body_are_refused() {
    for status in [300, 303, 304, 305] {
        let redirect = answer(status, &[("Location", "/v2/keys/b")], "");
        let error = error(&redirect, Set::new("/a", "v"));
        assert!(matches!(error.kind(), ErrorKind::Redirect(_)), "{status}: {error}");
        assert_eq!(error.outcome(), Outcome::Rejected, "{status}");
    }
}

#[test]
fn unknown_fields_are_tolerated_and_unknown_actions_where_any_may_come() {
    let body = r#" {"v":{"a":[1,-2.5e3,null,true,"}",{}]},"action":"merge","node":{"lease":7,
        "key":"/a","nodes":null,"value":"v","ttl":null,"modifiedIndex":7,"createdIndex":5,
        "deep":[[[{"key":"no"}]]]},"prevNode":null,"Node":{"key":"/not"}} "#;
    let change = item(&answer(200, &[], body), Wait::new("/a"));
    assert_eq!(*change.kind(), ChangeKind::Other("merge".into()));
    assert_eq!(change.kind().as_str(), "merge");
    assert_eq!((change.key(), change.value(), change.index()), (Some("/a"), Some("v"), Some(7)));
    assert_eq!(change.previous(), None);
    let known = format!(r#"{{"action":"merge",{NODE}}}"#);
    assert_eq!(item(&answer(200, &[], known), Wait::new("/a")), change);
    let read = item(&answer(200, &[], body.replace("merge", "get")), Get::new("/a"));
    assert_eq!((read.key(), read.value(), read.index()), (Some("/a"), Some("v"), Some(7)));
}

#[test]
fn headers_may_be_missing_or_garbled() {
    const NAMES: [&str; 4] = ["X-Etcd-Index", "X-Raft-Index", "X-Raft-Term", "X-Etcd-Cluster-Id"];
    let body = format!(r#"{{"action":"set",{NODE}}}"#);
    let all = |change: &Change| {
        let id = change.cluster_id().map(|id| id.number());
        [change.etcd_index(), change.raft_index(), change.raft_term(), id]
    };
    let set = || Set::new("/a", "v");
    assert_eq!(all(&item(&answer(200, &[], body.as_str()), set())), [None; 4]);
    let garbled = ["", " ", "x", "-1", "1 2", "1,2", "0x1g", "18446744073709551616", "ä", "1.0"];
    for (place, name) in NAMES.into_iter().enumerate() {
        for value in garbled {
            let mut headers = NAMES.map(|name| (name, "11"));
            headers[place] = (name, value);
            let change = item(&answer(200, &headers, body.as_str()), set());
            let mut expected = [Some(11), Some(11), Some(11), Some(0x11)];
            expected[place] = None;
            assert_eq!(all(&change), expected, "{name}: {value:?}");
            assert_eq!(change.index(), Some(7), "{name}: {value:?}");
        }
    }
}

#[test]
fn a_success_without_a_node_is_one_only_if_none_was_asked_for() {
    let bare = answer(201, &[("X-Etcd-Index", "27")], "{\"action\":\"create\"}\n");
    let change = item(&bare, Set::create("/a", "v").no_value_on_success());
    assert_eq!((change.node(), change.index()), (None, Some(27)));
    assert_eq!(*change.kind(), ChangeKind::Create);
    let bare = |action: &str| {
        answer(201, &[("X-Etcd-Index", "27")], format!("{{\"action\":\"{action}\"}}\n"))
    };
    let errors = [
        error(&bare("set"), Set::new("/a", "v")),
        error(&bare("create"), Push::new("/a", "v")),
        error(&bare("delete"), Delete::new("/a")),
        error(&bare("get"), Get::new("/a")),
        error(&bare("set"), Wait::new("/a")),
    ];
    for (place, error) in errors.iter().enumerate() {
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{place}: {error}");
        assert_eq!(error.outcome(), Outcome::Applied, "{place}");
        assert_eq!(error.may_have_applied(), place < 3, "{place}");
    }
}

#[test]
fn a_success_that_is_no_answer_of_etcd_is_never_an_item_and_applied_if_etcd_sent_it() {
    let good = format!(r#"{{"action":"set",{NODE}}}"#);
    let bodies = [
        (String::new(), "EmptyBody"),
        (" \r\n\t".to_owned(), "EmptyBody"),
        ("null".to_owned(), "Malformed"),
        ("{}".to_owned(), "Malformed"),
        ("[]".to_owned(), "Malformed"),
        (r#"{"action":"",NODE}"#.replace("NODE", NODE), "Malformed"),
        (r#"{"action":null,NODE}"#.replace("NODE", NODE), "Malformed"),
        (r#"{"action":7,NODE}"#.replace("NODE", NODE), "Malformed"),
        (format!("{{{NODE}}}"), "Malformed"),
        (r#"{"action":"set","node":null}"#.to_owned(), "Malformed"),
        (r#"{"action":"set","node":"x"}"#.to_owned(), "Malformed"),
        (good.replace('7', "-7"), "Malformed"),
        (good.replace('7', "7.5"), "Malformed"),
        (good.replace('7', "18446744073709551616"), "Malformed"),
        (good.replace("\"v\"", "8"), "Malformed"),
        (format!("{good}{good}"), "Malformed"),
        (format!("{good}x"), "Malformed"),
        (good[..good.len() - 1].to_owned(), "Malformed"),
        ("<html>Welcome to this hotel's network</html>".to_owned(), "Malformed"),
    ];
    for (body, case) in bodies {
        // The action or the key was decoded, and suits the request.
        let begins =
            body.contains("\"set\"") || body.starts_with("{\"node\"") || body.contains(NODE);
        let begins = begins && !body.starts_with(r#"{"action":7"#);
        for status in [200, 201, 202, 204, 206] {
            for headers in [&[][..], &[("X-Etcd-Index", "7")], &[("X-Etcd-Cluster-Id", "7e")]] {
                let answer = answer(status, headers, body.as_str());
                let error = error(&answer, Set::new("/a", "v"));
                let kind = format!("{:?}", error.kind());
                assert!(kind.starts_with(case), "{body}: {kind}");
                let is_etcds = begins || !headers.is_empty();
                let outcome = if is_etcds { Outcome::Applied } else { Outcome::Unknown };
                assert_eq!(error.outcome(), outcome, "{body} {headers:?}");
                assert!(error.may_have_applied());
            }
        }
    }
    assert_eq!(item(&answer(202, &[], good), Set::new("/a", "v")).value(), Some("v"));
}
