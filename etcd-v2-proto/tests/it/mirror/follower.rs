//! Somebody who knows a subtree from the updates alone.

use std::collections::BTreeMap;

use etcd_v2_proto::keys::Node;
use etcd_v2_proto::mirror::{Snapshot, Update};

#[derive(Debug, Default)]
pub(super) struct Follower {
    nodes: BTreeMap<String, Seen>,
    pub(super) synced: bool,
}

/// What an update says of a node; what only a listing brings up to date is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    dir: bool,
    value: Option<String>,
    created: Option<u64>,
}

impl Follower {
    /// Applies an update, which has to fit.
    pub(super) fn follow(&mut self, update: &Update) -> Result<(), String> {
        match update {
            Update::Upserted { node, before, .. } => {
                let key = node.node().key().to_owned();
                let had = self.nodes.insert(key.clone(), Seen::of(node.node()));
                let told = before.as_ref().map(|before| Seen::of(before.node()));
                check(had == told, || format!("{key} was {had:?}, and not {told:?}"))?;
                let inside = had.is_some_and(|had| had.dir) && node.node().is_file();
                check(!(inside && self.has_below(&key)), || format!("{key} still has children"))
            }
            Update::Removed { node, .. } => {
                let key = node.node().key();
                let had = self.nodes.remove(key);
                let told = Some(Seen::of(node.node()));
                check(had == told, || format!("{key} was {had:?}, and not {told:?}"))?;
                check(!self.has_below(key), || format!("{key} is removed before its children"))
            }
            Update::Resynced { .. } => {
                self.synced = true;
                Ok(())
            }
            _ => Err(format!("unknown: {update:?}")),
        }
    }

    fn has_below(&self, key: &str) -> bool {
        let below = format!("{key}/");
        self.nodes.range(below.clone()..).next().is_some_and(|(own, _)| own.starts_with(&below))
    }

    /// Whether it has what the mirror has.
    pub(super) fn compare(&self, snapshot: &Snapshot) -> Result<(), String> {
        let own: BTreeMap<_, _> =
            snapshot.iter().map(|node| (node.key().to_owned(), Seen::of(node))).collect();
        check(own == self.nodes, || format!("followed {:?}\nmirrored {own:?}", self.nodes))
    }
}

impl Seen {
    fn of(node: Node<'_>) -> Self {
        let value = node.value().map(str::to_owned);
        Self { dir: node.is_dir(), value, created: node.created_index() }
    }
}

pub(super) fn check(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(problem()) }
}
