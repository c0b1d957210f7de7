//! Whether a response is about what was requested.
//!
//! Servers and proxies that mix up responses send the success of another request. What a response
//! says is compared with the request, and only a contradiction is rejected: what is missing
//! contradicts nothing.

use http::StatusCode;

use crate::error::{ErrorKind, Unexpected, quoted};
use crate::request::Document;

use super::change::{Change, ChangeKind};
use super::key::segments;
use super::target::Target;

/// What the response to a request may say.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) target: &'a Target,
    /// What the server's dispatch makes of the request.
    pub(super) action: &'static ChangeKind,
    pub(super) place: Place,
    /// Whether the request asked for a response without a node.
    pub(super) may_lack_node: bool,
    /// Whether the endpoint has a path, so that nobody knows how the keys begin that the server reports.
    pub(super) is_under_path: bool,
}

/// Where the node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the key of the request.
    Key,
    /// In the directory of the request, under a name that the server chose; or, since an etcd that stores
    /// v2 in v3 (`--experimental-enable-v2v3`) chooses none, at the key of the request.
    Child,
}

impl<'a> Expected<'a> {
    /// A response with a node at the key of the request.
    pub(super) const fn new(target: &'a Target, action: &'static ChangeKind) -> Self {
        Self { target, action, place: Place::Key, may_lack_node: false, is_under_path: false }
    }

    /// Whether nothing of this contradicts the request.
    #[inline]
    pub(super) fn fits(&self, action: Option<&ChangeKind>, key: Option<&str>) -> bool {
        action.is_none_or(|action| self.action.may_be_reported_as(action))
            && key.is_none_or(|key| self.is_at(key))
    }

    /// The error of a response that says this instead.
    pub(super) fn mismatch(
        &self,
        status: StatusCode,
        action: Option<&ChangeKind>,
        key: Option<&str>,
    ) -> ErrorKind {
        let place = if self.place == Place::Child { "a child of " } else { "" };
        let mismatch = format!(
            "it reports {} of {} instead of {:?} of {place}{}",
            action.map_or_else(|| "no action".to_owned(), |action| quoted(action.as_str())),
            key.map_or_else(|| "no key".to_owned(), |key| quoted(self.target.without_root(key))),
            self.action.as_str(),
            quoted(&self.target.given_key()),
        );
        Unexpected::contradicting(status, mismatch).into()
    }

    /// The error of a success with an error code, which etcd does not have or which comes beside a change.
    pub(super) fn error_code(status: StatusCode) -> ErrorKind {
        let mismatch = "it reports an error code in a success".to_owned();
        Unexpected::contradicting(status, mismatch).into()
    }

    #[inline]
    fn is_at(&self, reported: &str) -> bool {
        match self.place {
            Place::Key => self.is_reported_as(reported),
            Place::Child => {
                let (directory, _) =
                    reported.trim_end_matches('/').rsplit_once('/').unwrap_or_default();
                self.is_reported_as(directory) || self.is_reported_as(reported)
            }
        }
    }

    /// Whether a server that reports this key means the target. Slashes at the end make no difference.
    #[inline]
    fn is_reported_as(&self, reported: &str) -> bool {
        // Nearly all keys are given and reported in the same form.
        (reported == self.target.text() && self.target.root().is_none())
            || self.has_segments_of(reported)
    }

    fn has_segments_of(&self, reported: &str) -> bool {
        let root = self.target.root().map_or("", |root| root.as_str());
        // A key that cannot be parsed was never sent.
        let parts = || segments(root).chain(segments(self.target.text()));
        let own = || parts().map(Result::unwrap_or_default);
        let mut reported = reported.split('/').filter(|segment| !segment.is_empty());
        if self.target.has_prefix() || self.is_under_path {
            let more = reported.clone().count().checked_sub(own().count());
            return more.is_some_and(|more| reported.skip(more).eq(own()));
        }
        own().all(|segment| reported.next() == Some(segment)) && reported.next().is_none()
    }
}

impl Target {
    /// The response to a request that expects this, with keys as they are seen from the root.
    pub(super) fn decode_expected(
        &self,
        document: Document,
        expected: Expected<'_>,
    ) -> Result<Change, ErrorKind> {
        let change = Change::decode_for(document, expected)?;
        Ok(match self.root() {
            Some(root) => change.seen_from(root.as_str()),
            None => change,
        })
    }

    /// The key as the caller gave it, with a slash at its beginning.
    fn given_key(&self) -> String {
        format!("/{}", self.text().trim_start_matches('/'))
    }

    /// The key of a response as it is seen from the root, if it is the root or below it.
    fn without_root<'a>(&self, reported: &'a str) -> &'a str {
        match self.root().and_then(|root| reported.strip_prefix(root.as_str())) {
            Some("") => "/",
            Some(rest) if rest.starts_with('/') => rest,
            _ => reported,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(target: &Target, place: Place) -> Expected<'_> {
        Expected { place, ..Expected::new(target, &ChangeKind::Set) }
    }

    #[test]
    fn slashes_at_either_end_contradict_nothing() {
        for given in ["/a/b", "a/b", "/a/b/", "//a//b//"] {
            let target = Target::new(given);
            for reported in ["/a/b", "/a/b/", "a/b"] {
                assert!(expected(&target, Place::Key).is_at(reported), "{given} {reported}");
                let child = format!("{reported}/7");
                assert!(expected(&target, Place::Child).is_at(&child), "{given} {child}");
            }
            for reported in ["/a", "/a/b/c", "/a/bb", "/b/a", "/", "", "/A/b", "/x/a/b"] {
                assert!(!expected(&target, Place::Key).is_at(reported), "{given} {reported}");
            }
        }
    }

    #[test]
    fn under_a_path_the_beginning_of_a_key_is_unknown() {
        let target = Target::new("/a/b/");
        let expected = Expected { is_under_path: true, ..expected(&target, Place::Key) };
        for told in ["/a/b", "/base/a/b", "/base/v2/keys/a/b/"] {
            assert!(expected.is_at(told), "{told}");
        }
        for told in ["/b", "/base/b", "/xa/b", "/a/b/c", "/"] {
            assert!(!expected.is_at(told), "{told}");
        }
    }

    #[test]
    fn the_root_is_reported_without_a_key() {
        for given in ["", "/", "//"] {
            let target = Target::new(given);
            assert!(expected(&target, Place::Key).is_at("/"), "{given}");
            assert!(expected(&target, Place::Child).is_at("/7"), "{given}");
            assert!(!expected(&target, Place::Key).is_at("/a"), "{given}");
            assert!(!expected(&target, Place::Child).is_at("/a/7"), "{given}");
        }
    }

    #[test]
    fn a_root_of_the_view_is_part_of_the_key_and_a_prefix_is_unknown() {
        let mut target = Target::new("/b");
        target.set_root("/a".parse().unwrap());
        assert!(expected(&target, Place::Key).is_at("/a/b"));
        assert!(!expected(&target, Place::Key).is_at("/b"));
        target.set_prefix("/v2/keys/tenant".into());
        for reported in ["/a/b", "/tenant/a/b", "/x/y/a/b/"] {
            assert!(expected(&target, Place::Key).is_at(reported), "{reported}");
        }
        for reported in ["/b", "/tenant/b", "/xa/b", "/a/b/c", "/"] {
            assert!(!expected(&target, Place::Key).is_at(reported), "{reported}");
        }
        let mut root = Target::new("/");
        root.set_prefix("/v2/keys/tenant".into());
        assert!(
            ["/tenant", "/"].iter().all(|reported| expected(&root, Place::Key).is_at(reported))
        );
    }
}
