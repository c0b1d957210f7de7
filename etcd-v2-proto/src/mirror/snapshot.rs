//! What a mirror holds at one moment.

use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;

use crate::keys::{Key, is_below};
use crate::tree::Node;

use super::store::{Place, Store};

/// The nodes of a subtree as of one index: it never changes, and costs nothing to take or to clone.
///
/// Everything is in the order of a walk: each directory, then all that is in it, sorted by name. Each
/// [`Node`] stands for itself here: what is in a directory is told by [`children`](Self::children) and
/// [`below`](Self::below), and not by the methods of the node. A [`NodeRef`](crate::keys::NodeRef) of it
/// keeps a few of its neighbours in memory, too.
///
/// ```
/// use etcd_v2_proto::mirror::Snapshot;
///
/// fn addresses(services: &Snapshot) -> Vec<&str> {
///     services.below("/services/web").filter_map(|node| node.value()).collect()
/// }
/// assert!(addresses(&Snapshot::default()).is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(super) store: Store,
    pub(super) index: Option<u64>,
}

/// Some nodes of a [`Snapshot`], in order.
#[derive(Clone)]
pub struct Nodes<'a> {
    store: &'a Store,
    ends: Option<(Place<'a>, Place<'a>)>,
}

impl Snapshot {
    /// The node of a key, in any form that a [`Key`] may have; none if there is no such node.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Node<'_>> {
        self.store.get(&canonical(key)?)
    }

    /// The value of a key, if it is a file that is there.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::value)
    }

    /// All nodes.
    #[must_use]
    pub fn iter(&self) -> Nodes<'_> {
        Nodes { store: &self.store, ends: self.store.all() }
    }

    /// A node and everything below it, which is all that has its key for a prefix.
    #[must_use]
    pub fn below(&self, key: &str) -> Nodes<'_> {
        let ends = canonical(key).and_then(|key| self.store.within(&key));
        Nodes { store: &self.store, ends }
    }

    /// All nodes whose keys, as they are told, begin with this text, which may end within a name:
    /// `/services/web-` is the beginning of `/services/web-1` and of all below that, and not of
    /// `/services/web`.
    #[must_use]
    pub fn starting_with(&self, text: &str) -> Nodes<'_> {
        Nodes { store: &self.store, ends: self.store.starting_with(text) }
    }

    /// The nodes that are directly in a directory.
    pub fn children(&self, directory: &str) -> impl Iterator<Item = Node<'_>> {
        let directory = canonical(directory).unwrap_or_default().into_owned();
        let mut next = self.store.first_after(&directory);
        std::iter::from_fn(move || {
            let child = next.take()?.node();
            next = self.store.after_all_within(child.key());
            is_below(child.key(), &directory).then_some(child)
        })
    }

    /// How many nodes there are, directories included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there are none, as when the directory does not exist, or not yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.store.len() == 0
    }

    /// The index up to which every change is in here; none before the first listing.
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        self.index
    }

    /// Whether it was taken of the same mirror with no change in between. Quick, and never wrong when it
    /// says yes.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.index == other.index && self.store.is(&other.store)
    }

    /// Whether it is the state of the subtree at some moment, and not just empty because nothing was
    /// read yet.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.index.is_some()
    }
}

impl<'a> IntoIterator for &'a Snapshot {
    type Item = Node<'a>;
    type IntoIter = Nodes<'a>;

    fn into_iter(self) -> Nodes<'a> {
        self.iter()
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let (first, last) = self.ends.take()?;
        if !first.is(last) {
            self.ends = self.store.after(first).map(|next| (next, last));
        }
        Some(first.node())
    }
}

impl DoubleEndedIterator for Nodes<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (first, last) = self.ends.take()?;
        if !first.is(last) {
            self.ends = self.store.before(last).map(|next| (first, next));
        }
        Some(last.node())
    }
}

impl FusedIterator for Nodes<'_> {}

/// A key in the form in which etcd tells it; none of what cannot be one.
fn canonical(key: &str) -> Option<Cow<'_, str>> {
    let is_canonical =
        key.starts_with('/') && !key.contains("//") && (key.len() == 1 || !key.ends_with('/'));
    if is_canonical {
        return Some(Cow::Borrowed(key));
    }
    key.parse().ok().map(|key: Key| Cow::Owned(key.as_str().to_owned()))
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Snapshot");
        text.field("index", &self.index).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Node::key)).finish()
    }
}
