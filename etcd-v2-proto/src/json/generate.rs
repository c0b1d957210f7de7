//! Documents to test the decoder with, and what `serde_json` makes of them.

use proptest::{collection::vec, option, prelude::*};
use serde::Deserialize;

use crate::tree::Node;

#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) action: Option<String>,
    pub(super) node: Option<Plain>,
    #[serde(rename = "prevNode")]
    pub(super) prev: Option<Plain>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plain {
    key: Option<String>,
    value: Option<String>,
    dir: Option<bool>,
    expiration: Option<String>,
    ttl: Option<i64>,
    nodes: Option<Vec<Self>>,
    modified_index: Option<u64>,
    created_index: Option<u64>,
}

impl Plain {
    pub(super) fn of(node: Node<'_>) -> Self {
        Self {
            key: Some(node.key().to_owned()),
            value: node.value().map(str::to_owned),
            dir: Some(node.is_dir()),
            expiration: node.expiration_text().map(str::to_owned),
            ttl: node.ttl_seconds(),
            nodes: Some(node.children().map(Self::of).collect()),
            modified_index: node.modified_index(),
            created_index: node.created_index(),
        }
    }

    /// The same node, as the accessors of the tree tell it.
    pub(super) fn told(self) -> Self {
        let nodes: Vec<_> = self.nodes.unwrap_or_default().into_iter().map(Self::told).collect();
        let dir = self.dir == Some(true) || !nodes.is_empty();
        let ttl = self.ttl.unwrap_or_default();
        Self {
            key: Some(self.key.filter(|key| !key.is_empty()).unwrap_or_else(|| "/".to_owned())),
            value: self.value.filter(|_| !dir),
            dir: Some(dir),
            ttl: (ttl != 0 || self.expiration.is_some()).then_some(ttl),
            expiration: self.expiration,
            nodes: Some(nodes),
            modified_index: self.modified_index.filter(|index| *index != 0),
            created_index: self.created_index.filter(|index| *index != 0),
        }
    }
}

/// Writes documents in as many ways as JSON allows, chosen by a simple generator.
struct Scribe {
    state: u64,
    out: String,
}

impl Scribe {
    fn choose(&mut self, count: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % count
    }

    fn mark(&mut self, mark: &str) {
        for _ in 0..2 {
            let spaces = ["", "", "", "", " ", "\n\t", "\r\n  "];
            let space = self.choose(spaces.len() as u64) as usize;
            self.out.push_str(spaces[space]);
        }
        self.out.push_str(mark);
    }

    fn string(&mut self, text: &str) {
        self.mark("\"");
        for character in text.chars() {
            let rarely = self.choose(8) == 0;
            match character {
                '"' | '\\' => self.out.extend(['\\', character]),
                '\n' if !rarely => self.out.push_str("\\n"),
                '\0'..=' ' | '<' => self.out.push_str(&format!("\\u{:04x}", character as u32)),
                _ if rarely => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                _ => self.out.push(character),
            }
        }
        self.out.push('"');
    }

    /// Writes an object, in some order, with some of its missing fields null and some that nobody
    /// knows.
    fn object(&mut self, mut fields: Vec<(&str, Option<Piece<'_>>)>) {
        const JUNK: [&str; 5] = ["-1.5e3", "[[],{\"a\":[0]}]", "\"\\ud83d\\ude00\"", "{}", "true"];
        self.mark("{");
        let mut separator = "";
        while !fields.is_empty() {
            let (name, piece) = fields.remove(self.choose(fields.len() as u64) as usize);
            if self.choose(10) == 0 {
                let junk = JUNK[self.choose(5) as usize];
                self.mark(separator);
                self.out.push_str(&format!("\"unknown\":{junk}"));
                separator = ",";
            }
            if piece.is_none() && self.choose(8) > 0 {
                continue;
            }
            self.mark(separator);
            separator = ",";
            self.string(name);
            self.mark(":");
            match piece {
                None => self.mark("null"),
                Some(Piece::Text(text)) => self.string(text),
                Some(Piece::Word(word)) => self.mark(&word),
                Some(Piece::Node(node)) => self.node(node),
                Some(Piece::Nodes(nodes)) => {
                    self.mark("[");
                    for (place, node) in nodes.iter().enumerate() {
                        self.mark(if place == 0 { "" } else { "," });
                        self.node(node);
                    }
                    self.mark("]");
                }
            }
        }
        self.mark("}");
    }

    fn node(&mut self, node: &Plain) {
        self.object(vec![
            ("key", node.key.as_deref().map(Piece::Text)),
            ("value", node.value.as_deref().map(Piece::Text)),
            ("dir", node.dir.map(|dir| Piece::Word(dir.to_string()))),
            ("expiration", node.expiration.as_deref().map(Piece::Text)),
            ("ttl", node.ttl.map(|ttl| Piece::Word(ttl.to_string()))),
            ("nodes", node.nodes.as_deref().map(Piece::Nodes)),
            ("modifiedIndex", node.modified_index.map(|index| Piece::Word(index.to_string()))),
            ("createdIndex", node.created_index.map(|index| Piece::Word(index.to_string()))),
        ]);
    }
}

enum Piece<'a> {
    Text(&'a str),
    Word(String),
    Node(&'a Plain),
    Nodes(&'a [Plain]),
}

fn texts() -> impl Strategy<Value = Option<String>> {
    option::of(prop_oneof![
        Just(String::new()),
        "[/a-z_<>\"\\\\\n]{1,20}",
        "\\PC{0,12}",
        any::<String>()
    ])
}

fn nodes() -> impl Strategy<Value = Plain> {
    let alone = (
        texts(),
        texts(),
        any::<Option<bool>>(),
        texts(),
        any::<Option<i64>>(),
        any::<[Option<u64>; 2]>(),
    );
    let alone =
        alone.prop_map(|(key, value, dir, expiration, ttl, [modified_index, created_index])| {
            Plain { key, value, dir, expiration, ttl, nodes: None, modified_index, created_index }
        });
    let tree = alone.prop_recursive(6, 40, 5, |below| {
        (below.clone(), vec(below.prop_map(child), 0..5))
            .prop_map(|(node, nodes)| Plain { nodes: Some(nodes), ..node })
    });
    (tree, 0..50).prop_map(|(tree, depth)| {
        (0..depth / 2)
            .fold(tree, |inner, _| Plain { nodes: Some(vec![child(inner)]), ..Plain::default() })
    })
}

/// The same node with a key that a child may have.
fn child(node: Plain) -> Plain {
    let key = node.key.filter(|key| !matches!(key.as_str(), "" | "/"));
    Plain { key: Some(key.unwrap_or_else(|| "/child".to_owned())), ..node }
}

/// Keys answers, valid ones.
pub(super) fn documents() -> impl Strategy<Value = String> {
    (texts(), option::of(nodes()), option::of(nodes()), any::<u64>()).prop_map(
        |(action, node, prev, state)| {
            let mut scribe = Scribe { state, out: String::new() };
            scribe.object(vec![
                ("action", action.as_deref().map(Piece::Text)),
                ("node", node.as_ref().map(Piece::Node)),
                ("prevNode", prev.as_ref().map(Piece::Node)),
            ]);
            scribe.mark("");
            scribe.out
        },
    )
}
