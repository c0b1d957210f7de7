//! Equality and `Debug`, which say what nodes are, not where they are kept.

use std::fmt;

use super::{Node, NodeRef};

impl<'a> Node<'a> {
    /// The node and all below it, with the size of each one's subtree, which together say what is
    /// where.
    fn all(self) -> impl Iterator<Item = (usize, Self)> + 'a {
        let below = self.descendants();
        std::iter::once(self).chain(below).map(|node| (node.descendants().len(), node))
    }

    /// Says whether two nodes are the same, but for what is below them.
    pub(crate) fn says_the_same(self, other: Node<'_>) -> bool {
        self.key() == other.key()
            && self.is_dir() == other.is_dir()
            && self.value() == other.value()
            && self.ttl_seconds() == other.ttl_seconds()
            && self.expiration_text() == other.expiration_text()
            && self.created_index() == other.created_index()
            && self.modified_index() == other.modified_index()
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.descendants().len() == other.descendants().len()
            && self
                .all()
                .zip(other.all())
                .all(|((here, a), (there, b))| here == there && a.says_the_same(b))
    }
}

impl Eq for Node<'_> {}

impl PartialEq for NodeRef {
    fn eq(&self, other: &Self) -> bool {
        self.node() == other.node()
    }
}

impl Eq for NodeRef {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut node = f.debug_struct("Node");
        node.field("key", &self.key());
        if self.is_dir() {
            node.field("dir", &true);
        }
        if let Some(value) = self.value() {
            node.field("value", &value);
        }
        if let Some(expiration) = self.expiration_text() {
            node.field("expiration", &expiration);
        }
        if let Some(ttl) = self.ttl_seconds() {
            node.field("ttl", &ttl);
        }
        if let Some(index) = self.created_index() {
            node.field("created_index", &index);
        }
        if let Some(index) = self.modified_index() {
            node.field("modified_index", &index);
        }
        if self.descendants().len() > 0 {
            node.field("below", &Lines(*self));
        }
        node.finish()
    }
}

impl fmt::Debug for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.node(), f)
    }
}

/// Everything below a node, a line each.
struct Lines<'a>(Node<'a>);

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.descendants().map(Line)).finish()
    }
}

/// One node without what is below it, as in `"/a/b" = "value" @7`.
struct Line<'a>(Node<'a>);

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.0;
        write!(f, "{:?}", node.key())?;
        if node.is_dir() {
            write!(f, " (dir)")?;
        }
        if let Some(value) = node.value() {
            write!(f, " = {value:?}")?;
        }
        if let Some(index) = node.modified_index() {
            write!(f, " @{index}")?;
        }
        if let Some(index) =
            node.created_index().filter(|index| node.modified_index() != Some(*index))
        {
            write!(f, " created @{index}")?;
        }
        if let Some(ttl) = node.ttl_seconds() {
            write!(f, " ttl {ttl}")?;
        }
        if let Some(expiration) = node.expiration_text() {
            write!(f, " until {expiration}")?;
        }
        Ok(())
    }
}
