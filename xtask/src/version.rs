//! What `etcd --version` says, and what follows from it.

use std::{fmt, path::Path, process::Command};

use anyhow::{Context, Result, bail};

/// The two numbers that decide which flags a server knows and whether it still speaks v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// The version of these two numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Asks the program at `etcd`.
    ///
    /// # Errors
    ///
    /// Fails if the program cannot be run or is no etcd.
    pub fn of(etcd: &Path) -> Result<Self> {
        let mut command = Command::new(etcd);
        command.arg("--version");
        if cfg!(target_arch = "aarch64") {
            // Older servers do not even tell their version there unless told that this is known.
            command.env("ETCD_UNSUPPORTED_ARCH", "arm64");
        }
        let output = command.output().with_context(|| format!("cannot run {}", etcd.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Self::parse(&text).with_context(|| {
            // Where it cannot be loaded here, this says why.
            let complaint = String::from_utf8_lossy(&output.stderr);
            let said = [text.trim(), complaint.trim()].join(" ");
            format!(
                "{} is no etcd that runs here: `--version` says {:?}",
                etcd.display(),
                said.trim()
            )
        })
    }

    /// Reads a number such as `3.4.23`, or one of a package such as `1:3.4.23-4`.
    pub(crate) fn of_number(text: &str) -> Option<Self> {
        let number = text.split_once(':').map_or(text, |(_epoch, number)| number);
        let mut parts = number.trim().split('.').map(str::parse);
        Some(Self { major: parts.next()?.ok()?, minor: parts.next()?.ok()? })
    }

    /// Fails, and says what to do, unless the program at `etcd` has the v2 API.
    pub(crate) fn require_v2(etcd: &Path) -> Result<Self> {
        let version = Self::of(etcd)?;
        if !version.speaks_v2() {
            bail!(
                "{} is version {version}, which has no v2 API any more; use one from 2.0 to 3.5",
                etcd.display()
            );
        }
        Ok(version)
    }

    /// The flag without which the v2 API is off. Older servers always have it on, and those of 2.x do not know the
    /// flag and refuse to start with it.
    pub(crate) fn enabling_flag(self) -> Option<&'static str> {
        (self >= Self { major: 3, minor: 4 }).then_some("--enable-v2=true")
    }

    pub(crate) fn speaks_v2(self) -> bool {
        (Self { major: 2, minor: 0 }..Self { major: 3, minor: 6 }).contains(&self)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::of_number(text.lines().find_map(number)?)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The number in a line such as `etcd Version: 3.4.23`; 2.0 writes it as `etcd version 2.0.13`.
fn number(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("etcd Version").or_else(|| line.strip_prefix("etcd version"))?;
    Some(rest.trim_start_matches([':', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: &str) -> Version {
        Version::parse(&format!("etcd Version: {number}\nGit SHA: abc\n")).unwrap()
    }

    #[test]
    fn v2_is_spoken_from_2_0_to_3_5() {
        for number in ["2.0.13", "2.3.8", "3.0.17", "3.4.23", "3.5.16"] {
            assert!(version(number).speaks_v2(), "{number}");
        }
        for number in ["0.4.9", "3.6.0", "3.10.1", "4.0.0"] {
            assert!(!version(number).speaks_v2(), "{number}");
        }
    }

    #[test]
    fn only_versions_that_know_the_flag_get_it() {
        for number in ["2.0.13", "2.1.3", "2.2.5", "2.3.8", "3.0.17", "3.1.20", "3.2.32", "3.3.27"]
        {
            assert_eq!(version(number).enabling_flag(), None, "{number}");
        }
        for number in ["3.4.0", "3.4.23", "3.5.0-rc.1", "3.5.16"] {
            assert_eq!(version(number).enabling_flag(), Some("--enable-v2=true"), "{number}");
        }
    }

    #[test]
    fn other_programs_are_not_taken_for_etcd() {
        assert_eq!(Version::parse("bash, version 5.2"), None);
        assert_eq!(Version::parse(""), None);
    }
}
