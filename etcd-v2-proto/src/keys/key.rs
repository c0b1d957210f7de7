//! Names in the key space.

use std::fmt;
use std::str::FromStr;

use crate::error::Invalid;

/// A key: `/`, or segments with a slash before each. The empty text is the root, too.
///
/// Repeated and trailing slashes are collapsed, a missing first one is added. Segments `.` and `..`
/// are refused, so that no key leads out of the key space; anything else that is a string will do:
/// it is percent-encoded on its way, and only then, so `%2e%2e` is an ordinary name.
///
/// ```
/// use etcd_v2_proto::keys::Key;
///
/// let key: Key = "services//web/".parse()?;
/// assert_eq!(key.as_str(), "/services/web");
/// assert!("/a/../b".parse::<Key>().is_err());
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The key, with a slash at its beginning.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root of the key space.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// The last segment; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The segments, from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The directory that the key is in; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let end = self.0.rfind('/').filter(|_| !self.is_root())?;
        Some(Self(if end == 0 { "/".to_owned() } else { self.0[..end].to_owned() }))
    }

    /// Whether listings and recursive watches of the directory it is in leave it out: its last
    /// segment begins with an underscore.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.name().starts_with('_')
    }

    /// The key below this one with these further segments.
    ///
    /// # Errors
    /// Segments `.` and `..`.
    pub fn join(&self, below: &str) -> Result<Self, Invalid> {
        format!("{}/{below}", self.0).parse()
    }
}

/// Whether a key is another one, or below it.
pub(crate) fn is_below(key: &str, above: &str) -> bool {
    beyond(key, above).is_some()
}

/// Whether a segment of the key that comes after this other one begins with an underscore.
pub(crate) fn is_hidden_below(key: &str, above: &str) -> bool {
    beyond(key, above).is_some_and(|rest| rest.contains("/_"))
}

/// What is left of a key that is another one, or below it.
fn beyond<'a>(key: &'a str, above: &str) -> Option<&'a str> {
    let rest = key.strip_prefix(above.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// The segments of what was given as a key, checked.
pub(super) fn segments(text: &str) -> impl Iterator<Item = Result<&str, Invalid>> {
    text.split('/').filter(|segment| !segment.is_empty()).map(move |segment| match segment {
        "." | ".." => {
            let reason = format!("{text:?} has a segment {segment:?}, which names no key");
            Err(Invalid::new("key", reason))
        }
        _ => Ok(segment),
    })
}

impl FromStr for Key {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut key = String::with_capacity(text.len() + 1);
        for segment in segments(text) {
            key.push('/');
            key.push_str(segment?);
        }
        if key.is_empty() {
            key.push('/');
        }
        Ok(Self(key))
    }
}

impl TryFrom<&str> for Key {
    type Error = Invalid;

    fn try_from(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl From<&Key> for String {
    fn from(key: &Key) -> Self {
        key.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn slashes_are_collapsed() {
        for (text, expected) in [
            ("", "/"),
            ("/", "/"),
            ("///", "/"),
            ("a", "/a"),
            ("//a//b//", "/a/b"),
            ("/..a/b../...", "/..a/b../..."),
            ("/%2e%2e/x", "/%2e%2e/x"),
        ] {
            assert_eq!(key(text).as_str(), expected);
        }
    }

    #[test]
    fn dot_segments_are_refused_by_name() {
        for text in ["..", "/.", "/a/../b", "a/./b", "/a/..", "/../members"] {
            let error = text.parse::<Key>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(error.field, "key");
        }
    }

    #[test]
    fn relatives() {
        assert_eq!(key("/a/b").parent(), Some(key("/a")));
        assert_eq!(key("/a").parent(), Some(key("/")));
        assert_eq!(key("/").parent(), None);
        assert_eq!(key("/").join("a/b").unwrap(), key("/a/b"));
        assert!(key("/a").join("..").is_err());
        assert_eq!(key("/a/b").segments().collect::<Vec<_>>(), ["a", "b"]);
        assert!(key("/a/_b").is_hidden() && !key("/_a/b").is_hidden());
    }
}
