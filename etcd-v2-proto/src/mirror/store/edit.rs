//! Changing a store: one run, and the forks above it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::order::order;
use super::{Branch, FILL, FORK, RUN, RUN_BYTES, Size, Store, forks, grown, nodes, text_len};
use crate::keys::is_below;
use crate::tree::{Node, Tree};

impl Store {
    /// Puts a node where its key belongs.
    pub(in crate::mirror) fn put(&mut self, node: Node<'_>) {
        self.edit(node.key(), Edit::Put(node));
    }

    /// Removes a node and all that is below it.
    pub(in crate::mirror) fn cut(&mut self, directory: &str) {
        while let Some((first, _)) = self.within(directory) {
            let key = first.node().key().to_owned();
            self.edit(&key, Edit::Cut(directory));
        }
    }

    /// Changes the run that a key belongs to.
    fn edit(&mut self, at: &str, edit: Edit<'_>) {
        let parts = match self.root.take() {
            Some(root) => root.edit(at, edit, &mut self.size),
            None => edited(&[], edit, &mut self.size),
        };
        self.root = grown(parts, FORK);
        while let Some(Branch::Fork(fork)) = &self.root
            && let [only] = fork.as_slice()
        {
            self.root = Some(only.clone());
        }
    }
}

/// What is to change in a run.
#[derive(Clone, Copy)]
enum Edit<'a> {
    /// This node is there, instead of one of the same key.
    Put(Node<'a>),
    /// Nothing is within this directory.
    Cut(&'a str),
}

impl Branch {
    /// What becomes of a branch, in which a key belongs, with this edit: any number of branches of its
    /// height.
    fn edit(self, at: &str, edit: Edit<'_>, size: &mut Size) -> Vec<Self> {
        match self {
            Self::Run(run) => edited(&nodes(&run), edit, size),
            Self::Fork(mut fork) => {
                let branches = Arc::make_mut(&mut fork);
                let is_before = |branch: &Self| order(branch.first_key(), at) != Ordering::Greater;
                let down = branches.partition_point(is_before).saturating_sub(1);
                let parts = branches.remove(down).edit(at, edit, size);
                let is_one = parts.len() == 1;
                branches.splice(down..down, parts);
                if is_one {
                    merge_if_small(branches, down);
                }
                if branches.len() <= FORK {
                    let is_empty = branches.is_empty();
                    return if is_empty { Vec::new() } else { vec![Self::Fork(fork)] };
                }
                forks(branches, FORK / 2 + 1)
            }
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Self::Run(run) => run.count() as usize <= RUN / 4,
            Self::Fork(fork) => fork.len() <= FORK / 4,
        }
    }

    /// One branch for two neighbours, if it leaves some room.
    fn join(&self, after: &Self) -> Option<Self> {
        match (self, after) {
            (Self::Run(a), Self::Run(b)) => {
                let nodes: Vec<_> = nodes(a).into_iter().chain(nodes(b)).collect();
                let fits = nodes.len() <= FILL && text_len(&nodes) <= RUN_BYTES;
                fits.then(|| Self::Run(Tree::gather(&nodes)))
            }
            (Self::Fork(a), Self::Fork(b)) if a.len() + b.len() <= FILL => {
                Some(Self::Fork(Arc::new(a.iter().chain(&**b).cloned().collect())))
            }
            _ => None,
        }
    }
}

/// Puts a branch that has become small together with a neighbour, so that many removals do not leave
/// many small branches.
fn merge_if_small(branches: &mut Vec<Branch>, at: usize) {
    if !branches.get(at).is_some_and(Branch::is_small) {
        return;
    }
    for first in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        if let Some([a, b]) = branches.get(first..first + 2)
            && let Some(joined) = a.join(b)
        {
            branches.splice(first..first + 2, [joined]);
            return;
        }
    }
}

/// What becomes of a run with this edit: any number of runs.
fn edited(nodes: &[Node<'_>], edit: Edit<'_>, size: &mut Size) -> Vec<Branch> {
    let mut after = Vec::with_capacity(nodes.len() + 1);
    match edit {
        Edit::Cut(directory) => {
            after.extend(nodes.iter().filter(|node| !is_below(node.key(), directory)));
        }
        Edit::Put(node) => {
            let before = |own: &Node<'_>| order(own.key(), node.key()) == Ordering::Less;
            let (first, rest) = nodes.split_at(nodes.partition_point(before));
            after.extend(first);
            after.push(node);
            after.extend(rest.iter().filter(|own| own.key() != node.key()));
        }
    }
    *size = size.with(Size::of(&after)).without(Size::of(nodes));
    let mut runs = Vec::new();
    let mut rest = vec![after.as_slice()];
    while let Some(nodes) = rest.pop() {
        let fits = nodes.len() <= 1 || (nodes.len() <= RUN && text_len(nodes) <= RUN_BYTES);
        if fits {
            runs.extend((!nodes.is_empty()).then(|| Branch::Run(Tree::gather(nodes))));
        } else {
            let (first, second) = nodes.split_at(nodes.len() / 2);
            rest.extend([second, first]);
        }
    }
    runs
}
