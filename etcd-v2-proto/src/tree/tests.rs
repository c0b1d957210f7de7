use std::time::{Duration, SystemTime};

use super::*;
use crate::json::decode;

/// The node of an answer that is otherwise empty.
pub(super) fn node(json: &str) -> NodeRef {
    let answer = decode(format!(r#"{{"node":{json}}}"#).into()).unwrap();
    NodeRef::new(answer.tree, answer.node.unwrap())
}

fn keys<'a>(nodes: impl Iterator<Item = Node<'a>>) -> Vec<&'a str> {
    nodes.map(Node::key).collect()
}

const LISTING: &str = concat!(
    r#"{"dir":true,"nodes":[{"key":"/z","value":"1","modifiedIndex":4,"createdIndex":3},"#,
    r#"{"key":"/d","dir":true,"nodes":[{"key":"/d/empty","dir":true,"modifiedIndex":5,"createdIndex":5},"#,
    r#"{"key":"/d/deep","dir":true,"nodes":[{"key":"/d/deep/leaf","value":"\u003c2","modifiedIndex":7,"createdIndex":7}],"#,
    r#""modifiedIndex":6,"createdIndex":6}],"modifiedIndex":5,"createdIndex":5},"#,
    r#"{"key":"/last","value":"","expiration":"2026-11-22T14:12:57.5Z","ttl":9,"modifiedIndex":8,"createdIndex":8}]}"#
);

