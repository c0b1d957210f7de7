//! Directories in directories, ten thousand deep, in a thread with next to no stack.

use std::thread;

use super::{NodeRef, tests::node};
use crate::json::decode;

const DEPTH: usize = 10_000;

fn deep() -> NodeRef {
    let open = r#"{"key":"/d","dir":true,"nodes":["#.repeat(DEPTH);
    let close = r#"],"modifiedIndex":4}"#.repeat(DEPTH);
    node(&format!(r#"{open}{{"key":"/leaf","value":"v"}}{close}"#))
}

fn in_a_small_stack(test: fn()) {
    thread::Builder::new().stack_size(64 << 10).spawn(test).unwrap().join().unwrap();
}

#[test]
fn depth_costs_no_stack_to_read_and_to_drop() {
    in_a_small_stack(|| {
        let deep = deep();
        assert_eq!(deep.node().descendants().len(), DEPTH);
        assert_eq!(deep.node().leaves().next().and_then(|leaf| leaf.value()), Some("v"));
        assert!(deep.node().get(&"d/".repeat(DEPTH - 1)).is_some());
    });
}

#[test]
fn depth_costs_no_stack_to_copy_and_to_compare() {
    in_a_small_stack(|| {
        let deep = deep();
        let copy = deep.node().detach();
        assert!(deep == copy.clone());
        assert!(deep.node().content() == copy.node().content());
        assert!(deep.node() != copy.node().child("d").unwrap());
    });
}

#[test]
fn depth_costs_no_stack_to_print() {
    in_a_small_stack(|| {
        let deep = deep();
        assert!(format!("{deep:?}").ends_with(r#""/leaf" = "v"] }"#));
        assert!(format!("{deep:#?}").len() > DEPTH);
        assert!(format!("{:?}", deep.node().content()).ends_with(r#"["/d"])"#));
        assert_eq!(deep.to_string().len(), deep.to_json().len());
    });
}

#[test]
fn depth_costs_no_stack_to_serialize() {
    in_a_small_stack(|| {
        let deep = deep();
        let json = serde_json::to_string(&deep).unwrap();
        assert_eq!(json, deep.to_json());
        assert!(node(&json) == deep);
    });
}

#[test]
fn depth_costs_no_stack_where_a_document_is_cut_or_senseless() {
    in_a_small_stack(|| {
        for part in [r#"{"nodes":["#, "[", r#"{"a":"#, "[{\"a\":"] {
            for field in ["node", "unknown"] {
                let text = format!(r#"{{"{field}":{}"#, part.repeat(DEPTH));
                assert!(decode(text.into()).is_err());
            }
        }
        let junk =
            format!(r#"{{"unknown":{}{},"action":"get"}}"#, "[".repeat(DEPTH), "]".repeat(DEPTH));
        assert_eq!(decode(junk.into()).unwrap().action(), Some("get"));
    });
}
