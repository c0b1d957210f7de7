//! The nodes of a mirror: an ordered map whose copies share what they have in common.
//!
//! It is a B-tree whose leaves, the *runs*, are small [trees](crate::tree) of a few dozen nodes each. So a
//! node costs little more than its text, there is no allocation for a single one, and it is read through
//! the same view as a node of an answer. A change copies one run and the forks above it, unless nobody
//! else has them: the rest is shared with all earlier copies. A fork holds neither keys nor bounds; the
//! first key below it is looked up where it is.
//!
//! It is our own because maps of crates have an entry, with some allocations, for each node: 100,000 nodes
//! take less than half of the memory here that they take in those of `imbl` or `rpds`, and a listing
//! becomes a store without being put in one by one.

mod edit;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::keys::is_below;
use crate::tree::{Node, Tree};

use super::order::order;

/// An ordered map from keys to nodes; to clone it is to count one more.
#[derive(Clone, Default)]
pub(super) struct Store {
    root: Option<Branch>,
    size: Size,
}

/// How many nodes there are, and how many bytes their strings have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    nodes: usize,
    text: usize,
}

#[derive(Clone)]
enum Branch {
    /// Some nodes in order; never empty.
    Run(Arc<Tree>),
    /// Branches in order, all of the same height; never empty.
    Fork(Arc<Vec<Self>>),
}

/// Where a node is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    run: &'a Arc<Tree>,
    index: u32,
}

impl Store {
    /// Whether it is a copy of the same store, with no change on either side since.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (None, None) => true,
            (Some(Branch::Run(a)), Some(Branch::Run(b))) => Arc::ptr_eq(a, b),
            (Some(Branch::Fork(a)), Some(Branch::Fork(b))) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The nodes of a listing, which are in order and have different keys.
    pub(super) fn from_sorted(nodes: &[Node<'_>]) -> Self {
        let mut rest = nodes;
        let mut level = Vec::with_capacity(nodes.len() / FILL + 1);
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |node: &&Node<'_>| {
                bytes += node.text_len();
                bytes <= RUN_BYTES
            };
            let count = rest.iter().take(FILL).take_while(fits).count().max(1);
            let (run, after) = rest.split_at(count);
            level.push(Branch::Run(Tree::gather(run)));
            rest = after;
        }
        Self { root: grown(level, FILL), size: Size::of(nodes) }
    }

    pub(super) const fn len(&self) -> usize {
        self.size.nodes
    }

    /// How many bytes the strings of all nodes have.
    pub(super) const fn text_len(&self) -> usize {
        self.size.text
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'_>> {
        self.place(key).map(Place::node)
    }

    /// The place of a key that is there.
    pub(super) fn place(&self, key: &str) -> Option<Place<'_>> {
        let place = self.last(|own| order(own, key) != Ordering::Greater)?;
        Some(place).filter(|place| place.node().key() == key)
    }

    /// The first and the last place within a directory, the directory's own included.
    pub(super) fn within(&self, directory: &str) -> Option<(Place<'_>, Place<'_>)> {
        self.stretch(directory, |key| is_below(key, directory))
    }

    /// The first and the last place of those whose keys begin with this text.
    pub(super) fn starting_with(&self, text: &str) -> Option<(Place<'_>, Place<'_>)> {
        self.stretch(text, |key| key.starts_with(text))
    }

    /// The first and the last place of those that are in a stretch, which begins where this key would be.
    fn stretch(&self, begin: &str, is_in: impl Fn(&str) -> bool) -> Option<(Place<'_>, Place<'_>)> {
        let is_before = |key: &str| order(key, begin) == Ordering::Less;
        let first = self.first_not(is_before)?;
        let last = self.last(|key| is_before(key) || is_in(key))?;
        is_in(first.node().key()).then_some((first, last))
    }

    /// The first and the last place of all.
    pub(super) fn all(&self) -> Option<(Place<'_>, Place<'_>)> {
        Some((self.first_not(|_| false)?, self.last(|_| true)?))
    }

    /// The place after one of this store.
    pub(super) fn after<'a>(&'a self, place: Place<'a>) -> Option<Place<'a>> {
        let index = place.index + 1;
        if index < place.run.count() {
            return Some(Place { index, ..place });
        }
        self.first_after(place.node().key())
    }

    /// The place before one of this store.
    pub(super) fn before<'a>(&'a self, place: Place<'a>) -> Option<Place<'a>> {
        match place.index.checked_sub(1) {
            Some(index) => Some(Place { index, ..place }),
            None => self.last_before(place.node().key()),
        }
    }

    /// The last place before a key.
    pub(super) fn last_before(&self, key: &str) -> Option<Place<'_>> {
        self.last(|own| order(own, key) == Ordering::Less)
    }

    /// The first place after a key.
    pub(super) fn first_after(&self, key: &str) -> Option<Place<'_>> {
        self.first_not(|own| order(own, key) != Ordering::Greater)
    }

    /// The place after a node and all that is below it.
    pub(super) fn after_all_within(&self, directory: &str) -> Option<Place<'_>> {
        self.first_not(|key| order(key, directory) == Ordering::Less || is_below(key, directory))
    }

    /// The last place whose key is among those that come first: the first ones, for which this holds.
    fn last(&self, is_among: impl Fn(&str) -> bool) -> Option<Place<'_>> {
        let mut branch = self.root.as_ref()?;
        loop {
            match branch {
                Branch::Fork(fork) => {
                    let count = fork.partition_point(|branch| is_among(branch.first_key()));
                    branch = fork.get(count.checked_sub(1)?)?;
                }
                Branch::Run(run) => {
                    let count = count_first(run, is_among);
                    return Some(Place { run, index: count.checked_sub(1)? });
                }
            }
        }
    }

    /// The first place whose key is not among those that come first.
    fn first_not(&self, is_among: impl Fn(&str) -> bool) -> Option<Place<'_>> {
        let mut branch = self.root.as_ref()?;
        // What follows the branches that were gone down, the closest one.
        let mut next = None;
        loop {
            match branch {
                Branch::Fork(fork) => {
                    let count = fork.partition_point(|branch| is_among(branch.first_key()));
                    next = fork.get(count).or(next);
                    match count.checked_sub(1) {
                        Some(down) => branch = fork.get(down)?,
                        None => return next.map(|next| Place { run: next.first_run(), index: 0 }),
                    }
                }
                Branch::Run(run) => {
                    let index = count_first(run, is_among);
                    let next = next.map(|next| Place { run: next.first_run(), index: 0 });
                    return if index < run.count() { Some(Place { run, index }) } else { next };
                }
            }
        }
    }
}

