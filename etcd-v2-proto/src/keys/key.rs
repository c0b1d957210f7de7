//! Names in the key space.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::error::Invalid;

/// A key: `/`, or segments with a slash before each. The empty text is the root, too.
///
/// Repeated slashes are collapsed, a missing first one is added. Segments `.` and `..` are refused, so
/// that no key leads out of the key space; anything else that is a string will do: it is
/// percent-encoded on its way, and only then, so `%2e%2e` is an ordinary name.
///
/// # The final slash
///
/// `/foo` and `/foo/` name the same node, and the store does not tell them apart. Its roles do: one for
/// `/foo/*` may list, watch and delete `/foo/`, and push into it, but is refused `/foo`. So a request
/// ends in a slash if and only if the caller's key did, except that the root is always `/`. Two keys
/// that differ only there are equal, and [`as_str`](Self::as_str) leaves the slash out, as the keys in
/// responses do; `Display` and the conversion into a [`String`] keep it.
///
/// ```
/// use etcd_v2_proto::keys::{Get, Key};
/// use etcd_v2_proto::Request;
///
/// let key: Key = "services//web/".parse()?;
/// assert_eq!(key.as_str(), "/services/web");
/// assert!(key.has_final_slash() && key == "/services/web".parse()?);
/// assert_eq!(Get::new(key).encode()?.path_and_query, "/v2/keys/services/web/");
/// assert!("/a/../b".parse::<Key>().is_err());
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug)]
pub struct Key {
    /// Without a slash at its end, unless it is the root.
    text: String,
    /// Whether requests for it end in a slash.
    final_slash: bool,
}

impl Key {
    /// The key, with a slash at its beginning and, unless it is the root, none at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it was written with a slash at its end, and requests for it will have one. The root always
    /// has.
    #[must_use]
    pub const fn has_final_slash(&self) -> bool {
        self.final_slash
    }

    /// Whether it is the root of the key space.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.text == "/"
    }

    /// The last segment; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The segments, from the root down.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        names(&self.text)
    }

    /// The directory that the key is in, without a final slash; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let end = self.text.rfind('/').filter(|_| !self.is_root())?;
        let text = if end == 0 { "/" } else { &self.text[..end] };
        Some(Self { text: text.to_owned(), final_slash: end == 0 })
    }

    /// Whether listings and recursive watches of the directory it is in leave it out: its last
    /// segment begins with an underscore.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.name().starts_with('_')
    }

    /// The key below this one with these further segments: this one as it is for the empty text, and with
    /// a final slash for `/`.
    ///
    /// # Errors
    /// Segments `.` and `..`.
    pub fn join(&self, below: &str) -> Result<Self, Invalid> {
        if below.is_empty() { Ok(self.clone()) } else { format!("{}/{below}", self.text).parse() }
    }
}

/// Whether two texts name the same key, however their slashes are written. It allocates nothing.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    one == other || names(one).eq(names(other))
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

/// The segments of what was given as a key.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|segment| !segment.is_empty())
}

/// The segments of what was given as a key, checked.
pub(super) fn segments(text: &str) -> impl Iterator<Item = Result<&str, Invalid>> {
    names(text).map(move |segment| match segment {
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
        let is_root = key.is_empty();
        if is_root {
            key.push('/');
        }
        Ok(Self { text: key, final_slash: is_root || text.ends_with('/') })
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
        f.write_str(&self.text)?;
        if self.final_slash && !self.is_root() { f.write_str("/") } else { Ok(()) }
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// With the final slash, if it has one: what a request is made of.
impl From<Key> for String {
    fn from(key: Key) -> Self {
        let slash = key.final_slash && !key.is_root();
        let mut text = key.text;
        if slash {
            text.push('/');
        }
        text
    }
}

/// With the final slash, if it has one: what a request is made of.
impl From<&Key> for String {
    fn from(key: &Key) -> Self {
        key.to_string()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
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
    fn a_final_slash_is_kept_and_makes_no_other_key() {
        use std::collections::HashSet;

        for (with, without) in
            [("/a/", "/a"), ("a//", "a"), ("/a/_b/", "/a/_b"), ("//c d//", "/c d")]
        {
            let (with, without) = (key(with), key(without));
            assert!(with.has_final_slash() && !without.has_final_slash());
            assert_eq!((&with, with.cmp(&without)), (&without, Ordering::Equal));
            assert_eq!(HashSet::from([with.clone(), without.clone()]).len(), 1);
            assert_eq!(with.as_str(), without.as_str());
            assert_eq!((with.name(), with.is_hidden()), (without.name(), without.is_hidden()));
            assert_eq!(with.parent(), without.parent());
            assert_eq!(with.to_string(), format!("{without}/"));
            for text in [String::from(&with), String::from(with.clone()), with.to_string()] {
                assert!(key(&text).has_final_slash(), "{text}");
            }
        }
        for root in ["", "/", "//"] {
            assert!(key(root).has_final_slash());
            assert_eq!((key(root).to_string(), String::from(key(root))), ("/".into(), "/".into()));
        }
        for (of, below, expected) in [
            ("/a", "", "/a"),
            ("/a/", "", "/a/"),
            ("/a", "/", "/a/"),
            ("/a/", "b", "/a/b"),
            ("/a", "b/", "/a/b/"),
            ("/", "b", "/b"),
            ("/", "", "/"),
        ] {
            assert_eq!(key(of).join(below).unwrap().to_string(), expected);
        }
        assert!(key("/").parent().is_none() && key("/a/").parent().unwrap().is_root());
        for (one, other, same) in [
            ("/a/", "/a", true),
            ("a//b", "/a/b/", true),
            ("", "/", true),
            ("/a", "/ab", false),
            ("/a", "/", false),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
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
