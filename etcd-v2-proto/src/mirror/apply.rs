//! What changes and listings do to the nodes of a mirror.

use crate::keys::{Change, ChangeKind, is_below, is_hidden_below};
use crate::tree::{Node, Tree};

use super::order::{order, parents};
use super::store::Store;
use super::telling::Telling;

/// What a change comes to.
#[derive(Debug)]
pub(super) enum Applied {
    /// It is none of the mirror's business.
    Nothing,
    /// It was applied.
    Different(Telling),
    /// It tells of a past that the mirror has not seen, so something was missed. Nothing was applied.
    Contradiction,
    /// There would be more in the mirror than a listing could tell. Nothing was applied.
    TooLarge,
}

/// Does to the nodes what a watch of `base` has told. There may be up to `limit` bytes of text.
pub(super) fn apply(store: &mut Store, base: &str, change: &Change, limit: usize) -> Applied {
    let Some(node) = change.node() else { return Applied::Nothing };
    let (kind, index) = (change.kind(), change.index().unwrap_or_default());
    let removes = kind.is_removal();
    let at = if removes && is_below(base, node.key()) { base } else { node.key() };
    if !is_below(at, base) || is_hidden_below(at, base) || *kind == ChangeKind::Get {
        return Applied::Nothing;
    }
    let own = store.get(at);
    if at == node.key() && change.previous().is_some_and(|told| contradicts(told, own)) {
        return Applied::Contradiction;
    }
    let before = store.clone();
    let telling = if removes {
        store.cut(at);
        Telling::of_removal(before, store.clone(), at)
    } else {
        let missing = parents(at, base).filter(|key| !store.get(key).is_some_and(Node::is_dir));
        let growth = missing.fold(node.text_len(), |sum, key| sum.saturating_add(key.len()));
        if store.text_len().saturating_add(growth) > limit {
            return Applied::TooLarge;
        }
        let cleared = upsert(store, base, node, *kind == ChangeKind::Update, index);
        Telling::of_upsert(before, store.clone(), at, base, cleared)
    };
    Applied::Different(telling.because(kind.clone(), index))
}

/// Puts a node, and the directories above it that are missing. Tells whether there may have been something
/// below it that is gone now.
fn upsert(store: &mut Store, base: &str, node: Node<'_>, updates: bool, index: u64) -> bool {
    let key = node.key();
    for parent in parents(key, base) {
        if !store.get(parent).is_some_and(Node::is_dir) {
            // It was made when the key was written, and nobody is told of that.
            store.put(Node::new(&Tree::directory(parent, index), 0));
        }
    }
    let own = store.get(key).filter(|own| own.is_dir());
    match own.map(Node::to_ref) {
        // Of a directory only the time to live can change. The index that is told then is never seen
        // again.
        Some(own) if updates && node.is_dir() => {
            store.put(Node::new(&Tree::renewed(own.node(), node), 0));
            false
        }
        own => {
            if own.is_some() {
                store.cut(key);
            }
            store.put(node);
            own.is_some()
        }
    }
}

/// Whether a file as it was before a change, says the server, is another one than the mirror has. One
/// that was only refreshed meanwhile is the same.
fn contradicts(told: Node<'_>, own: Option<Node<'_>>) -> bool {
    told.value().is_some()
        && own.is_none_or(|own| {
            told.value() != own.value() || told.created_index() != own.created_index()
        })
}

/// The nodes that a listing shows, none if there is nothing to list; shared with those of before as far
/// as they are the same.
pub(super) fn list(before: &Store, listed: Option<Node<'_>>) -> Store {
    let Some(root) = listed else { return Store::default() };
    let below = root.descendants().filter(|node| !is_hidden_below(node.key(), root.key()));
    let mut nodes: Vec<Node<'_>> = std::iter::once(root).chain(below).collect();
    nodes.sort_by(|a, b| order(a.key(), b.key()));
    nodes.dedup_by(|a, b| a.key() == b.key());
    if before.len() == 0 {
        return Store::from_sorted(&nodes);
    }
    let mut after = before.clone();
    let mut rest = nodes.as_slice();
    let mut place = before.all().map(|(first, _)| first);
    while let Some(at) = place {
        let key = at.node().key();
        rest = &rest[rest.partition_point(|node| order(node.key(), key).is_lt())..];
        if rest.first().is_none_or(|node| node.key() != key) {
            after.cut(key);
        }
        place = before.after(at);
    }
    for node in nodes {
        if !after.get(node.key()).is_some_and(|own| own.says_the_same(node)) {
            after.put(node);
        }
    }
    after
}
