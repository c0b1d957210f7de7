//! What a mirror tells those who follow it.

use crate::error::Gap;
use crate::keys::{ChangeKind, NodeRef};

/// One step in what becomes of a mirrored subtree.
///
/// Whoever applies all of them in order has the same nodes as the mirror, and a well-formed tree after
/// each: directories come before what is in them, and go after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update {
    /// A node is new, or another than before.
    #[non_exhaustive]
    Upserted {
        /// The node as it is now.
        node: NodeRef,
        /// The node as it was before, if it was there.
        before: Option<NodeRef>,
        /// What happened to it. None if that was found out by a listing, and for directories that came
        /// to be because something was written below them.
        kind: Option<ChangeKind>,
        /// The index that the mirror has reached with this.
        index: u64,
    },
    /// A node is gone. When a directory goes, this is told of all that was in it, too.
    #[non_exhaustive]
    Removed {
        /// The node as it was last.
        node: NodeRef,
        /// What happened to it, or to a directory above it. None if that was found out by a listing.
        kind: Option<ChangeKind>,
        /// The index that the mirror has reached with this.
        index: u64,
    },
    /// The subtree was listed, and all that had become different was told just before.
    #[non_exhaustive]
    Resynced {
        /// The index of the listing.
        index: u64,
        /// Which changes could not be told one by one, so that of several changes of a key only the
        /// last one shows; none at the first listing.
        gap: Option<Gap>,
    },
}

impl Update {
    /// The index that the mirror has reached with this.
    #[must_use]
    pub const fn index(&self) -> u64 {
        match self {
            Self::Upserted { index, .. }
            | Self::Removed { index, .. }
            | Self::Resynced { index, .. } => *index,
        }
    }

    /// The node that it is about: as it is now, or, if it is gone, as it was last.
    #[must_use]
    pub const fn node(&self) -> Option<&NodeRef> {
        match self {
            Self::Upserted { node, .. } | Self::Removed { node, .. } => Some(node),
            Self::Resynced { .. } => None,
        }
    }

    /// The key of that node.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.node().map(|node| node.node().key())
    }
}
