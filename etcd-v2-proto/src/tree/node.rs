//! The view of one node.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Children, Descendants, Leaves, NodeRef, Record, Tree, expiration};

/// A file or directory, as the server described it in one answer.
///
/// This is a view: two words, free to copy, and good for as long as the answer it is from. What is
/// to outlive the answer is kept as a [`NodeRef`], see [`to_ref`](Node::to_ref) and
/// [`detach`](Node::detach).
///
/// Two nodes are equal if they say the same, whatever answers they are from. `Display` writes the
/// node as etcd does, in JSON; `Debug` lists it with everything below it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    tree: &'a Arc<Tree>,
    index: u32,
}

/// What a node holds, so that a file and a directory cannot be taken for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing else, and a match should prove it")]
pub enum Content<'a> {
    /// A file with its value, which the server leaves out where the node is gone: removed, expired.
    File(Option<&'a str>),
    /// A directory with its direct children; none if the answer does not list them.
    Directory(Children<'a>),
}

impl<'a> Node<'a> {
    /// Views the node that has this index in a tree.
    pub(crate) fn new(tree: &'a Arc<Tree>, index: u32) -> Self {
        Self { tree, index }
    }

    /// Returns the full path of the node, `/` for the root.
    #[must_use]
    pub fn key(self) -> &'a str {
        // The server names every node but the root.
        self.text(|record| record.key).filter(|key| !key.is_empty()).unwrap_or("/")
    }

    /// Returns the last segment of the key, which is empty for the root.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.key().rsplit('/').next().unwrap_or_default()
    }

    /// Says whether this is a directory.
    #[must_use]
    pub fn is_dir(self) -> bool {
        self.record().dir
    }

    /// Says whether this is a file.
    #[must_use]
    pub fn is_file(self) -> bool {
        !self.is_dir()
    }

    /// Says whether listings leave this node out, because its name starts with an underscore.
    #[must_use]
    pub fn is_hidden(self) -> bool {
        self.name().starts_with('_')
    }

    /// Returns the value of a file, if the server sent it.
    ///
    /// A directory has none. A file that is gone has none either: its last value is that of the
    /// previous node.
    #[must_use]
    pub fn value(self) -> Option<&'a str> {
        self.text(|record| record.value).filter(|_| self.is_file())
    }

    /// Returns the value of a file or the children of a directory.
    #[must_use]
    pub fn content(self) -> Content<'a> {
        if self.is_dir() {
            Content::Directory(self.children())
        } else {
            Content::File(self.value())
        }
    }

    /// Walks the direct children, in the server's order.
    ///
    /// There are none if the answer does not list this directory: of the directories inside the one
    /// that was asked for, only a recursive answer does.
    #[must_use]
    pub fn children(self) -> Children<'a> {
        Children::new(self)
    }

    /// Walks everything below this node, each directory before what is in it.
    #[must_use]
    pub fn descendants(self) -> Descendants<'a> {
        Descendants::new(self)
    }

    /// Walks the files among this node and everything below it.
    ///
    /// A file is its own only leaf; a directory is never one, not even an empty one.
    #[must_use]
    pub fn leaves(self) -> Leaves<'a> {
        Leaves::new(self)
    }

    /// Returns the direct child of this name.
    #[must_use]
    pub fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name)
    }

    /// Returns the node at a path below this one, as in `a/b`.
    ///
    /// Slashes at either end or in a row mean nothing, so the empty path is this node.
    #[must_use]
    pub fn get(self, path: &str) -> Option<Self> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(self, Self::child)
    }

    /// Returns the index of the change that created the node; the root has none.
    #[must_use]
    pub fn created_index(self) -> Option<u64> {
        Some(self.record().created).filter(|index| *index != 0)
    }

    /// Returns the index of the change that last wrote the node; the root has none.
    #[must_use]
    pub fn modified_index(self) -> Option<u64> {
        Some(self.record().modified).filter(|index| *index != 0)
    }

    /// Returns how long the node had left when the server answered, if it ever expires.
    ///
    /// It is zero for a node whose time is up and that is still there, because only a leader
    /// removes it.
    #[must_use]
    pub fn ttl(self) -> Option<Duration> {
        let seconds = self.ttl_seconds()?;
        Some(Duration::from_secs(seconds.try_into().unwrap_or_default()))
    }

    /// Returns what the server counted down to, which may be negative.
    ///
    /// The server leaves out a zero; an expiration alone says that there is one.
    #[must_use]
    pub fn ttl_seconds(self) -> Option<i64> {
        let ttl = self.record().ttl;
        (ttl != 0 || self.expiration_text().is_some()).then_some(ttl)
    }

    /// Returns when the node expires, by the server's clock.
    ///
    /// There is none either if the text is no RFC 3339 time of 1970 or later.
    #[must_use]
    pub fn expiration(self) -> Option<SystemTime> {
        self.expiration_text().and_then(expiration::parse)
    }

    /// Returns when the node expires, in the server's words.
    #[must_use]
    pub fn expiration_text(self) -> Option<&'a str> {
        self.text(|record| record.expiration)
    }

    /// Returns the owned form of this view, which keeps the whole answer in memory.
    #[must_use]
    pub fn to_ref(self) -> NodeRef {
        NodeRef::new(Arc::clone(self.tree), self.index)
    }

    /// Copies this node and everything below it, so that it does not keep the rest of the answer in
    /// memory.
    #[must_use]
    pub fn detach(self) -> NodeRef {
        NodeRef::new(self.tree.extract(self.index), 0)
    }

    pub(super) fn tree(self) -> &'a Arc<Tree> {
        self.tree
    }

    pub(super) fn index(self) -> u32 {
        self.index
    }

    /// Says whether everything below this node comes before another node.
    pub(super) fn ends_before(self, other: Node<'_>) -> bool {
        self.record().end <= other.index
    }

    /// Returns how many bytes its own strings have.
    pub(crate) fn text_len(self) -> usize {
        self.record().spans().iter().map(|span| span.len()).sum()
    }

    pub(super) fn record(self) -> &'a Record {
        self.tree.record(self.index)
    }

    fn text(self, span: impl FnOnce(&Record) -> super::Span) -> Option<&'a str> {
        self.tree.text(span(self.record()))
    }
}
