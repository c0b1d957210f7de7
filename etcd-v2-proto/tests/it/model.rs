//! A server in a few lines: a tree of nodes, an index, and a short history.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use etcd_v2_proto::http::StatusCode;

/// How many changes the server remembers.
const WINDOW: usize = 8;

#[derive(Clone, Copy, Debug)]
pub(super) enum Write {
    Set {
        key: &'static str,
        value: u8,
        expires: bool,
    },
    Update {
        key: &'static str,
        value: u8,
    },
    Mkdir {
        key: &'static str,
    },
    Refresh {
        key: &'static str,
    },
    /// Another time to live of a directory.
    Renew {
        key: &'static str,
    },
    Delete {
        key: &'static str,
    },
    Expire {
        key: &'static str,
    },
    Elsewhere {
        times: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// None for a directory.
    pub(super) value: Option<String>,
    pub(super) created: u64,
    pub(super) modified: u64,
    /// When it expires.
    pub(super) expires: Option<u64>,
    /// A directory that came to be because of a hidden key, which nobody is told.
    pub(super) unseen: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Told {
    index: u64,
    key: String,
    /// Whether it removed a directory.
    removed_dir: bool,
    /// None of a refresh.
    json: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) index: u64,
    history: VecDeque<Told>,
}

impl Server {
    pub(super) fn new() -> Self {
        Self { nodes: BTreeMap::new(), index: 3, history: VecDeque::new() }
    }

    /// Carries out a write, if it makes sense now.
    pub(super) fn write(&mut self, write: Write) {
        let at = self.index + 1;
        match write {
            Write::Elsewhere { times } => {
                for _ in 0..times {
                    self.put("/elsewhere", "set", Some("x".to_owned()), None);
                }
            }
            Write::Set { key, value, expires } => {
                self.put(key, "set", Some(value.to_string()), expires.then_some(at));
            }
            Write::Mkdir { key } if !self.nodes.contains_key(key) => {
                self.put(key, "create", None, None);
            }
            Write::Update { key, value } if self.is_file(key) => {
                let (before, parts) = (self.nodes[key].clone(), Some(value.to_string()));
                let node = Node { value: parts, modified: at, expires: None, ..before.clone() };
                self.tell(key, "update", &node.clone(), Some(&before), false);
                self.nodes.insert(key.to_owned(), node);
            }
            Write::Refresh { key } if self.is_file(key) => {
                if let Some(node) = self.nodes.get_mut(key) {
                    (node.modified, node.expires) = (at, Some(at));
                }
                self.index = at;
                self.remember(Told {
                    index: at,
                    key: key.to_owned(),
                    removed_dir: false,
                    json: None,
                });
            }
            Write::Renew { key } if self.is_dir(key) => {
                let before = self.nodes[key].clone();
                let told = Node { modified: at, expires: Some(at), ..before.clone() };
                self.tell(key, "update", &told, Some(&before), false);
                // The index that it tells is not the one that it keeps.
                self.nodes.insert(key.to_owned(), Node { expires: Some(at), ..before });
            }
            Write::Delete { key } => self.remove(key, "delete"),
            Write::Expire { key } => self.remove(key, "expire"),
            _ => {}
        }
    }

    fn is_file(&self, key: &str) -> bool {
        self.nodes.get(key).is_some_and(|node| node.value.is_some())
    }

    fn is_dir(&self, key: &str) -> bool {
        self.nodes.get(key).is_some_and(|node| node.value.is_none())
    }

    fn put(&mut self, key: &str, action: &str, value: Option<String>, expires: Option<u64>) {
        let parents: Vec<_> =
            key.match_indices('/').skip(1).map(|(at, _)| key[..at].to_owned()).collect();
        if self.is_dir(key) || parents.iter().any(|parent| self.is_file(parent)) {
            return;
        }
        let at = self.index + 1;
        let node =
            |value, expires, unseen| Node { value, created: at, modified: at, expires, unseen };
        for parent in parents {
            self.nodes.entry(parent).or_insert_with(|| node(None, None, key.contains("/_")));
        }
        let (node, before) = (node(value, expires, false), self.nodes.get(key).cloned());
        self.tell(key, action, &node, before.as_ref(), false);
        self.nodes.insert(key.to_owned(), node);
    }

    fn remove(&mut self, key: &str, action: &str) {
        let Some(before) = self.nodes.get(key).cloned() else { return };
        let is_dir = before.value.is_none();
        let modified = self.index + 1;
        let gone = Node { value: None, modified, expires: None, ..before.clone() };
        self.tell_removed(key, action, &gone, &before, is_dir);
        self.nodes.retain(|own, _| !is_within(own, key));
    }

