//! Waiting for a change.

use http::Method;

use crate::encoding::Pairs;
use crate::error::{ErrorKind, Invalid};
use crate::policy::Consistency;
use crate::request::{Document, Encoded, Purpose, Request};

use super::change::{Change, ChangeKind};
use super::get::Get;
use super::key::{is_below, is_hidden_below};
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
    /// Whether a watch may use streams.
    stream: bool,
    /// Whether this one is for a stream (`stream`).
    streaming: bool,
}

impl Wait {
    /// Waits for a change of this key after now.
    ///
    /// What happens between a read and the beginning of such a wait is not told; [`since`](Self::since)
    /// leaves nothing out.
    pub fn new(key: impl Into<String>) -> Self {
        Self::at(Target::new(key))
    }

    pub(super) const fn at(target: Target) -> Self {
        Self { target, after: None, recursive: false, stream: false, streaming: false }
    }

    /// Waits for a change after this index instead (`waitIndex`, which is one more). The server
    /// keeps the last 1000 changes of the whole store; older ones are code 401, which a watch tells
    /// as a [`Gap`](crate::Gap).
    ///
    /// It has to be an index that the store has reached. A watch takes one that it has not for one from
    /// before a restore, and tells that as a gap, too.
    pub const fn after(mut self, index: u64) -> Self {
        self.after = Some(index);
        self
    }

    /// Waits for a change after what this says: after a listing or another read, everything that is not
    /// in it; after a change or a write, everything that came later.
    ///
    /// If the answer came without an index, as through a proxy that strips headers, it is everything
    /// since the store began: a gap rather than silence.
    ///
    /// ```
    /// use etcd_v2_proto::keys::{Change, Wait};
    ///
    /// fn follow(listing: &Change) -> Wait {
    ///     Wait::new("/services").recursive().since(listing)
    /// }
    /// ```
    pub fn since(self, change: &Change) -> Self {
        let index = match change.kind() {
            ChangeKind::Get => change.etcd_index(),
            _ => change.index(),
        };
        self.after(index.unwrap_or_default())
    }

    /// Lets a [watch](crate::Watch) be told of many changes by one answer (`stream`) while it is up to
    /// date: that costs a third of a wait for each change. It makes no other difference, and none at
    /// all to a single wait.
    ///
    /// etcd leaves a stream without a word when its reader is 100 changes behind. The watch finds out
    /// when it looks again, after [`Policy::watch_idle`](crate::Policy::watch_idle), and takes the rest
    /// from the history.
    pub const fn stream(mut self) -> Self {
        self.stream = true;
        self
    }

    /// Waits for changes of anything below the key, too (`recursive`).
    pub const fn recursive(mut self) -> Self {
        self.recursive = true;
        self
    }

    /// Whether a change is one that is waited for: of the key itself, of a directory above it, or of
    /// something below it that is not hidden.
    ///
    /// Servers make two mistakes when they look through their history. They take the removal of `/foo`
    /// for one of `/foobar`, and they tell of keys that an underscore hides, which no open wait is told
    /// of.
    pub(crate) fn is_for(&self, key: &str) -> bool {
        // Under another prefix, nobody knows how the keys that the server tells begin.
        self.target.has_prefix()
            || self.target.key().is_ok_and(|own| {
                let own = own.as_str();
                is_below(own, key)
                    || (self.recursive && is_below(key, own) && !is_hidden_below(key, own))
            })
    }

    /// The same wait for as many changes as will come.
    pub(crate) const fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    pub(crate) const fn may_stream(&self) -> bool {
        self.stream
    }

    /// A read of the key, as all members together have it, if that tells of every change: it does not
    /// of those below.
    pub(crate) fn look(&self) -> Get {
        Get::at(self.target.clone()).quorum()
    }

    pub(crate) const fn is_recursive(&self) -> bool {
        self.recursive
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
        query.flag_if("stream", self.streaming);
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
            .map(|encoded| encoded.held_to(Consistency::Local))
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
            assert!(plain.is_for(key), "{key}");
        }
        for key in ["/a/foo", "/a/foobar/x", "/a/foobarbar", "/b"] {
            assert!(!plain.is_for(key), "{key}");
        }
        let recursive = Wait::new("a/foobar").recursive();
        assert!(recursive.is_for("/a/foobar/x/y") && !recursive.is_for("/a/foobarbar"));
        assert!(Wait::new("/").recursive().is_for("/anything"));
        assert!(Wait::new("/x").with_prefix("/v2/keys/tenant").is_for("/tenant/x"));
    }

    #[test]
    fn what_is_hidden_is_told_only_from_within() {
        let root = Wait::new("/").recursive();
        assert!(!root.is_for("/_a") && !root.is_for("/a/_b/c") && root.is_for("/a_b/c_"));
        let inside = Wait::new("/a/_b").recursive();
        assert!(inside.is_for("/a/_b") && inside.is_for("/a/_b/c") && !inside.is_for("/a/_b/_c"));
        assert!(inside.is_for("/a") && inside.is_for("/"), "what goes takes it along");
        assert!(Wait::new("/_a").is_for("/_a") && Wait::new("/_a/b").is_for("/_a"));
    }

    #[test]
    fn nothing_but_a_wait_is_asked_for_with_a_wait() {
        let encode = |wait: Wait| wait.encode().unwrap().path_and_query.to_string();
        let wait = Wait::new("/a").stream();
        assert_eq!(encode(wait.clone()), "/v2/keys/a?wait=true", "only a watch streams");
        assert_eq!(encode(wait.streaming()), "/v2/keys/a?stream=true&wait=true");
    }
}
