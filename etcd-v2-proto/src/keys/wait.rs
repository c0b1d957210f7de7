//! Waiting for a change.

use http::Method;

use crate::encoding::Pairs;
use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};

use super::change::Change;
use super::target::{Target, keys_request};

/// Waits for one change: `GET /v2/keys/…?wait=true`.
///
/// A [watch](crate::Watch) strings many together. Sent by itself it waits without an end, except
/// that the head of the answer, which etcd sends at once, has to come within
/// [`Policy::wait_head`](crate::Policy::wait_head).
///
/// ```
/// use etcd_v2_proto::Request;
/// use etcd_v2_proto::keys::Wait;
///
/// let wait = Wait::new("/services").recursive().after(41);
/// let expected = "/v2/keys/services?recursive=true&wait=true&waitIndex=42";
/// assert_eq!(wait.encode()?.path_and_query, expected);
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Wait {
    target: Target,
    after: Option<u64>,
    recursive: bool,
}

impl Wait {
    /// Waits for a change of this key after now.
    pub fn new(key: impl Into<String>) -> Self {
        Self::at(Target::new(key))
    }

    pub(super) const fn at(target: Target) -> Self {
        Self { target, after: None, recursive: false }
    }

    /// Waits for a change after this index instead (`waitIndex`, which is one more). The server
    /// keeps the last 1000 changes of the whole store; older ones are code 401.
    pub const fn after(mut self, index: u64) -> Self {
        self.after = Some(index);
        self
    }

    /// Waits for changes of anything below the key, too (`recursive`).
    pub const fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Whether a change of this key is one that is waited for: of the key itself, of a directory above
    /// it, or of something below it.
    pub(crate) fn concerns(&self, key: &str) -> bool {
        let own = self.target.key();
        let is_below = |key: &str, above: &str| {
            let above = above.trim_end_matches('/');
            key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // Under another prefix, nobody knows how the keys that the server tells begin.
        self.target.has_prefix()
            || own.is_ok_and(|own| {
                is_below(own.as_str(), key) || (self.recursive && is_below(key, own.as_str()))
            })
    }

    /// After which index; none for now.
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        self.after
    }
}

impl From<&str> for Wait {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<&String> for Wait {
    fn from(key: &String) -> Self {
        Self::new(key)
    }
}

impl From<&super::Key> for Wait {
    fn from(key: &super::Key) -> Self {
        Self::new(key)
    }
}

impl From<String> for Wait {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

impl From<super::Key> for Wait {
    fn from(key: super::Key) -> Self {
        Self::new(key)
    }
}

impl Request for Wait {
    type Output = Change;

    fn encode(&self) -> Result<Encoded, Invalid> {
        let mut query = Pairs::after_path(self.target.path()?);
        query.flag_if("recursive", self.recursive);
        query.flag("wait", true);
        if let Some(after) = self.after {
            let index = after.checked_add(1).ok_or_else(|| {
                Invalid::new(
                    "waitIndex",
                    "has no successor: nothing comes after the greatest index",
                )
            })?;
            query.number("waitIndex", index);
        }
        Encoded::new(Method::GET, query.finish(), Purpose::Wait)
    }

    fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        self.target.decode(document)?.with_node()
    }
}

keys_request!(Wait);

#[cfg(test)]
mod tests {
    use crate::keys::KeysRequest;

    use super::*;

    #[test]
    fn a_name_that_only_begins_alike_is_another() {
        let plain = Wait::new("/a/foobar/");
        for key in ["/a/foobar", "/a", "/"] {
            assert!(plain.concerns(key), "{key}");
        }
        for key in ["/a/foo", "/a/foobar/x", "/a/foobarbar", "/b"] {
            assert!(!plain.concerns(key), "{key}");
        }
        let recursive = Wait::new("a/foobar").recursive();
        assert!(recursive.concerns("/a/foobar/x/y") && !recursive.concerns("/a/foobarbar"));
        assert!(Wait::new("/").recursive().concerns("/anything"));
        assert!(Wait::new("/x").with_prefix("/v2/keys/tenant").concerns("/tenant/x"));
    }
}
