//! Writes on the condition that a node is as it was read.

use crate::error::Invalid;
use crate::tree::Node;

use super::delete::Delete;
use super::set::Set;

impl Node<'_> {
    /// Writes this value in place of the one that was read, if the node has not been modified since (code
    /// 101 if it has): a [`Set`] on the condition of its [index](Node::modified_index).
    ///
    /// This is the write that stays harmless if it is delayed: a late copy finds another index. It is for
    /// the view that the node was read through; under a
    /// [prefix](super::KeysRequest::with_prefix) of its own, the keys that a server tells may not be those
    /// to ask for.
    ///
    /// ```
    /// use etcd_v2_proto::keys::Change;
    /// use etcd_v2_proto::{ErrorKind, Request};
    ///
    /// fn hand_over(read: &Change) -> Result<Option<String>, ErrorKind> {
    ///     let Some(node) = read.node() else { return Ok(None) };
    ///     let write = node.swap("somebody else")?; // to be sent
    ///     Ok(Some(write.encode()?.path_and_query.to_string()))
    /// }
    /// ```
    ///
    /// # Errors
    /// If the server did not tell the index.
    pub fn swap(self, value: impl Into<String>) -> Result<Set, Invalid> {
        Ok(Set::new(self.key(), value).if_index(self.condition()?))
    }

    /// Deletes the file that was read, if it has not been modified since (code 101 if it has): a
    /// [`Delete`] on the condition of its [index](Node::modified_index); see [`swap`](Self::swap).
    ///
    /// # Errors
    /// If the server did not tell the index.
    pub fn delete(self) -> Result<Delete, Invalid> {
        Ok(Delete::new(self.key()).if_index(self.condition()?))
    }

    fn condition(self) -> Result<u64, Invalid> {
        let missing = || Invalid::new("prevIndex", "is not told for this node");
        self.modified_index().ok_or_else(missing)
    }
}
