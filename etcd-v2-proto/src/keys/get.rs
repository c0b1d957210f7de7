//! Reading keys.

use http::Method;

use crate::encoding::Pairs;
use crate::error::{ErrorKind, EtcdError, Invalid};
use crate::policy::Consistency;
use crate::request::{Document, Encoded, Purpose, Request};

use super::change::{Change, ChangeKind};
use super::expected::Expected;
use super::key::Key;
use super::set::Set;
use super::target::{Target, keys_request};
use super::wait::Wait;

/// Reads a file, or lists a directory: `GET /v2/keys/…`.
///
/// The answer is a [`Change`] of kind [`Get`](super::ChangeKind::Get) whose node is always there.
///
/// ```
/// use etcd_v2_proto::Request;
/// use etcd_v2_proto::keys::Get;
///
/// let services = Get::new("/services").recursive().sorted();
/// assert_eq!(services.encode()?.path_and_query, "/v2/keys/services?recursive=true&sorted=true");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Get {
    target: Target,
    recursive: bool,
    sorted: bool,
    /// Whether to go through consensus; if that is not said, it is up to the policy.
    quorum: Option<bool>,
}

impl Get {
    /// Reads the key as the asked member has it, which may be behind the others, unless
    /// [`Policy::consistency`](crate::Policy::consistency) says otherwise.
    pub fn new(key: impl Into<String>) -> Self {
        Self::at(Target::new(key))
    }

    pub(super) const fn at(target: Target) -> Self {
        Self { target, recursive: false, sorted: false, quorum: None }
    }

    /// Lists everything below a directory and not just its children (`recursive`).
    pub const fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Sorts the children of each directory by key; otherwise their order is random (`sorted`).
    ///
    /// Children that were [created in order](super::Push) come in that order. Servers up to etcd 2.1 do not
    /// pad their names, so that `10` is sorted before `9`: there the client sorts them by the index of
    /// their creation, on the places that the server gave to them.
    pub const fn sorted(mut self) -> Self {
        self.sorted = true;
        self
    }

    /// Reads through consensus (`quorum`): never stale, but as costly to the cluster as a write.
    pub const fn quorum(mut self) -> Self {
        self.quorum = Some(true);
        self
    }

    /// Reads the key as the asked member has it, whatever the policy says: as fast as can be, and perhaps
    /// older than what has been seen before.
    pub const fn local(mut self) -> Self {
        self.quorum = Some(false);
        self
    }
}

impl Get {
    /// A write to the same key.
    pub(crate) fn write(&self, value: String) -> Set {
        self.target.aim(|key| Set::new(key, value))
    }

    /// A watch of all that this reads.
    pub(crate) fn watch(&self) -> Wait {
        Wait::at(self.target.clone()).recursive()
    }

    /// The key that the answer will have; nobody knows it where the key space is under another path.
    pub(crate) fn key(&self) -> Option<Key> {
        let key = self.target.key().ok()?;
        (!self.target.has_prefix()).then_some(key)
    }

    /// Whether it reads through consensus.
    pub(crate) const fn is_quorum(&self) -> bool {
        matches!(self.quorum, Some(true))
    }
}

impl<K: Into<String>> From<K> for Get {
    fn from(key: K) -> Self {
        Self::new(key)
    }
}

impl Request for Get {
    type Output = Change;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.encode_with(Consistency::Local)
    }

    fn encode_with(&self, consistency: Consistency) -> Result<Encoded, Invalid> {
        let consistency = match self.quorum {
            Some(true) => Consistency::Quorum,
            Some(false) => Consistency::Local,
            None => consistency,
        };
        let quorum = consistency == Consistency::Quorum;
        let mut query = Pairs::after_path(self.target.path()?);
        query.flag_if("quorum", quorum);
        query.flag_if("recursive", self.recursive);
        query.flag_if("sorted", self.sorted);
        let purpose = match (quorum, self.recursive) {
            (true, true) => Purpose::QuorumListing,
            (true, false) => Purpose::QuorumRead,
            (false, true) => Purpose::Listing,
            (false, false) => Purpose::Read,
        };
        Encoded::new(Method::GET, query.finish(), purpose)
            .map(|encoded| encoded.held_to(consistency))
    }

    fn localize_error(&self, error: &mut EtcdError) {
        self.target.localize_error(error);
    }

    fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        let expected = Expected::new(&self.target, &ChangeKind::Get);
        let change = self.target.decode_expected(document, expected)?;
        Ok(if self.sorted { change.with_children_in_order() } else { change })
    }
}

keys_request!(Get);
