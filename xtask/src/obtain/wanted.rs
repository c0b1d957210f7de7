//! Which etcd is wanted.

use std::{fmt, path::Path, str::FromStr};

use anyhow::{Result, bail};

use crate::version::Version;

/// A line of etcd servers that can be asked for by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// etcd 3.4, which Debian 12 has.
    V3_4,
    /// etcd 3.5, which Debian 13 has: the last one with the v2 API.
    V3_5,
}

impl Release {
    const ALL: [Self; 2] = [Self::V3_4, Self::V3_5];

    fn version(self) -> Version {
        match self {
            Self::V3_4 => Version::new(3, 4),
            Self::V3_5 => Version::new(3, 5),
        }
    }

    /// The release of Debian that has it.
    fn suite(self) -> &'static str {
        match self {
            Self::V3_4 => "bookworm",
            Self::V3_5 => "trixie",
        }
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|release| release.to_string() == text).ok_or_else(|| {
            let all = Self::ALL.map(|release| release.to_string()).join(" and ");
            format!(
                "no etcd {text:?} can be had, only {all}; give any other that has the v2 API, from \
                 2.0 to 3.5, by its path with --etcd"
            )
        })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version().fmt(f)
    }
}

/// Any etcd with the v2 API, or one of a certain release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted(pub(super) Option<Release>);

impl Wanted {
    /// Fails unless the program at `etcd` is such a server.
    pub(super) fn check(self, etcd: &Path) -> Result<()> {
        let version = Version::require_v2(etcd)?;
        if let Some(release) = self.0
            && release.version() != version
        {
            bail!("{} is version {version}, but {release} is asked for", etcd.display());
        }
        Ok(())
    }

    /// Whether a package of this version is worth a download.
    pub(super) fn is_in(self, package: &str) -> bool {
        Version::of_number(package).is_some_and(|version| match self.0 {
            Some(release) => release.version() == version,
            None => version.speaks_v2(),
        })
    }

    /// The release of Debian to turn to if this machine's own has no such server.
    pub(super) fn suite(self) -> &'static str {
        self.0.unwrap_or(Release::V3_5).suite()
    }

    /// The name of the directory where one is kept.
    pub(super) fn folder(self) -> String {
        match self.0 {
            Some(release) => format!("etcd-server-{release}"),
            None => "etcd-server".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_as_they_are_written() {
        for (text, release) in [("3.4", Release::V3_4), ("3.5", Release::V3_5)] {
            assert_eq!(text.parse(), Ok(release));
            assert_eq!(release.to_string(), text);
        }
    }

    #[test]
    fn other_releases_are_refused_with_those_there_are() {
        for text in ["3.6", "3.3", "2.3", "3.5.16", "3", "v3.5", ""] {
            let error = text.parse::<Release>().unwrap_err();
            let expected = format!("no etcd {text:?} can be had, only 3.4 and 3.5");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn packages_are_judged_by_their_version() {
        let (any, new) = (Wanted(None), Wanted(Some(Release::V3_5)));
        for (package, is_any, is_new) in [
            ("3.4.23-4+b4", true, false),
            ("3.5.16-4", true, true),
            ("1:3.5.16-4", true, true),
            ("3.3.25+dfsg-7ubuntu0.22.04.2", true, false),
            ("3.6.1-1", false, false),
            ("3.50.1-1", false, false),
            ("unknown", false, false),
        ] {
            assert_eq!((any.is_in(package), new.is_in(package)), (is_any, is_new), "{package}");
        }
    }

    #[test]
    fn each_release_is_kept_by_itself() {
        let folders =
            [None, Some(Release::V3_4), Some(Release::V3_5)].map(|it| Wanted(it).folder());
        assert_eq!(folders, ["etcd-server", "etcd-server-3.4", "etcd-server-3.5"]);
    }
}
