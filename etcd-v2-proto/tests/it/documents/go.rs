//! What the Go client makes of the same answers, and where this one differs on purpose.

use std::collections::{BTreeMap, BTreeSet};

use etcd_v2_proto::ErrorKind;
use etcd_v2_proto::keys::{Change, Node};
use serde::Deserialize;
use serde_json::{Value, json};

use super::known::DIFFERENCES;
use super::{Asked, Ending, Item, whole_rows};

/// What the Go client made of the answer of the row with this name.
#[derive(Debug, Deserialize)]
struct Outcome {
    name: String,
    api: String,
    ok: bool,
    result: Option<Value>,
    error: Option<String>,
    error_type: Option<String>,
    etcd_error: Option<Value>,
}

/// A difference to the Go client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// Go drops the body of every answer from 500 on, and makes up that there is no leader.
    ServerErrorIsTold,
    /// Go says that the answer is no JSON and drops what it is: the v2 API may be off, a member may
    /// not go by that name, a proxy may have answered.
    StrangerIsTold,
    /// Go drops the server's message and keeps only the status.
    MessageIsKept,
    /// Go calls a changed password an error, and says nothing else, if it made the user.
    CreationIsSuccess,
    /// Go takes "this member was removed long ago" for "removed it".
    GoneIsRefusal,
    /// Go leaves the key of the root empty.
    RootHasName,
}

fn outcomes() -> Vec<Outcome> {
    let lines = include_str!("../../documents/go-outcomes.jsonl").lines();
    let outcomes: Vec<Outcome> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes.len(), 344);
    outcomes
}

#[test]
fn every_difference_to_go_has_a_name_and_a_reason() {
    let rows: BTreeMap<_, _> = whole_rows().map(|row| (row.name.clone(), row)).collect();
    let (mut found, mut agreed, mut without_row) = (BTreeSet::new(), 0, Vec::new());
    // Some answers were given to several calls.
    for outcome in outcomes() {
        let Some(row) = rows.get(&outcome.name) else {
            without_row.push(outcome.name);
            continue;
        };
        let (asked, _) = Asked::for_row(row);
        match difference(&outcome, &row.answer().to(asked)) {
            Some(difference) => drop(found.insert((difference, outcome.name))),
            None => agreed += 1,
        }
    }
    assert_eq!(without_row, ["value_11MiB_form"], "its request was shortened for the record");
    let listed = DIFFERENCES.iter().flat_map(|(difference, names)| {
        names.iter().map(move |name| (*difference, (*name).to_owned()))
    });
    assert_eq!(found, listed.collect());
    // The difference to all of them is one answer that was given to two calls, with one difference.
    assert_eq!((agreed, found.len()), (298, 44));
}

/// How the endings differ; panics if there is no reason to.
fn difference(go: &Outcome, ours: &Ending<Item>) -> Option<Difference> {
    let name = &go.name;
    let said = go.error.as_deref().unwrap_or_default();
    match ours {
        Ending::Item(Item::Change(change)) => {
            assert!(go.ok, "{name}: {said}");
            let result = go.result.as_ref().unwrap();
            if *result == as_go_has_it(change, "/") {
                return None;
            }
            assert_eq!(*result, as_go_has_it(change, ""), "{name}");
            Some(Difference::RootHasName)
        }
        Ending::Item(Item::Told(told)) if go.ok => {
            // Go does not say what became of a user that was written.
            let mut told = told.clone();
            told.as_object_mut().and_then(|told| told.remove("created"));
            if let Some(result) = &go.result {
                assert_eq!(told, *result, "{name}");
            }
            None
        }
        Ending::Item(Item::Body(_)) if go.ok => None,
        Ending::Item(Item::Told(_) | Item::Body(_)) => {
            assert_eq!((go.api.as_str(), said), ("AuthUserAPI.ChangePassword", ""), "{name}");
            Some(Difference::CreationIsSuccess)
        }
        Ending::Elsewhere { .. } => panic!("{name}: Go was not asked about redirects"),
        Ending::Error(error) => {
            assert!(error.endpoint().is_some(), "{name}");
            let status = match error.kind() {
                ErrorKind::Etcd(refusal) => refusal.status,
                ErrorKind::Api(refusal) => refusal.status,
                ErrorKind::Unexpected(answer) => answer.status,
                ErrorKind::V2Disabled | ErrorKind::ApiNotFound { .. } => {
                    http::StatusCode::NOT_FOUND
                }
                other => panic!("{name}: {other:?}"),
            };
            if go.ok {
                assert_eq!((go.api.as_str(), status.as_u16()), ("MembersAPI.Remove", 410));
                return Some(Difference::GoneIsRefusal);
            }
            if status.is_server_error() {
                assert!(said.starts_with("client: etcd "), "{name}: {said}");
                return Some(Difference::ServerErrorIsTold);
            }
            match (error.kind(), go.error_type.as_deref().unwrap()) {
                (ErrorKind::Etcd(refusal), "client.Error") => {
                    let ours = json!({
                        "code": refusal.code.number(),
                        "message": refusal.message,
                        "cause": refusal.cause,
                        "index": refusal.index,
                    });
                    assert_eq!(go.etcd_error, Some(ours), "{name}");
                    None
                }
                (ErrorKind::Api(refusal), "client.authError" | "client.membersError") => {
                    assert_eq!(said, refusal.message, "{name}");
                    None
                }
                (_, "*errors.errorString") if said.starts_with("unexpected status code") => {
                    assert_eq!(said, format!("unexpected status code {}", status.as_u16()));
                    Some(Difference::MessageIsKept)
                }
                (
                    ErrorKind::V2Disabled
                    | ErrorKind::ApiNotFound { .. }
                    | ErrorKind::Unexpected(_),
                    "*errors.errorString" | "*json.SyntaxError",
                ) => {
                    let no_json = ["response is invalid json", "invalid character"];
                    assert!(no_json.iter().any(|text| said.contains(text)), "{name}: {said}");
                    Some(Difference::StrangerIsTold)
                }
                (ours, theirs) => panic!("{name}: {ours:?} is not {theirs} {said}"),
            }
        }
    }
}

/// A change as the Go client has it, with this for the key of the root.
fn as_go_has_it(change: &Change, root: &str) -> Value {
    json!({
        "action": change.kind().as_str(),
        "cluster_id": change.cluster_id().map(|id| id.to_string()).unwrap_or_default(),
        "index": change.etcd_index().unwrap_or_default(),
        "node": change.node().map(|node| node_as_go_has_it(node, root)),
        "prevNode": change.previous().map(|node| node_as_go_has_it(node, root)),
    })
}

fn node_as_go_has_it(node: Node<'_>, root: &str) -> Value {
    let below: Vec<Value> = node.children().map(|child| node_as_go_has_it(child, root)).collect();
    let mut told = json!({
        "key": if node.key() == "/" { root } else { node.key() },
        "value": node.value().unwrap_or_default(),
        "nodes": if below.is_empty() { Value::Null } else { below.into() },
        "createdIndex": node.created_index().unwrap_or_default(),
        "modifiedIndex": node.modified_index().unwrap_or_default(),
    });
    if node.is_dir() {
        told["dir"] = true.into();
    }
    if let Some(expiration) = node.expiration_text() {
        told["expiration"] = expiration.into();
    }
    if let Some(ttl) = node.ttl_seconds().filter(|ttl| *ttl != 0) {
        told["ttl"] = ttl.into();
    }
    told
}
