//! What a keys request is answered with.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::error::{ErrorKind, printable};
use crate::json::{self, Broken, Malformed};
use crate::request::{ClusterId, Document, Meta};
use crate::tree::{Node, NodeRef, Tree};

use super::expected::Expected;
use super::key::{Key, is_below};

/// What happened to a node, or, for a read, what it looks like: etcd calls it an event.
///
/// It owns all it says, is cheap to clone and can be shared between threads.
#[derive(Clone)]
pub struct Change {
    kind: ChangeKind,
    tree: Arc<Tree>,
    node: Option<u32>,
    previous: Option<u32>,
    meta: Meta,
}

/// What kind of change it is: etcd's `action`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Nothing changed: the node was read.
    Get,
    /// Written, whatever was there.
    Set,
    /// Created where nothing was, or in order.
    Create,
    /// Written where something was, or refreshed.
    Update,
    /// Written on a condition.
    CompareAndSwap,
    /// Deleted.
    Delete,
    /// Deleted on a condition.
    CompareAndDelete,
    /// Removed because its time to live was over.
    Expire,
    /// A word that this crate does not know.
    Other(Box<str>),
}

impl Change {
    pub(crate) fn decode(document: Document) -> Result<Self, ErrorKind> {
        let Document { meta, body, .. } = document;
        if is_blank(&body) {
            return Err(ErrorKind::EmptyBody);
        }
        let answer = json::decode(body)?;
        let action = answer.action().filter(|action| !action.is_empty());
        let action = action.ok_or_else(|| Malformed::new(0, "an action in the answer"))?;
        let kind = ChangeKind::from(action);
        Ok(Self { kind, node: answer.node, previous: answer.prev, tree: answer.tree, meta })
    }

    /// The response to a request that expects this.
    ///
    /// # Errors
    /// Bodies that are not what etcd sends, and responses that contradict the request.
    pub(super) fn decode_for(
        document: Document,
        expected: Expected<'_>,
    ) -> Result<Self, ErrorKind> {
        let Document { status, meta, body, is_under_path } = document;
        let expected = Expected { is_under_path, ..expected };
        if is_blank(&body) {
            return Err(ErrorKind::EmptyBody);
        }
        let answer = json::decode_or_begin(body).map_err(|broken| {
            let Broken { malformed, action, key, has_error_code } = *broken;
            if has_error_code {
                return Expected::error_code(status);
            }
            let action = action.filter(|action| !action.is_empty());
            let action = action.as_deref().map(ChangeKind::from);
            if !expected.fits(action.as_ref(), key.as_deref()) {
                return expected.mismatch(status, action.as_ref(), key.as_deref());
            }
            malformed.after_etcds(action.is_some() || key.is_some()).into()
        })?;
        let key = answer.node.map(|node| Node::new(&answer.tree, node).key());
        let kind = answer.action().filter(|action| !action.is_empty()).map(ChangeKind::from);
        if !expected.fits(kind.as_ref(), key) {
            return Err(expected.mismatch(status, kind.as_ref(), key));
        }
        let missing =
            |what, is_etcds| ErrorKind::from(Malformed::new(0, what).after_etcds(is_etcds));
        let Some(kind) = kind else {
            return Err(missing("an action in the answer", key.is_some()));
        };
        if answer.node.is_none() && !expected.may_lack_node {
            return Err(missing("a node in the answer", true));
        }
        Ok(Self { kind, node: answer.node, previous: answer.prev, tree: answer.tree, meta })
    }

    /// The same with keys as they are seen from `root`.
    pub(super) fn seen_from(mut self, root: &str) -> Self {
        // It was decoded a moment ago, so nobody else has it.
        if let Some(tree) = Arc::get_mut(&mut self.tree) {
            tree.strip(root);
        }
        self
    }

    /// The same with the children that were created in order in that order, also where the server does
    /// not pad their names.
    pub(super) fn with_children_in_order(mut self) -> Self {
        // It was decoded a moment ago, so nobody else has it.
        if let Some(tree) = Arc::get_mut(&mut self.tree) {
            tree.sort_in_order();
        }
        self
    }

    /// The same as an answer to the write itself would have told it, whose index is that of the change.
    /// A wait tells the indices of when it began instead.
    pub(crate) fn told_as_answered(mut self) -> Self {
        let (etcd_index, cluster_id) = (self.index(), self.meta.cluster_id);
        self.meta = Meta { etcd_index, cluster_id, ..Meta::default() };
        self
    }

    /// The creation of one of the nodes in an answer.
    pub(crate) fn creation_of(&self, child: Node<'_>) -> Self {
        let (tree, node) = child.detach().into_parts();
        let created = Self {
            kind: ChangeKind::Create,
            tree,
            node: Some(node),
            previous: None,
            meta: self.meta,
        };
        created.told_as_answered()
    }

    /// The same, if it has a node.
    pub(super) fn with_node(self) -> Result<Self, ErrorKind> {
        match self.node {
            Some(_) => Ok(self),
            None => Err(Malformed::new(0, "a node in the answer").into()),
        }
    }

    /// What kind of change it is.
    #[must_use]
    pub const fn kind(&self) -> &ChangeKind {
        &self.kind
    }

