//! Waiting for a change.

use http::Method;

use crate::encoding::Pairs;
use crate::error::{ErrorKind, EtcdError, Invalid};
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

    /// What an event means for this wait.
    pub(crate) fn relevance(&self, event: &Change) -> Relevance {
        let (Some(key), Ok(own)) = (event.key(), self.target.key()) else {
            return Relevance::Foreign;
        };
        self.relevance_of(key, own.as_str(), event.kind().is_removal())
    }

    fn relevance_of(&self, key: &str, own: &str, is_removal: bool) -> Relevance {
        // Under another prefix, the beginning of the keys in events is unknown, so a removal may be that of
        // a directory above the key.
        if self.target.has_prefix() {
            let is_within = self.recursive && is_within(key, own);
            let is_wanted = own == "/" || key.ends_with(own) || is_within || is_removal;
            return if is_wanted { Relevance::Wanted } else { Relevance::Foreign };
        }
        if key == own {
            return Relevance::Wanted;
        }
        if is_removal && is_below(own, key) {
            return Relevance::Wanted;
        }
        if self.recursive && is_below(key, own) {
            return if is_hidden_below(key, own) { Relevance::Skipped } else { Relevance::Wanted };
        }
        if is_removal && own.starts_with(key) { Relevance::Skipped } else { Relevance::Foreign }
    }

    /// Whether an event is one to wait for, without a doubt. Under another prefix, the removal of another key may
    /// be that of a directory above, or not.
    pub(crate) fn is_certainly_for(&self, event: &Change) -> bool {
        self.relevance(event) == Relevance::Wanted
            && (!self.target.has_prefix()
                || event.key().is_some_and(|key| self.target.is_at(key))
                || (self.recursive && !event.kind().is_removal()))
    }

    /// The same wait for as many changes as will come.
    pub(crate) const fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// Whether there are directories above the key that can be removed.
    pub(crate) fn has_directories_above(&self) -> bool {
        self.target.has_prefix()
            || self
                .target
                .path()
                .is_ok_and(|path| path.split('/').filter(|s| !s.is_empty()).count() > 3)
    }

    /// The same without streams.
    pub(crate) const fn without_stream(mut self) -> Self {
        self.stream = false;
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

    /// A read of the key from the member that responds.
    pub(crate) fn read(&self) -> Get {
        Get::at(self.target.clone()).local()
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

/// What an event means for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relevance {
    /// It is of the key itself, of something below it that is not hidden, or the removal of a directory above
    /// it.
    Wanted,
    /// Only a history reports it, and no open wait would have: the removal of `/foo` to a wait for `/foobar`,
    /// or a key that an underscore hides.
    Skipped,
    /// No etcd sends it in response to this wait.
    Foreign,
}

/// Whether the segments of a key include those of the other one, with more after them.
fn is_within(key: &str, own: &str) -> bool {
    key.match_indices(own).any(|(at, _)| key[at + own.len()..].starts_with('/'))
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

    fn localize_error(&self, error: &mut EtcdError) {
        self.target.localize_error(error);
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

    fn relevance(wait: &Wait, key: &str, kind: &str) -> Relevance {
        let body = format!(r#"{{"action":"{kind}","node":{{"key":"{key}","modifiedIndex":7}}}}"#);
        let (status, meta) = (http::StatusCode::OK, crate::Meta::default());
        let event =
            Change::decode(Document { status, meta, body: body.into(), is_under_path: false })
                .unwrap();
        wait.relevance(&event)
    }

    const WRITES: [&str; 4] = ["set", "create", "update", "compareAndSwap"];
    const REMOVALS: [&str; 3] = ["delete", "compareAndDelete", "expire"];

    fn relevances(wait: &Wait, key: &str) -> (Relevance, Relevance) {
        let of = |kinds: &[&str]| {
            let all: Vec<_> = kinds.iter().map(|kind| relevance(wait, key, kind)).collect();
            assert!(all.iter().all(|one| *one == all[0]), "{key}: {all:?}");
            all[0]
        };
        (of(&WRITES), of(&REMOVALS))
    }

    #[test]
    fn an_event_is_of_the_key_or_below_it_or_removes_a_directory_above_it() {
        use Relevance::{Foreign, Skipped, Wanted};
        let plain = Wait::new("/a/foobar/");
        let recursive = Wait::new("a/foobar").recursive();
        for (key, of_plain, of_recursive) in [
            ("/a/foobar", (Wanted, Wanted), (Wanted, Wanted)),
            ("/a", (Foreign, Wanted), (Foreign, Wanted)),
            ("/", (Foreign, Wanted), (Foreign, Wanted)),
            ("/a/foo", (Foreign, Skipped), (Foreign, Skipped)),
            ("/a/foobar/x", (Foreign, Foreign), (Wanted, Wanted)),
            ("/a/foobar/x/y", (Foreign, Foreign), (Wanted, Wanted)),
            ("/a/foobar/_x", (Foreign, Foreign), (Skipped, Skipped)),
            ("/a/foobarbar", (Foreign, Foreign), (Foreign, Foreign)),
            ("/b", (Foreign, Foreign), (Foreign, Foreign)),
            ("/b/a/foobar", (Foreign, Foreign), (Foreign, Foreign)),
        ] {
            assert_eq!(relevances(&plain, key), of_plain, "{key}");
            assert_eq!(relevances(&recursive, key), of_recursive, "{key}");
        }
        assert_eq!(relevances(&Wait::new("/").recursive(), "/anything"), (Wanted, Wanted));
    }

    #[test]
    fn under_another_prefix_an_event_ends_with_the_key_or_has_it_within() {
        use Relevance::{Foreign, Wanted};
        let plain = Wait::new("/x").with_prefix("/v2/keys/tenant");
        let recursive = plain.clone().recursive();
        for (key, of_plain, of_recursive) in [
            ("/tenant/x", Wanted, Wanted),
            ("/x", Wanted, Wanted),
            ("/tenant/x/y", Foreign, Wanted),
            ("/tenant/xy", Foreign, Foreign),
            ("/other", Foreign, Foreign),
        ] {
            assert_eq!(relevances(&plain, key), (of_plain, Wanted), "{key}");
            assert_eq!(relevances(&recursive, key), (of_recursive, Wanted), "{key}");
        }
    }

    #[test]
    fn what_is_hidden_is_told_only_from_within() {
        let is_wanted = |wait: &Wait, key| relevance(wait, key, "set") == Relevance::Wanted;
        let root = Wait::new("/").recursive();
        assert!(!is_wanted(&root, "/_a") && !is_wanted(&root, "/a/_b/c"));
        assert!(is_wanted(&root, "/a_b/c_"));
        let inside = Wait::new("/a/_b").recursive();
        assert!(is_wanted(&inside, "/a/_b") && is_wanted(&inside, "/a/_b/c"));
        assert!(!is_wanted(&inside, "/a/_b/_c"));
        assert_eq!(relevances(&inside, "/a").1, Relevance::Wanted, "what goes takes it along");
        assert!(is_wanted(&Wait::new("/_a"), "/_a") && !is_wanted(&Wait::new("/_a/b"), "/_a"));
    }

    #[test]
    fn nothing_but_a_wait_is_asked_for_with_a_wait() {
        let encode = |wait: Wait| wait.encode().unwrap().path_and_query.to_string();
        let wait = Wait::new("/a").stream();
        assert_eq!(encode(wait.clone()), "/v2/keys/a?wait=true", "only a watch streams");
        assert_eq!(encode(wait.streaming()), "/v2/keys/a?stream=true&wait=true");
    }
}
