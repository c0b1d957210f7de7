//! What a test needs that old servers do not have. A test that needs more than the server has is skipped by name.

use std::sync::LazyLock;

use xtask::Version;

use super::servers::ETCD;

/// The version of the servers.
pub(super) static VERSION: LazyLock<Version> = LazyLock::new(|| Version::of(&ETCD).unwrap());

/// Something that servers have from a version on.
#[derive(Debug)]
pub(super) struct Feature {
    name: &'static str,
    since: Version,
}

impl Feature {
    const fn new(name: &'static str, major: u32, minor: u32) -> Self {
        Self { name, since: Version::new(major, minor) }
    }

    /// Whether the server lacks it; the test is noted as skipped then.
    pub(super) fn is_missing(&self, test: &str) -> bool {
        let reason = self.why_not(*VERSION);
        if let Some(reason) = &reason {
            xtask::skip(test, reason);
        }
        reason.is_some()
    }

    fn why_not(&self, version: Version) -> Option<String> {
        let Self { name, since } = self;
        (version < *since)
            .then(|| format!("etcd {version} does not have {name}, {since} and later do"))
    }
}

pub(super) const NOTHING: Feature = Feature::new("the v2 API", 2, 0);
pub(super) const AUTH: Feature = Feature::new("the auth API", 2, 1);
pub(super) const PADDED_NAMES: Feature = Feature::new("padded names in order", 2, 2);
pub(super) const REFRESH: Feature = Feature::new("refreshes", 2, 3);
pub(super) const REMOVED_PARENTS: Feature =
    Feature::new("removed directories in the history of what was below", 2, 3);
#[cfg(feature = "ring")]
pub(super) const CERTIFICATE_USERS: Feature = Feature::new("users by their certificates", 3, 0);
pub(super) const NO_VALUE: Feature = Feature::new("noValueOnSuccess", 3, 1);
pub(super) const V2_SWITCH: Feature = Feature::new("a v2 API that is off by default", 3, 4);

#[test]
fn tests_are_skipped_by_what_their_version_lacks() {
    for (feature, missing, there) in [
        (&NOTHING, None, (2, 0)),
        (&AUTH, Some((2, 0)), (2, 1)),
        (&PADDED_NAMES, Some((2, 1)), (2, 2)),
        (&REFRESH, Some((2, 2)), (2, 3)),
        (&REMOVED_PARENTS, Some((2, 2)), (2, 3)),
        (&NO_VALUE, Some((3, 0)), (3, 1)),
        (&V2_SWITCH, Some((3, 3)), (3, 4)),
    ] {
        let why_not = |(major, minor)| feature.why_not(Version::new(major, minor));
        assert_eq!(why_not(there), None, "{feature:?}");
        assert_eq!(why_not((3, 5)), None, "{feature:?}");
        assert!(missing.is_none_or(|version| why_not(version).is_some()), "{feature:?}");
    }
    assert_eq!(
        REFRESH.why_not(Version::new(2, 0)).unwrap(),
        "etcd 2.0 does not have refreshes, 2.3 and later do"
    );
}
