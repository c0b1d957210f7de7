//! The form of a node to keep.

use std::sync::Arc;

use super::{Node, Tree};

/// A node that owns what it says: an answer, shared, and a place in it.
///
/// It is cheap to clone and can be sent to and used by any thread. It keeps the whole answer in
/// memory; one node out of a large listing is better kept [detached](Node::detach).
#[derive(Clone)]
pub struct NodeRef {
    tree: Arc<Tree>,
    index: u32,
}

impl NodeRef {
    /// Keeps the node that has this index in a tree.
    pub(crate) fn new(tree: Arc<Tree>, index: u32) -> Self {
        Self { tree, index }
    }

    /// The tree, and the index of the node in it.
    pub(crate) fn into_parts(self) -> (Arc<Tree>, u32) {
        (self.tree, self.index)
    }

    /// Returns the view of this node.
    #[must_use]
    pub fn node(&self) -> Node<'_> {
        Node::new(&self.tree, self.index)
    }

    /// Takes the value of a file, if the server sent it.
    #[must_use]
    pub fn into_value(self) -> Option<String> {
        self.node().value().map(str::to_owned)
    }
}

impl From<Node<'_>> for NodeRef {
    fn from(node: Node<'_>) -> Self {
        node.to_ref()
    }
}
