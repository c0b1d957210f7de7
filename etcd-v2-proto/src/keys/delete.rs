//! Deleting keys.

use http::Method;

use crate::encoding::{FORM, Pairs};
use crate::error::{ErrorKind, EtcdError, Invalid};
use crate::policy::Consistency;
use crate::request::{Document, Encoded, Request};

use super::change::{Change, ChangeKind};
use super::condition::Condition;
use super::expected::Expected;
use super::mark::{Mark, What};
use super::target::{Target, keys_request};

/// Deletes a file or a directory: `DELETE /v2/keys/…`.
///
/// What was deleted is the answer's [`previous`](Change::previous) node.
///
/// The conditions are part of the request line, of which etcd 3.0 and later take 4096 bytes at most
/// on a fresh plaintext connection: compare long values by [`if_index`](Self::if_index).
///
/// ```
/// use etcd_v2_proto::Request;
/// use etcd_v2_proto::keys::Delete;
///
/// let release = Delete::new("/lock").if_index(8);
/// assert_eq!(release.encode()?.path_and_query, "/v2/keys/lock?prevIndex=8");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Delete {
    target: Target,
    dir: bool,
    recursive: bool,
    condition: Condition,
}

impl Delete {
    /// Deletes a file (code 102 if it is a directory).
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            target: Target::new(key),
            dir: false,
            recursive: false,
            condition: Condition::default(),
        }
    }

    /// Deletes an empty directory, too (`dir`; code 108 if it has children).
    pub const fn directory(mut self) -> Self {
        self.dir = true;
        self
    }

    /// Deletes a directory with everything below it, too (`recursive`).
    pub const fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Only if this is the present value (`prevValue`; code 101 if not). An empty one is refused,
    /// since etcd cannot compare with it.
    ///
    /// A late copy of such a deletion also deletes a later key with the same value, for example a lock that the same
    /// owner has acquired again. Release locks by [`if_index`](Self::if_index).
    pub fn if_value(mut self, value: impl Into<String>) -> Self {
        self.condition.value = Some(value.into());
        self
    }

    /// Only if the key was last modified at this index (`prevIndex`; code 101 if not). Zero is
    /// refused, since etcd would ignore it.
    ///
    /// A late copy cannot meet this condition, so a client sends such a deletion again where its outcome is
    /// unknown. If it is refused then, because the key was deleted on the same condition, nobody can say
    /// whether that was its own copy or a rival's: the outcome stays unknown.
    pub const fn if_index(mut self, index: u64) -> Self {
        self.condition.index = Some(index);
        self
    }
}

impl Request for Delete {
    type Output = Change;

    fn encode(&self) -> Result<Encoded, Invalid> {
        let mut query = Pairs::after_path(self.target.path()?);
        query.flag_if("dir", self.dir);
        self.condition.encode(&mut query)?;
        query.flag_if("recursive", self.recursive);
        // The type of a body that is not there: the Go client sends it, too.
        Encoded::new(Method::DELETE, query.finish(), self.condition.purpose())
            .and_then(|encoded| encoded.held_to(Consistency::Quorum).with_body(FORM, ""))
    }

    fn localize_error(&self, error: &mut EtcdError) {
        self.target.localize_error(error);
    }

    fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        self.target.decode_expected(document, Expected::new(&self.target, self.action()))
    }

    fn mark(&self) -> Option<Mark> {
        let kind = self.action().clone();
        Some(Mark::new(&self.target, kind, What::Gone, self.condition.index))
    }
}

impl Delete {
    /// What the server makes of it.
    const fn action(&self) -> &'static ChangeKind {
        if self.condition.is_some() { &ChangeKind::CompareAndDelete } else { &ChangeKind::Delete }
    }
}

keys_request!(Delete);
