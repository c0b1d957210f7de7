//! Changes, against the JSON that they were decoded from.

use std::time::{Duration, SystemTime};

use etcd_v2_proto::keys::{Change, Content, Node};
use serde_json::Value;

use super::Row;

/// Checks that `change` says all that the answer of a row says, and nothing else.
pub(super) fn check(row: &Row, change: &Change) {
    let name = &row.name;
    let body: Value = serde_json::from_str(&row.response_body).unwrap();
    assert_eq!(change.kind().as_str(), body["action"], "{name}");
    assert!(!format!("{:?}", change.kind()).starts_with("Other"), "{name}");
    let gone = ["delete", "compareAndDelete", "expire"].map(Value::from);
    assert_eq!(change.kind().is_removal(), gone.contains(&body["action"]), "{name}");
    option(name, change.node(), body.get("node"));
    option(name, change.previous(), body.get("prevNode"));

    let number = |header| row.header(header).map(|text| text.parse::<u64>().unwrap());
    assert_eq!(change.etcd_index(), number("X-Etcd-Index"), "{name}");
    assert_eq!(change.raft_index(), number("X-Raft-Index"), "{name}");
    assert_eq!(change.raft_term(), number("X-Raft-Term"), "{name}");
    let cluster = change.cluster_id().map(|id| id.to_string());
    assert_eq!(cluster.as_deref(), row.header("X-Etcd-Cluster-Id"), "{name}");

    let index = match body.get("node") {
        Some(node) => node["modifiedIndex"].as_u64(),
        None => number("X-Etcd-Index"),
    };
    assert_eq!(change.index(), index, "{name}");

    let again: Value = serde_json::from_str(&change.to_json()).unwrap();
    assert_eq!(again, body, "{name}");
    assert_eq!(serde_json::to_string(change).unwrap(), change.to_json(), "{name}");
}

fn option(name: &str, node: Option<Node<'_>>, told: Option<&Value>) {
    match (node, told) {
        (Some(node), Some(told)) => self::node(name, node, told),
        (None, None) => {}
        (node, told) => panic!("{name}: {node:?} from {told:?}"),
    }
}

fn node(name: &str, node: Node<'_>, told: &Value) {
    const FIELDS: [&str; 8] =
        ["key", "value", "dir", "expiration", "ttl", "nodes", "modifiedIndex", "createdIndex"];
    let unknown: Vec<_> =
        told.as_object().unwrap().keys().filter(|key| !FIELDS.contains(&key.as_str())).collect();
    assert!(unknown.is_empty(), "{name}: {unknown:?} is not looked at");

    // Only the root has no key.
    assert_eq!(node.key(), told["key"].as_str().unwrap_or("/"), "{name}");
    let directory = told["dir"] == true;
    assert_eq!((node.is_dir(), node.is_file()), (directory, !directory), "{name}");
    assert_eq!(node.value(), told["value"].as_str(), "{name}");
    assert_eq!(node.modified_index(), told["modifiedIndex"].as_u64(), "{name}");
    assert_eq!(node.created_index(), told["createdIndex"].as_u64(), "{name}");

    // A ttl of zero is left out, while the expiration is there; one below zero is over.
    let expires = told["expiration"].as_str();
    assert_eq!(node.expiration_text(), expires, "{name}");
    assert_eq!(node.expiration(), expires.map(time), "{name}");
    let ttl = expires.map(|_| told["ttl"].as_i64().unwrap_or(0));
    assert_eq!(node.ttl_seconds(), ttl, "{name}");
    let left = ttl.map(|ttl| Duration::from_secs(ttl.max(0).unsigned_abs()));
    assert_eq!(node.ttl(), left, "{name}");

    let none = Vec::new();
    let below = told["nodes"].as_array().unwrap_or(&none);
    assert_eq!(node.children().count(), below.len(), "{name}");
    for (child, told) in node.children().zip(below) {
        self::node(name, child, told);
    }
    match node.content() {
        Content::File(value) => assert!(!directory && value == node.value(), "{name}"),
        Content::Directory(children) => assert!(directory && children == node.children(), "{name}"),
    }
}

/// Reads `2026-11-22T14:12:57.543150811Z`, with the arithmetic of the proleptic Gregorian calendar.
fn time(text: &str) -> SystemTime {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years begin in March, so that the odd day is at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // From the first of March of year 0 to the first of January of 1970.
    let days = days - 719_468;
    let seconds = 86_400 * days + 3600 * number(11, 13) + 60 * number(14, 16) + number(17, 19);
    let fraction = text[19..].trim_start_matches('.').trim_end_matches('Z');
    let nanoseconds = format!("{fraction:0<9}").parse().unwrap();
    SystemTime::UNIX_EPOCH + Duration::new(seconds.unsigned_abs(), nanoseconds)
}
