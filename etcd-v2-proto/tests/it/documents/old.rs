//! What servers up to etcd 2.2 do otherwise.

use std::time::Duration;

use etcd_v2_proto::keys::{Change, Get, KeysRequest, Node, Set};
use etcd_v2_proto::{Error, ErrorKind, Outcome, Request};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Ending};

fn answered(body: &Value, request: impl Request<Output = Change>) -> Result<Change, Error> {
    let body = body.to_string().into_bytes();
    match (Answer { status: StatusCode::OK, headers: Vec::new(), body }).to(request) {
        Ending::Item(item) => Ok(item),
        Ending::Error(error) => Err(error),
        Ending::Elsewhere { .. } => panic!("it goes on"),
    }
}

/// What a server answers to a refresh of a file with this value.
fn refreshed(action: &str, before: &str, after: Option<&str>) -> Value {
    let mut node = json!({"key": "/lock", "ttl": 9, "modifiedIndex": 8, "createdIndex": 5});
    if let Some(after) = after {
        node["value"] = after.into();
    }
    let before = json!({"key": "/lock", "value": before, "modifiedIndex": 7, "createdIndex": 5});
    json!({"action": action, "node": node, "prevNode": before})
}

fn refresh() -> Set {
    Set::refresh("/lock", Duration::from_secs(9))
}

#[test]
fn a_refresh_that_erased_the_value_is_an_error_with_the_value_and_the_index() {
    for (action, request) in [
        ("update", refresh()),
        ("compareAndSwap", refresh().if_value("me")),
        ("compareAndSwap", refresh().if_index(7)),
        ("update", refresh().if_index(7)),
        ("update", refresh().no_value_on_success()),
    ] {
        for after in [None, Some("")] {
            let error = answered(&refreshed(action, "me", after), request.clone()).unwrap_err();
            let erased = error.refresh_unsupported().unwrap();
            assert_eq!(
                (erased.key.as_str(), erased.value.as_str(), erased.index),
                ("/lock", "me", 8)
            );
            assert_eq!(error.outcome(), Outcome::Applied, "{error}");
            let texts = format!("{error} {error:?} {error:#?}");
            assert!(texts.contains("etcd 2.3") && texts.contains("index 8"), "{texts}");
            assert!(!texts.contains("\"me\""), "the value is not shown: {texts}");
            let restore = erased.restore(Duration::from_secs(9)).encode().unwrap();
            assert_eq!(restore.path_and_query, "/v2/keys/lock");
            assert_eq!(restore.body.unwrap().1, "prevIndex=8&ttl=9&value=me");
        }
    }
}

#[test]
fn the_erased_key_is_the_one_of_the_view() {
    let request = Set::refresh("/lock", Duration::from_secs(9)).with_root("/app".parse().unwrap());
    let body = refreshed("update", "me", Some("")).to_string().replace("/lock", "/app/lock");
    let body: Value = serde_json::from_str(&body).unwrap();
    let error = answered(&body, request).unwrap_err();
    assert_eq!(error.refresh_unsupported().unwrap().key, "/lock");
}

#[test]
fn a_refresh_that_kept_what_was_there_is_one() {
    let directory = json!({"action": "update",
        "node": {"key": "/lock", "dir": true, "ttl": 9, "modifiedIndex": 8, "createdIndex": 5},
        "prevNode": {"key": "/lock", "dir": true, "modifiedIndex": 7, "createdIndex": 5}});
    for body in [
        refreshed("update", "me", Some("me")),
        refreshed("update", "", Some("")),
        refreshed("update", "", None),
        directory,
    ] {
        let change = answered(&body, refresh()).unwrap();
        assert_eq!(change.index(), Some(8), "{body}");
    }
    // To write nothing is what a set was asked for.
    let set = Set::update("/lock", "");
    assert!(answered(&refreshed("update", "me", Some("")), set).is_ok());
}