    fn tell_removed(&mut self, key: &str, action: &str, gone: &Node, before: &Node, dir: bool) {
        self.index += 1;
        let node = one(key, gone, dir);
        let json = format!(
            r#"{{"action":"{action}","node":{node},"prevNode":{}}}"#,
            one(key, before, dir)
        );
        let told =
            Told { index: self.index, key: key.to_owned(), removed_dir: dir, json: Some(json) };
        self.remember(told);
    }

    fn tell(&mut self, key: &str, action: &str, node: &Node, before: Option<&Node>, dir: bool) {
        self.index += 1;
        let mut json =
            format!(r#"{{"action":"{action}","node":{}"#, one(key, node, node.value.is_none()));
        if let Some(before) = before {
            let _ = write!(json, r#","prevNode":{}"#, one(key, before, before.value.is_none()));
        }
        json.push('}');
        let told =
            Told { index: self.index, key: key.to_owned(), removed_dir: dir, json: Some(json) };
        self.remember(told);
    }

    fn remember(&mut self, told: Told) {
        self.history.push_back(told);
        if self.history.len() > WINDOW {
            self.history.pop_front();
        }
    }

    /// The answer to a recursive listing.
    pub(super) fn list(&self, base: &str) -> (StatusCode, String) {
        if !self.nodes.contains_key(base) {
            let index = self.index;
            let body = format!(
                r#"{{"errorCode":100,"message":"Key not found","cause":"/","index":{index}}}"#
            );
            return (StatusCode::NOT_FOUND, body);
        }
        (StatusCode::OK, format!(r#"{{"action":"get","node":{}}}"#, self.tree(base, base)))
    }

    fn tree(&self, key: &str, base: &str) -> String {
        let node = &self.nodes[key];
        let mut json = one(key, node, node.value.is_none());
        let children: Vec<_> = self
            .visible(base)
            .filter(|(own, _)| {
                own.strip_prefix(key)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|name| !name.contains('/'))
            })
            // Unsorted, as servers do it.
            .rev()
            .map(|(own, _)| self.tree(own, base))
            .collect();
        if !children.is_empty() {
            json.pop();
            let _ = write!(json, r#","nodes":[{}]}}"#, children.join(","));
        }
        json
    }

    /// What a listing shows.
    pub(super) fn visible(&self, base: &str) -> impl DoubleEndedIterator<Item = (&String, &Node)> {
        self.nodes
            .iter()
            .filter(move |(key, _)| is_within(key, base) && !key[base.len()..].contains("/_"))
    }

    /// The first change that the history has from an index on; none if it has none yet, an error if the
    /// history does not reach back that far.
    pub(super) fn scan(&self, base: &str, from: u64) -> Result<Option<&str>, String> {
        let oldest = self.history.front().map_or(0, |told| told.index);
        if from < oldest && self.history.len() == WINDOW {
            let index = self.index;
            return Err(format!(
                r#"{{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [{oldest}/{from}]","index":{index}}}"#
            ));
        }
        let hit = |told: &&Told| {
            told.index >= from
                && told.json.is_some()
                // Servers forget the slash here, and forget to leave out what is hidden.
                && (is_within(&told.key, base) || (told.removed_dir && base.starts_with(&told.key)))
        };
        Ok(self.history.iter().find(hit).and_then(|told| told.json.as_deref()))
    }

    /// The first change from an index on that a wait which is open is told.
    pub(super) fn live(&self, base: &str, from: u64) -> Option<&str> {
        let told = |told: &&Told| {
            let visible = is_within(&told.key, base) && !told.key[base.len()..].contains("/_");
            let removed = told.removed_dir && is_within(base, &told.key);
            told.index >= from && told.json.is_some() && (visible || removed)
        };
        self.history.iter().find(told).and_then(|told| told.json.as_deref())
    }

    /// A change before an index, which was told before.
    pub(super) fn earlier(&self, than: u64) -> Option<&str> {
        let mut history = self.history.iter().filter(|told| told.index < than);
        history.find_map(|told| told.json.as_deref())
    }
}

fn is_within(key: &str, directory: &str) -> bool {
    key.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn one(key: &str, node: &Node, dir: bool) -> String {
    let mut json = format!(r#"{{"key":"{key}""#);
    if let Some(value) = &node.value {
        let _ = write!(json, r#","value":"{value}""#);
    }
    if dir {
        json.push_str(r#","dir":true"#);
    }
    if let Some(expires) = node.expires {
        let _ = write!(json, r#","expiration":"2026-11-22T20:21:{expires:02}Z","ttl":7"#);
    }
    let Node { created, modified, .. } = node;
    let _ = write!(json, r#","modifiedIndex":{modified},"createdIndex":{created}}}"#);
    json
}