impl Size {
    fn of(nodes: &[Node<'_>]) -> Self {
        Self { nodes: nodes.len(), text: text_len(nodes) }
    }

    const fn with(self, other: Self) -> Self {
        Self { nodes: self.nodes + other.nodes, text: self.text + other.text }
    }

    const fn without(self, other: Self) -> Self {
        Self { nodes: self.nodes - other.nodes, text: self.text - other.text }
    }
}

impl<'a> Place<'a> {
    pub(super) fn node(self) -> Node<'a> {
        Node::new(self.run, self.index)
    }

    pub(super) fn is(self, other: Place<'_>) -> bool {
        self.index == other.index && self.is_near(other)
    }

    /// The first place of the same run.
    pub(super) const fn first_of_run(self) -> Self {
        Self { index: 0, ..self }
    }

    /// The last place of the same run.
    pub(super) fn last_of_run(self) -> Self {
        Self { index: self.run.count().saturating_sub(1), ..self }
    }

    /// Whether the two places are in one run, which two stores may share.
    pub(super) fn is_near(self, other: Place<'_>) -> bool {
        Arc::ptr_eq(self.run, other.run)
    }
}

impl Branch {
    fn first_run(&self) -> &Arc<Tree> {
        let mut branch = self;
        loop {
            match branch {
                Self::Run(run) => return run,
                // A fork is never empty.
                Self::Fork(fork) => branch = &fork[0],
            }
        }
    }

    fn first_key(&self) -> &str {
        Node::new(self.first_run(), 0).key()
    }
}

/// One branch for as many as there are.
fn grown(mut level: Vec<Branch>, size: usize) -> Option<Branch> {
    while level.len() > 1 {
        level = forks(&level, size);
    }
    level.pop()
}

/// Forks of up to so many branches each.
fn forks(branches: &[Branch], size: usize) -> Vec<Branch> {
    branches.chunks(size).map(|chunk| Branch::Fork(Arc::new(chunk.to_vec()))).collect()
}

fn nodes(run: &Arc<Tree>) -> Vec<Node<'_>> {
    (0..run.count()).map(|index| Node::new(run, index)).collect()
}

fn text_len(nodes: &[Node<'_>]) -> usize {
    nodes.iter().map(|node| node.text_len()).sum()
}

/// How many nodes of a run come first, as long as this holds for their keys.
fn count_first(run: &Arc<Tree>, is_among: impl Fn(&str) -> bool) -> u32 {
    let (mut low, mut high) = (0, run.count());
    while low < high {
        let middle = low + (high - low) / 2;
        if is_among(Node::new(run, middle).key()) { low = middle + 1 } else { high = middle }
    }
    low
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("size", &self.size).finish_non_exhaustive()
    }
}

/// How many nodes a run has at most: each change copies one run.
const RUN: usize = 32;
/// How many bytes of text a run has at most, unless a single node has more.
const RUN_BYTES: usize = 16 << 10;
/// How many branches a fork has at most.
const FORK: usize = 32;
/// How full runs and forks are made, so that the next change does not split them.
const FILL: usize = 24;

#[cfg(test)]
mod tests;
