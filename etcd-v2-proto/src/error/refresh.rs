//! Refreshes that erased the value.

use std::fmt;
use std::time::Duration;

use super::quoted;
use crate::keys::Set;

/// A refresh that erased the value of the key, because the server is older than etcd 2.3 and does not know
/// the parameter `refresh`.
///
/// The server applied the write: the key has an empty value and the new time to live.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server erased the value of {} instead of refreshing it, because it is older than etcd 2.3; \
     restore the value on the condition of index {index}, and write the value instead of refreshing it",
    quoted(.key)
)]
#[non_exhaustive]
pub struct RefreshUnsupported {
    /// The key.
    pub key: String,
    /// The value that was erased. It is not shown in the text of the error.
    pub value: String,
    /// The index of the write that erased it, which is what a restore has to be conditional on.
    pub index: u64,
}

impl RefreshUnsupported {
    /// Writes the erased value again with this time to live, if the key has not been modified since (code
    /// 101 if it has).
    ///
    /// It is for the view that the refresh was sent through, as [`Node::swap`](crate::keys::Node::swap) is.
    pub fn restore(&self, ttl: Duration) -> Set {
        Set::new(self.key.as_str(), self.value.as_str()).if_index(self.index).ttl(ttl)
    }
}

impl fmt::Debug for RefreshUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshUnsupported")
            .field("key", &self.key)
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("index", &self.index)
            .finish()
    }
}