#[test]
fn the_root_has_neither_name_nor_indices() {
    let root = node(LISTING);
    let root = root.node();
    assert_eq!((root.key(), root.name(), root.is_dir()), ("/", "", true));
    assert_eq!((root.created_index(), root.modified_index()), (None, None));
    // Servers of the 0.4 series name it.
    assert_eq!(node(r#"{"key":"/","dir":true}"#), node(r#"{"dir":true}"#));
}

#[test]
fn walks_keep_the_servers_order() {
    let root = node(LISTING);
    let root = root.node();
    assert_eq!(keys(root.children()), ["/z", "/d", "/last"]);
    let all = ["/z", "/d", "/d/empty", "/d/deep", "/d/deep/leaf", "/last"];
    assert_eq!(keys(root.descendants()), all);
    assert_eq!(root.descendants().len(), 6);
    assert!(keys(root.descendants().rev()).iter().eq(all.iter().rev()));
    assert_eq!(keys(root.leaves()), ["/z", "/d/deep/leaf", "/last"]);
    assert_eq!(keys(root.leaves().rev()), ["/last", "/d/deep/leaf", "/z"]);
}

#[test]
fn walks_stay_inside_the_node_they_started_from() {
    let root = node(LISTING);
    let dir = root.node().child("d").unwrap();
    assert_eq!(keys(dir.children()), ["/d/empty", "/d/deep"]);
    assert_eq!(keys(dir.descendants()), ["/d/empty", "/d/deep", "/d/deep/leaf"]);
    assert_eq!(keys(dir.leaves()), ["/d/deep/leaf"]);
}

#[test]
fn a_file_is_its_only_leaf_and_an_empty_directory_has_none() {
    let root = node(LISTING);
    let file = root.node().get("z").unwrap();
    assert_eq!(keys(file.leaves()), ["/z"]);
    assert_eq!((file.children().count(), file.descendants().count()), (0, 0));
    assert_eq!(root.node().get("d/empty").unwrap().leaves().count(), 0);
}

#[test]
fn nodes_are_found_by_their_path_below_another() {
    let root = node(LISTING);
    let root = root.node();
    assert_eq!(root.get("d/deep/leaf").and_then(Node::value), Some("<2"));
    assert_eq!(root.get("/d//deep/").map(Node::name), Some("deep"));
    assert_eq!(root.get(""), Some(root));
    assert_eq!(root.get("deep"), None);
    assert_eq!(root.child("d/deep"), None);
    assert_eq!(root.get("z/d"), None);
}

#[test]
fn content_tells_files_from_directories() {
    let root = node(LISTING);
    let root = root.node();
    assert_eq!(root.content(), Content::Directory(root.children()));
    assert_eq!(root.child("z").unwrap().content(), Content::File(Some("1")));
    assert_eq!(root.child("last").unwrap().content(), Content::File(Some("")));
    assert_eq!(node(r#"{"key":"/gone","modifiedIndex":9}"#).node().content(), Content::File(None));
}

#[test]
fn what_has_children_is_a_directory_and_has_no_value() {
    let odd = node(r#"{"key":"/d","value":"v","nodes":[{"key":"/d/a"}]}"#);
    assert!(odd.node().is_dir() && !odd.node().is_file());
    assert_eq!(odd.node().value(), None);
    let odd = node(r#"{"key":"/d","value":"v","nodes":[]}"#);
    assert_eq!(odd.node().value(), Some("v"));
}

#[test]
fn hidden_is_what_has_a_name_with_an_underscore() {
    assert!(node(r#"{"key":"/a/_b"}"#).node().is_hidden());
    assert!(!node(r#"{"key":"/_a/b"}"#).node().is_hidden());
    assert!(!node("{}").node().is_hidden());
}

#[test]
fn a_ttl_that_the_server_leaves_out_beside_an_expiration_is_zero() {
    let time = r#""expiration":"2026-11-22T14:12:57Z""#;
    for (fields, raw, ttl) in [
        ("", None, None),
        (r#""ttl":100"#, Some(100), Some(Duration::from_secs(100))),
        (time, Some(0), Some(Duration::ZERO)),
        (r#""ttl":-3"#, Some(-3), Some(Duration::ZERO)),
    ] {
        let node = node(&format!("{{{fields}}}"));
        assert_eq!((node.node().ttl_seconds(), node.node().ttl()), (raw, ttl), "{fields}");
    }
}

#[test]
fn an_expiration_is_a_time_and_a_text() {
    let root = node(LISTING);
    let last = root.node().child("last").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_356_777_500);
    assert_eq!(last.expiration(), Some(time));
    assert_eq!(last.expiration_text(), Some("2026-11-22T14:12:57.5Z"));
    let odd = node(r#"{"expiration":"soon"}"#);
    assert_eq!((odd.node().expiration(), odd.node().expiration_text()), (None, Some("soon")));
}

#[test]
fn nodes_are_written_as_etcd_does() {
    assert_eq!(node(LISTING).to_json(), LISTING.replace("\\u003c", "<"));
    assert_eq!(node(LISTING).to_string(), node(LISTING).to_json());
    assert_eq!(serde_json::to_string(&[node(LISTING)]).unwrap(), format!("[{}]", node(LISTING)));
    let text = r#"{"key":"/a","value":"\"\\/\b\f\n\r\t\u0000\u007fé😀"}"#;
    assert_eq!(
        node(text).to_json(),
        "{\"key\":\"/a\",\"value\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0000\u{7f}é😀\"}"
    );
    assert_eq!(node("{}").to_json(), "{}");
    assert_eq!(node(r#"{"modifiedIndex":1}"#).to_json(), r#"{"modifiedIndex":1}"#);
    assert_eq!(node(r#"{"createdIndex":1}"#).to_json(), r#"{"createdIndex":1}"#);
    assert_eq!(node(r#"{"dir":true,"value":"x","ttl":0}"#).to_json(), r#"{"dir":true}"#);
}

#[test]
fn nodes_are_equal_if_they_say_the_same() {
    let spaced = LISTING.replace(',', " ,\n").replace("\"/d", "\"\\/d");
    assert_eq!(node(LISTING), node(&spaced));
    for (old, new) in [
        ("/z", "/y"),
        (r#""1""#, r#""2""#),
        (r#""value":"1","#, ""),
        (r#"dir":true,"modified"#, r#"value":"","modified"#),
        (r#""ttl":9"#, r#""ttl":8"#),
        ("57.5Z", "57.6Z"),
        (r#"Index":7,"createdIndex":7"#, r#"Index":8,"createdIndex":7"#),
        (r#""createdIndex":3"#, r#""createdIndex":2"#),
    ] {
        assert!(LISTING.contains(old), "{old}");
        assert_ne!(node(LISTING), node(&LISTING.replacen(old, new, 1)), "{old}");
    }
    // The same nodes, one of them at another depth.
    let inside = node(r#"{"nodes":[{"key":"/d","nodes":[{"key":"/d/a"},{"key":"/d/b"}]}]}"#);
    let beside = node(r#"{"nodes":[{"key":"/d","nodes":[{"key":"/d/a"}]},{"key":"/d/b"}]}"#);
    assert_ne!(inside, beside);
}

#[test]
fn debug_lists_what_is_below() {
    let dir = node(LISTING).node().child("d").unwrap().detach();
    let text = concat!(
        r#"Node { key: "/d", dir: true, created_index: 5, modified_index: 5, below: "#,
        r#"["/d/empty" (dir) @5, "/d/deep" (dir) @6, "/d/deep/leaf" = "<2" @7] }"#
    );
    assert_eq!(format!("{dir:?}"), text);
    let root = format!("{:?}", node(LISTING));
    assert!(root.contains(r#""/z" = "1" @4 created @3, "#), "{root}");
    assert!(root.contains(r#""/last" = "" @8 ttl 9 until 2026-11-22T14:12:57.5Z"#), "{root}");
    assert_eq!(format!("{:?}", node(LISTING).node().children()), r#"["/z", "/d", "/last"]"#);
}

#[test]
fn a_detached_node_keeps_nothing_else() {
    let root = node(LISTING);
    let dir = root.node().child("d").unwrap();
    let copy = dir.detach();
    assert_eq!(copy.node(), dir);
    assert_eq!(copy.node().tree().text.len(), "/d/d/empty/d/deep/d/deep/leaf<2".len());
    assert_eq!(copy.node().tree().records.len(), 4);
    drop(root);
    assert_eq!(copy.node().get("deep/leaf").unwrap().detach().into_value().as_deref(), Some("<2"));
    assert_eq!(copy.into_value(), None);
}

#[test]
fn a_reference_keeps_its_answer() {
    let last = node(LISTING).node().child("last").map(NodeRef::from).unwrap();
    assert_eq!(last.clone().node().key(), "/last");
    assert_eq!(last.into_value().as_deref(), Some(""));
}

#[test]
fn references_go_anywhere_and_records_are_small() {
    fn goes_anywhere<T: Send + Sync + 'static>() {}
    goes_anywhere::<NodeRef>();
    goes_anywhere::<Node<'static>>();
    assert!(size_of::<Record>() <= 56);
    assert!(size_of::<Node<'static>>() <= 16);
}

#[test]
fn an_index_of_another_tree_finds_a_blank_node() {
    let tree = Arc::new(Tree::default());
    let stray = Node::new(&tree, 7);
    assert_eq!((stray.key(), stray.children().count(), stray.leaves().count()), ("/", 0, 0));
    assert_eq!((stray.to_json().as_str(), stray.detach().node().key()), ("{}", "/"));
}
