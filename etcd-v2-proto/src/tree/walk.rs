//! The ways through a tree, none of which recurses.

use std::{fmt, iter::FusedIterator, ops::Range, sync::Arc};

use super::{Node, Tree};

/// The direct children of a directory, in the server's order.
#[derive(Clone)]
pub struct Children<'a> {
    tree: &'a Arc<Tree>,
    rest: Range<u32>,
}

/// Everything below a node, each directory before what is in it.
#[derive(Clone)]
pub struct Descendants<'a> {
    tree: &'a Arc<Tree>,
    rest: Range<u32>,
}

/// The files among a node and everything below it.
#[derive(Clone)]
pub struct Leaves<'a> {
    all: Descendants<'a>,
}

impl<'a> Children<'a> {
    pub(super) fn new(node: Node<'a>) -> Self {
        Self { tree: node.tree(), rest: node.tree().below(node.index()) }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let index = self.rest.next()?;
        self.rest.start = self.tree.below(index).end.max(self.rest.start);
        Some(Node::new(self.tree, index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(!self.rest.is_empty()), Some(self.rest.len()))
    }
}

impl FusedIterator for Children<'_> {}

impl<'a> Descendants<'a> {
    pub(super) fn new(node: Node<'a>) -> Self {
        Self { tree: node.tree(), rest: node.tree().below(node.index()) }
    }
}

impl<'a> Iterator for Descendants<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        Some(Node::new(self.tree, self.rest.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl DoubleEndedIterator for Descendants<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        Some(Node::new(self.tree, self.rest.next_back()?))
    }
}

impl ExactSizeIterator for Descendants<'_> {}

impl FusedIterator for Descendants<'_> {}

impl<'a> Leaves<'a> {
    pub(super) fn new(node: Node<'a>) -> Self {
        let all = node.index()..node.tree().below(node.index()).end;
        Self { all: Descendants { tree: node.tree(), rest: all } }
    }
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.all.find(|node| node.is_file())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.all.len()))
    }
}

impl DoubleEndedIterator for Leaves<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.all.rfind(|node| node.is_file())
    }
}

impl FusedIterator for Leaves<'_> {}

impl PartialEq for Children<'_> {
    /// Compares what is still to come.
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}

impl Eq for Children<'_> {}

impl fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Node::key)).finish()
    }
}

impl fmt::Debug for Descendants<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Node::key)).finish()
    }
}

impl fmt::Debug for Leaves<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(Node::key)).finish()
    }
}