    /// The node as it is now; after a removal, what is left to say of it.
    ///
    /// It is missing only from the answer to a write that
    /// [asked for no value](super::Set::no_value_on_success). It is not always the node that a watch is
    /// for: when a directory is removed, whoever watches something below it is told of the directory;
    /// see [`removes`](Self::removes).
    #[must_use]
    pub fn node(&self) -> Option<Node<'_>> {
        self.node.map(|index| Node::new(&self.tree, index))
    }

    /// The node as it was before, if there was one and the request changed it. Of a directory, the
    /// children are not told.
    #[must_use]
    pub fn previous(&self) -> Option<Node<'_>> {
        self.previous.map(|index| Node::new(&self.tree, index))
    }

    /// The key of the node, if there is a node.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.node().map(Node::key)
    }

    /// Whether nothing is left at this key after it: the key itself was removed, or a directory above it
    /// with everything below.
    ///
    /// A directory that is deleted or that expires is a single change, whose node is the directory: of
    /// what was below it, nothing more is told.
    ///
    /// ```
    /// use etcd_v2_proto::keys::Change;
    ///
    /// fn is_gone(change: &Change) -> bool {
    ///     change.removes("/services/web/1") // also by an expired "/services/web"
    /// }
    /// ```
    #[must_use]
    pub fn removes(&self, key: &str) -> bool {
        let removed = self.key().filter(|_| self.kind.is_removal());
        let key = key.parse::<Key>();
        removed.is_some_and(|removed| key.is_ok_and(|key| is_below(key.as_str(), removed)))
    }

    /// The value of the node, if there is a node and it is a file with one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.node().and_then(Node::value)
    }

    /// Takes the value of the node.
    #[must_use]
    pub fn into_value(self) -> Option<String> {
        self.value().map(str::to_owned)
    }

    /// The index at which the node was last modified. Of a change this is the change's own index,
    /// also where the answer has no node: to go on watching, begin after it.
    #[must_use]
    pub fn index(&self) -> Option<u64> {
        match self.node() {
            Some(node) => node.modified_index(),
            None => self.meta.etcd_index,
        }
    }

    /// The index of the member's store, `X-Etcd-Index`: after a read, watch from here on to miss
    /// nothing. On a change that was waited for, it is the index at which the wait began.
    #[must_use]
    pub const fn etcd_index(&self) -> Option<u64> {
        self.meta.etcd_index
    }

    /// The index of the member's log, `X-Raft-Index`.
    #[must_use]
    pub const fn raft_index(&self) -> Option<u64> {
        self.meta.raft_index
    }

    /// The term of the member's log, `X-Raft-Term`.
    #[must_use]
    pub const fn raft_term(&self) -> Option<u64> {
        self.meta.raft_term
    }

    /// Which cluster answered, `X-Etcd-Cluster-Id`.
    #[must_use]
    pub const fn cluster_id(&self) -> Option<ClusterId> {
        self.meta.cluster_id
    }

    /// All headers that say something about the cluster.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The change in etcd's own JSON form, without the headers.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"action\":");
        // An action is a word; writing into a string cannot fail.
        json.push_str(&serde_json::Value::from(self.kind.as_str()).to_string());
        for (name, node) in [("node", self.node()), ("prevNode", self.previous())] {
            if let Some(node) = node {
                json.push_str(&format!(",\"{name}\":"));
                let _ = node.write_json(&mut json);
            }
        }
        json.push('}');
        json
    }
}

impl ChangeKind {
    /// etcd's word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Create => "create",
            Self::Update => "update",
            Self::CompareAndSwap => "compareAndSwap",
            Self::Delete => "delete",
            Self::CompareAndDelete => "compareAndDelete",
            Self::Expire => "expire",
            Self::Other(word) => word,
        }
    }

    /// Whether the node is gone after it.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        matches!(self, Self::Delete | Self::CompareAndDelete | Self::Expire)
    }

    /// Whether a server that does this may report that. Old servers call a conditional write an update if the
    /// key has to exist as well.
    #[inline]
    pub(super) fn may_be_reported_as(&self, reported: &Self) -> bool {
        reported == self || (*self == Self::CompareAndSwap && *reported == Self::Update)
    }
}

impl From<&str> for ChangeKind {
    fn from(word: &str) -> Self {
        match word {
            "get" => Self::Get,
            "set" => Self::Set,
            "create" => Self::Create,
            "update" => Self::Update,
            "compareAndSwap" => Self::CompareAndSwap,
            "delete" => Self::Delete,
            "compareAndDelete" => Self::CompareAndDelete,
            "expire" => Self::Expire,
            word => Self::Other(word.into()),
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A server may say anything.
            Self::Other(word) => f.write_str(&printable(word)),
            known => f.write_str(known.as_str()),
        }
    }
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.node() == other.node()
            && self.previous() == other.previous()
            && self.meta == other.meta
    }
}

impl Eq for Change {}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("kind", &self.kind)
            .field("node", &self.node())
            .field("previous", &self.previous())
            .field("meta", &self.meta)
            .finish()
    }
}

/// etcd's own JSON form, meant for `serde_json`: it is handed over as ready JSON.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::value::RawValue::from_string(self.to_json())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// Whether there is nothing to decode.
fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// Keeps the node of a change, if it has one.
impl From<&Change> for Option<NodeRef> {
    fn from(change: &Change) -> Self {
        change.node().map(Node::to_ref)
    }
}
