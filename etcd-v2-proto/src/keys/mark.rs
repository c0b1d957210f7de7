//! The mark that a write leaves in the history.

use crate::tree::Node;

use super::change::{Change, ChangeKind};
use super::get::Get;
use super::target::Target;
use super::wait::Wait;

/// How the change that a write makes is told from others in the history: by its kind, its value and the
/// index that it was conditional on.
///
/// The [requests](crate::Request::mark) of this crate that write keys leave one. It has the value of the
/// write, which is shown nowhere.
#[derive(Clone)]
pub struct Mark {
    target: Target,
    kind: ChangeKind,
    what: What,
    /// The index that the write was conditional on.
    guard: Option<u64>,
    /// The greatest index that was known before the write began.
    since: Option<u64>,
}

/// What the node is after the write.
#[derive(Clone)]
pub(super) enum What {
    /// A file with this value.
    File(String),
    /// A file with this value, in the directory that was named.
    Child(String),
    /// A directory.
    Directory,
    /// Nothing, any more.
    Gone,
    /// Whatever it was before, and the history does not tell.
    Kept,
}

impl Mark {
    pub(super) fn new(target: &Target, kind: ChangeKind, what: What, guard: Option<u64>) -> Self {
        Self { target: target.clone(), kind, what, guard, since: None }
    }

    /// The mark of a write that began when this index was the greatest known one.
    pub(crate) fn since(mut self, index: Option<u64>) -> Self {
        self.since = index;
        self
    }

    /// The index that the write was conditional on.
    pub(crate) const fn guard(&self) -> Option<u64> {
        self.guard
    }

    /// After which index the change must be, if it is anywhere. A guard is known before the write, too.
    pub(crate) fn begins(&self) -> u64 {
        self.since.max(self.guard).unwrap_or_default()
    }

    /// Whether the history tells of such a change at all.
    pub(crate) const fn is_told(&self) -> bool {
        !matches!(self.what, What::Kept)
    }

    /// Whether the change has something that others need not have.
    pub(crate) const fn has_value(&self) -> bool {
        matches!(self.what, What::File(_) | What::Child(_))
    }

    /// Whether the key of the change was for the server to choose.
    pub(crate) const fn is_in_order(&self) -> bool {
        matches!(self.what, What::Child(_))
    }

    /// The read that brings a member up to date, and tells what is there now.
    pub(crate) fn get(&self) -> Get {
        self.target.aim(Get::new).quorum()
    }

    /// The wait for the next change after an index that may be this one.
    pub(crate) fn wait(&self, after: u64) -> Wait {
        let wait = self.target.aim(Wait::new).after(after);
        if self.is_in_order() { wait.recursive() } else { wait }
    }

    /// Whether a change is, as far as can be told, the one that left this mark.
    pub(crate) fn is_of(&self, change: &Change) -> bool {
        let Some(node) = change.node() else { return false };
        let guarded = self.guard.is_none_or(|guard| previous_index(change) == Some(guard));
        guarded && self.kind.may_be_reported_as(change.kind()) && self.is_like(node)
    }

    fn is_like(&self, node: Node<'_>) -> bool {
        match &self.what {
            What::File(value) => node.value() == Some(value) && self.target.is_at(node.key()),
            What::Child(value) => node.value() == Some(value) && self.is_child(node),
            What::Directory => node.is_dir() && self.target.is_at(node.key()),
            What::Gone => self.target.is_at(node.key()),
            What::Kept => false,
        }
    }

    /// Whether a node is in the directory, under a name that the server chose: the index at which it was
    /// created.
    fn is_child(&self, node: Node<'_>) -> bool {
        let (directory, name) = node.key().rsplit_once('/').unwrap_or_default();
        let directory = if directory.is_empty() { "/" } else { directory };
        let chosen = name.parse().is_ok_and(|index: u64| Some(index) == node.created_index());
        chosen && self.target.is_at(directory)
    }

    /// The only child of a directory that is as this write would have left it, and has not been changed
    /// since.
    pub(crate) fn only_child<'a>(&self, directory: Node<'a>) -> Option<Node<'a>> {
        let begins = self.begins();
        let mut like = directory.children().filter(|child| {
            let untouched = child.created_index() == child.modified_index();
            untouched && child.created_index() > Some(begins) && self.is_like(*child)
        });
        let first = like.next();
        first.filter(|_| like.next().is_none())
    }
}

/// The index of the node before the change.
pub(crate) fn previous_index(change: &Change) -> Option<u64> {
    change.previous().and_then(Node::modified_index)
}

impl std::fmt::Debug for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mark")
            .field("target", &self.target)
            .field("kind", &self.kind)
            .field("guard", &self.guard)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}
