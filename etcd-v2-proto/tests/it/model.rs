//! A server in a few lines: a tree of nodes, an index, and a short history. Shared with the fuzz targets.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use etcd_v2_proto::http::StatusCode;

/// How many changes the server remembers.
const WINDOW: usize = 8;

/// Keys that have something to do with one another.
const KEYS: [&str; 16] = [
    "/r/pp/a",
    "/r/pp/a/b",
    "/r/pp/a/b/c",
    "/r/pp/a/d",
    "/r/pp/a-b",
    "/r/pp/b",
    "/r/pp/b/a/a",
    "/r/pp/_h",
    "/r/pp/_h/x",
    "/r/pp/a/_i",
    "/r/pp",
    "/r/p/x",
    "/r/p",
    "/r/pp/a/b/e",
    "/r",
    "/else",
];

#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
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

impl Write {
    /// Any write, by its kind, and a key.
    pub(crate) fn any(kind: u8, key: u8, value: u8) -> Self {
        let key = KEYS[usize::from(key) % KEYS.len()];
        match kind % 12 {
            0..=3 => Self::Set { key, value, expires: false },
            4 => Self::Set { key, value, expires: true },
            5 => Self::Update { key, value },
            6 => Self::Mkdir { key },
            7 => Self::Refresh { key },
            8 => Self::Delete { key },
            9 => Self::Expire { key },
            10 => Self::Renew { key },
            _ => Self::Elsewhere { times: usize::from(value) * 4 },
        }
    }

    /// One to four writes, by two bytes.
    pub(crate) fn some(kind: u8, key: u8) -> impl Iterator<Item = Self> {
        let (times, stride) = (kind / 64, key / 16);
        (0..=times).map(move |number| {
            let key = key.wrapping_add(number.wrapping_mul(stride));
            Self::any(kind.wrapping_add(number), key, stride % 3)
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// None for a directory.
    pub(crate) value: Option<String>,
    pub(crate) created: u64,
    pub(crate) modified: u64,
    /// When it expires.
    pub(crate) expires: Option<u64>,
    /// A directory that came to be because of a hidden key, which nobody is told.
    pub(crate) unseen: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Told {
    index: u64,
    key: String,
    /// Whether it removed a directory.
    removed_dir: bool,
    /// None of a refresh.
    json: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) index: u64,
    /// All that was told; of which the server remembers but the end.
    told: Vec<Told>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { nodes: BTreeMap::new(), index: 3, told: Vec::new() }
    }

    /// Carries out a write, if it makes sense now.
    pub(crate) fn write(&mut self, write: Write) {
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
        self.told.push(told);
    }

    /// The answer to a recursive listing.
    pub(crate) fn list(&self, base: &str) -> (StatusCode, String) {
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
    pub(crate) fn visible(&self, base: &str) -> impl DoubleEndedIterator<Item = (&String, &Node)> {
        self.nodes
            .iter()
            .filter(move |(key, _)| is_within(key, base) && !key[base.len()..].contains("/_"))
    }

    /// What the server remembers.
    fn history(&self) -> &[Told] {
        &self.told[self.told.len().saturating_sub(WINDOW)..]
    }

    /// The first change that the history has from an index on; none if it has none yet, an error if the
    /// history does not reach back that far.
    pub(crate) fn scan(&self, scope: Scope, from: u64) -> Result<Option<&str>, String> {
        let history = self.history();
        let oldest = history.first().map_or(0, |told| told.index);
        if from < oldest && history.len() == WINDOW {
            let index = self.index;
            return Err(format!(
                r#"{{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [{oldest}/{from}]","index":{index}}}"#
            ));
        }
        let hit = |told: &&Told| told.index >= from && told.json.is_some() && scope.finds(told);
        Ok(history.iter().find(hit).and_then(|told| told.json.as_deref()))
    }

    /// The first change from an index on that a wait which is open is told.
    pub(crate) fn live(&self, scope: Scope, from: u64) -> Option<&str> {
        self.all(scope, from).next().map(|(_, json)| json)
    }

    /// All changes from an index on that a wait which is open all the time is told, with their indexes.
    pub(crate) fn all(&self, scope: Scope, from: u64) -> impl Iterator<Item = (u64, &str)> {
        let told = move |told: &&Told| told.index >= from && scope.tells(told);
        self.told.iter().filter(told).filter_map(|told| Some((told.index, told.json.as_deref()?)))
    }

    /// A change before an index, which was told before.
    pub(crate) fn earlier(&self, than: u64) -> Option<&str> {
        let mut earlier = self.history().iter().filter(|told| told.index < than);
        earlier.find_map(|told| told.json.as_deref())
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) key: &'static str,
    pub(crate) recursive: bool,
}

impl Scope {
    /// A key and everything below it.
    pub(crate) const fn below(key: &'static str) -> Self {
        Self { key, recursive: true }
    }

    /// Whether a server that looks through its history takes a change for one that is waited for. Servers
    /// forget the slash here, and forget to leave out what is hidden.
    fn finds(self, told: &Told) -> bool {
        let below =
            if self.recursive { is_within(&told.key, self.key) } else { told.key == self.key };
        below || (told.removed_dir && self.key.starts_with(&told.key))
    }

    /// Whether a wait that is open is told of a change.
    fn tells(self, told: &Told) -> bool {
        let visible = !told.key.get(self.key.len()..).is_some_and(|rest| rest.contains("/_"));
        let below =
            if self.recursive { is_within(&told.key, self.key) } else { told.key == self.key };
        (below && visible) || (told.removed_dir && is_within(self.key, &told.key))
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
