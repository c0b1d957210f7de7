//! The decoder against `serde_json`, on documents that a server might send and on what accidents
//! make of them.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::{
    Answer, decode,
    generate::{Plain, Reply, documents},
};
use crate::tree::Node;

fn check_same(ours: &Answer, theirs: Reply) {
    let node = |index: Option<u32>| index.map(|index| Plain::of(Node::new(&ours.tree, index)));
    assert_eq!(ours.action(), theirs.action.as_deref());
    assert_eq!(node(ours.node), theirs.node.map(Plain::told));
    assert_eq!(node(ours.prev), theirs.prev.map(Plain::told));
}

proptest! {
    #[test]
    fn documents_say_what_serde_json_says(text in documents()) {
        check_same(&decode(text.clone().into()).unwrap(), serde_json::from_str(&text).unwrap());
    }

    #[test]
    fn a_cut_is_an_error(text in documents(), cuts in vec(any::<Index>(), 20)) {
        for cut in cuts {
            let cut = cut.index(text.trim_end().len());
            let error = decode(text.as_bytes()[..cut].to_vec()).unwrap_err();
            prop_assert!(error.offset() <= cut);
        }
    }

    #[test]
    fn accidents_are_judged_as_serde_json_does(
        text in documents(),
        accidents in vec((any::<Index>(), 0..3, prop_oneof![any::<u8>(), select(MARKS)]), 1..4),
    ) {
        let mut body = text.into_bytes();
        for (place, kind, byte) in accidents {
            let place = place.index(body.len().max(1));
            match kind {
                0 if place < body.len() => body[place] = byte,
                1 if place < body.len() => drop(body.remove(place)),
                _ => body.insert(place, byte),
            }
        }
        match (decode(body.clone()), serde_json::from_slice::<Reply>(&body)) {
            (Ok(ours), Ok(theirs)) => check_same(&ours, theirs),
            (Err(_), Err(_)) => {}
            // It takes an array for an object, does not look at the bytes it skips, and knows nothing
            // of keys.
            (Err(ours), Ok(_)) => {
                let expected = ["an object", "UTF-8", "a key in each child"];
                prop_assert!(expected.contains(&ours.expected()), "{ours}");
            }
            // It refuses half a surrogate pair, and an integer of -0.
            (Ok(_), Err(theirs)) => {
                let text = String::from_utf8_lossy(&body).to_lowercase();
                prop_assert!(text.contains("\\ud") || text.contains("-0"), "{theirs}");
            }
        }
    }

    #[test]
    fn no_bytes_do_harm(body in vec(any::<u8>(), 0..200)) {
        let _ = decode(body);
    }

    #[test]
    fn no_tokens_do_harm(tokens in vec(select(TOKENS), 0..40)) {
        let _ = decode(tokens.concat().into());
    }

    #[test]
    fn what_is_written_reads_the_same(text in documents()) {
        let answer = decode(text.into()).unwrap();
        for index in [answer.node, answer.prev].into_iter().flatten() {
            let node = Node::new(&answer.tree, index);
            let json = node.to_json();
            let again = decode(format!("{{\"prevNode\":{json}}}").into()).unwrap();
            let again = Node::new(&again.tree, again.prev.unwrap());
            prop_assert_eq!(node, again);
            prop_assert_eq!(&json, &again.to_json());
            prop_assert_eq!(&json, &serde_json::to_string(&node.to_ref()).unwrap());
            check_same(&decode(format!("{{\"node\":{json}}}").into()).unwrap(), Reply {
                action: None,
                node: Some(serde_json::from_str(&json).unwrap()),
                prev: None,
            });
            for part in node.leaves().chain(node.descendants()) {
                prop_assert!(part == part.detach().node());
            }
        }
    }
}

const MARKS: &[u8] = b"{}[]\",:\\u0-1.eE+ ntf";

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\"",
    "\\",
    "\\u",
    "d800",
    "0",
    "-",
    "1.5",
    "null",
    "true",
    "\"action\":",
    "\"node\":{",
    "\"prevNode\":{",
    "\"nodes\":[",
    "\"key\":\"",
    "\"ttl\":",
    "\"modifiedIndex\":",
    "\u{7f}é",
];
