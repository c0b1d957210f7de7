//! Where in the key space a request goes.

use std::sync::Arc;

use crate::encoding::push_segment;
use crate::error::{ErrorKind, EtcdError, Invalid};
use crate::request::{Document, Request};

use super::change::Change;
use super::key::{Key, is_same, segments};

/// The path of the key space on every etcd.
pub const DEFAULT_PREFIX: &str = "/v2/keys";

/// A request of the keys API.
pub trait KeysRequest: Request {
    /// Aims the request at a key space under another path than [`DEFAULT_PREFIX`], as some proxies
    /// have it.
    #[must_use]
    fn with_prefix(self, prefix: impl Into<Arc<str>>) -> Self;

    /// Takes this key for the root: it is put before the key of the request, and taken off the keys in
    /// the answer. A change of a directory above it, as a watch may tell, is one of the root then.
    ///
    /// A request for the empty key is one for `root` as it is, and for `/` one with a
    /// [final slash](Key#the-final-slash).
    #[must_use]
    fn with_root(self, root: Key) -> Self;
}

/// A key, as the caller gave it, in a key space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    key: String,
    prefix: Option<Arc<str>>,
    root: Option<Key>,
}

impl Target {
    pub(super) fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), prefix: None, root: None }
    }

    pub(super) fn set_prefix(&mut self, prefix: Arc<str>) {
        self.prefix = Some(prefix);
    }

    pub(super) const fn has_prefix(&self) -> bool {
        self.prefix.is_some()
    }

    /// The key.
    pub(super) fn key(&self) -> Result<Key, Invalid> {
        self.key.parse()
    }

    /// The key as the caller gave it.
    pub(super) fn text(&self) -> &str {
        &self.key
    }

    /// What is taken for the root, unless that is the root of the key space.
    pub(super) const fn root(&self) -> Option<&Key> {
        self.root.as_ref()
    }

    pub(super) fn set_root(&mut self, root: Key) {
        self.root = Some(root).filter(|root| !root.is_root());
    }

    /// A request with the same target.
    pub(super) fn aim<R: KeysRequest>(&self, make: impl FnOnce(String) -> R) -> R {
        let request = make(self.key.clone());
        let request = match &self.prefix {
            Some(prefix) => request.with_prefix(Arc::clone(prefix)),
            None => request,
        };
        match &self.root {
            Some(root) => request.with_root(root.clone()),
            None => request,
        }
    }

    /// Whether the server means this key. Keys in responses have no final slash.
    pub(super) fn is_at(&self, told: &str) -> bool {
        // Under another prefix, nobody knows how the keys that the server tells begin.
        if self.has_prefix() {
            return self.key().is_ok_and(|key| told.ends_with(key.as_str()));
        }
        is_same(told, &self.key)
    }

    /// The answer, with keys as they are seen from the root.
    pub(super) fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        let change = Change::decode(document)?;
        Ok(match &self.root {
            Some(root) => change.seen_from(root.as_str()),
            None => change,
        })
    }

    /// Takes the root off the key that an error response is about. A key above the root is the root then.
    pub(super) fn localize_error(&self, error: &mut EtcdError) {
        /// What stands before some keys: that is how the store sees them.
        const INTERNAL: &str = "nodePath /1";
        let Some(root) = self.root.as_ref().map(Key::as_str) else { return };
        let (before, key) = match error.cause.strip_prefix(INTERNAL) {
            Some(key) => (INTERNAL, key),
            None => ("", &*error.cause),
        };
        if let Some(rest) = key.strip_prefix(root)
            && (rest.is_empty() || rest.starts_with(['/', ' ']))
        {
            let slash = if rest.starts_with('/') { "" } else { "/" };
            error.cause = format!("{before}{slash}{rest}");
        } else if key.starts_with('/')
            && root
                .strip_prefix(key.trim_end_matches('/'))
                .is_some_and(|rest| rest.starts_with('/'))
        {
            error.cause = format!("{before}/");
        }
    }

    /// The percent-encoded path.
    pub(super) fn path(&self) -> Result<String, Invalid> {
        let prefix = self.prefix.as_deref();
        let room = prefix.unwrap_or(DEFAULT_PREFIX).len() + self.key.len();
        // With some room for what is escaped, and for the query.
        let mut path = String::with_capacity(room + room / 4 + 48);
        match prefix {
            None => path.push_str(DEFAULT_PREFIX),
            Some(prefix) => {
                push(&mut path, prefix).map_err(|error| Invalid::new("key prefix", error.reason))?
            }
        }
        if let Some(root) = &self.root {
            push(&mut path, root.as_str())?;
        }
        push(&mut path, &self.key)?;
        if self.ends_in_slash() {
            path.push('/');
        }
        Ok(path)
    }

    /// Whether the path does: if the caller wrote it so, and always for the root of a key space.
    fn ends_in_slash(&self) -> bool {
        if self.key.is_empty() {
            self.root.as_ref().is_none_or(Key::has_final_slash)
        } else {
            self.key.ends_with('/')
        }
    }
}

fn push(path: &mut String, text: &str) -> Result<(), Invalid> {
    for segment in segments(text) {
        path.push('/');
        push_segment(path, segment?);
    }
    Ok(())
}

/// Implements what all keys requests have in common, for a type with a field `target`.
macro_rules! keys_request {
    ($request:ty) => {
        impl crate::keys::KeysRequest for $request {
            fn with_prefix(mut self, prefix: impl Into<std::sync::Arc<str>>) -> Self {
                self.target.set_prefix(prefix.into());
                self
            }

            fn with_root(mut self, root: crate::keys::Key) -> Self {
                self.target.set_root(root);
                self
            }
        }
    };
}

pub(super) use keys_request;