#[test]
fn a_refresh_that_erased_the_value_is_never_repeated() {
    let error = answered(&refreshed("update", "me", Some("")), refresh()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RefreshUnsupported(_)), "{error}");
    assert!(error.may_have_applied() && error.attempts().is_empty());
}

fn node(name: &str, created: u64) -> Value {
    json!({"key": format!("/q/{name}"), "value": name, "modifiedIndex": created, "createdIndex": created})
}

fn listing(nodes: Vec<Value>) -> Value {
    let nodes = Value::from(nodes);
    json!({"action": "get", "node": {"key": "/q", "dir": true, "nodes": nodes}})
}

fn names(change: &Change) -> Vec<&str> {
    change.node().unwrap().children().map(Node::name).collect()
}

#[test]
fn unpadded_children_are_sorted_by_the_index_of_their_creation() {
    let key_order = [("10", 10), ("100", 100), ("11", 11), ("7", 7), ("9", 9), ("99", 99)];
    let body = listing(key_order.iter().map(|(name, index)| node(name, *index)).collect());
    let sorted = answered(&body, Get::new("/q").sorted()).unwrap();
    assert_eq!(names(&sorted), ["7", "9", "10", "11", "99", "100"]);
    let values: Vec<_> = sorted.node().unwrap().children().filter_map(Node::value).collect();
    assert_eq!(values, ["7", "9", "10", "11", "99", "100"]);
    // Nobody promised an order.
    let random = answered(&body, Get::new("/q")).unwrap();
    assert_eq!(names(&random), ["10", "100", "11", "7", "9", "99"]);
    assert_eq!(random.node().unwrap().child("7"), sorted.node().unwrap().child("7"));
}

#[test]
fn names_of_other_kinds_keep_their_places() {
    for (order, expected) in [
        // After an upgrade to 2.2, the new ones are padded.
        (
            vec![("00000000000000000120", 120), ("10", 10), ("9", 9)],
            vec!["9", "10", "00000000000000000120"],
        ),
        // Names that callers chose, though they are numbers.
        (vec![("10", 400), ("9", 401)], vec!["10", "9"]),
        (vec![("10", 10), ("5", 400), ("9", 9), ("a", 3)], vec!["9", "5", "10", "a"]),
        (vec![("1:", 20), ("30", 30), ("4", 4)], vec!["1:", "4", "30"]),
        (vec![("010", 10), ("9", 9)], vec!["9", "010"]),
        (vec![("9", 9)], vec!["9"]),
        (vec![], vec![]),
    ] {
        let body = listing(order.iter().map(|(name, index)| node(name, *index)).collect());
        let sorted = answered(&body, Get::new("/q").sorted()).unwrap();
        assert_eq!(names(&sorted), expected);
    }
}

#[test]
fn directories_move_with_all_that_is_in_them() {
    let below = |name: &str| {
        let child = |leaf: u64| {
            json!({"key": format!("/q/{name}/{leaf}"), "value": "v", "modifiedIndex": leaf,
                "createdIndex": leaf})
        };
        json!([child(12), child(13), child(8)])
    };
    let directory = |name: &str, created: u64| {
        json!({"key": format!("/q/{name}"), "dir": true, "createdIndex": created,
            "modifiedIndex": created, "nodes": below(name)})
    };
    let body = listing(vec![directory("11", 11), node("5", 5), directory("7", 7), node("x", 2)]);
    let change = answered(&body, Get::new("/q").recursive().sorted()).unwrap();
    let keys: Vec<&str> = change.node().unwrap().descendants().map(Node::key).collect();
    let expected = [
        "/q/5", "/q/7", "/q/7/8", "/q/7/12", "/q/7/13", "/q/11", "/q/11/8", "/q/11/12", "/q/11/13",
        "/q/x",
    ];
    assert_eq!(keys, expected);
    let seven = change.node().unwrap().get("7").unwrap();
    assert_eq!(seven.children().count(), 3);
    assert_eq!(seven.detach().node().descendants().count(), 3);
}
