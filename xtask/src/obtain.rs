//! Where the programs come from that development takes.

mod apt;
mod go;
mod kept;
mod package;
mod tinyproxy;
mod tool;
mod wanted;

use std::{
    env,
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub(crate) use self::tinyproxy::tinyproxy;
pub use self::{
    go::Go,
    kept::target,
    tool::{Tool, strace, valgrind},
    wanted::Release,
};
use self::{kept::kept, package::Package, wanted::Wanted};

/// Finds an etcd server that speaks v2, downloading one if there is none.
///
/// The first of these counts: `given`; the variable `ETCD_V2_TEST_SERVER` or `ETCD`; an `etcd` on
/// the `PATH` that still has the v2 API; the copy in the target directory; and as the last resort
/// the package `etcd-server` of a Debian or Ubuntu system, which is unpacked into the target
/// directory and not installed. That needs no privileges and happens once, whoever else asks at the
/// same time.
///
/// # Errors
///
/// Fails if the server that was named cannot be used, or if none was named and none can be had; the
/// message says what to do then.
pub fn obtain(given: Option<&Path>) -> Result<PathBuf> {
    find(Wanted(None), given)
}

/// Finds an etcd server of this release, in the same places.
///
/// A package of another release than this machine's own comes from the same mirrors of Debian, if this machine
/// is configured with any, and its signature is checked. Each release has a directory of its own.
///
/// # Errors
///
/// Fails like [`obtain`], and if the server that was named is of another release. The error has an
/// [`Unavailable`] if no server was named and no package has this release.
pub fn obtain_release(release: Release, given: Option<&Path>) -> Result<PathBuf> {
    find(Wanted(Some(release)), given)
}

/// The directory of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

fn find(wanted: Wanted, given: Option<&Path>) -> Result<PathBuf> {
    if let Some(etcd) = given {
        return usable(wanted, etcd).context("the server given with --etcd cannot be used");
    }
    for name in ["ETCD_V2_TEST_SERVER", "ETCD"] {
        if let Some(etcd) = env::var_os(name).filter(|value| !value.is_empty()) {
            return usable(wanted, Path::new(&etcd)).with_context(|| {
                format!("the server named by the variable {name} cannot be used")
            });
        }
    }
    if let Some(etcd) = env::var_os("PATH").and_then(|path| on_path(wanted, &path)) {
        return Ok(etcd);
    }
    let package = Package {
        name: "etcd-server",
        with: &[],
        program: "usr/bin/etcd",
        fits: &|version| wanted.is_in(version),
        suite: wanted.suite(),
    };
    let home = target().join(wanted.folder());
    kept(&home, "etcd", |etcd| wanted.check(etcd), |etcd| package.download(etcd))
        .with_context(|| Unavailable { wanted })
}

/// No etcd server was named and none can be had from the package sources of this machine.
///
/// [`obtain`] and [`obtain_release`] add it to their error, where `downcast_ref` finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    wanted: Wanted,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wanted.0 {
            Some(release) => {
                write!(f, "no etcd {release} was found and none could be had. {WAYS_OUT}")
            }
            None => write!(f, "no etcd server was found and none could be had. {WAYS_OUT}"),
        }
    }
}

impl std::error::Error for Unavailable {}

fn usable(wanted: Wanted, etcd: &Path) -> Result<PathBuf> {
    wanted.check(etcd)?;
    // The servers run in directories of their own.
    fs::canonicalize(etcd).with_context(|| format!("cannot find {}", etcd.display()))
}

fn on_path(wanted: Wanted, path: &OsStr) -> Option<PathBuf> {
    let etcd = env::split_paths(path).map(|folder| folder.join("etcd")).find(|it| it.is_file())?;
    match usable(wanted, &etcd) {
        Ok(etcd) => Some(etcd),
        Err(error) => {
            eprintln!("not using the etcd on the PATH: {error:#}");
            None
        }
    }
}

const WAYS_OUT: &str = "Get an etcd from 2.0 to 3.5 and give its path with --etcd, or name it in the \
    variable ETCD, or put it on the PATH";

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Written by a shell: a file this process has open for writing cannot be run, and a child
    /// that another test is just starting may have inherited it.
    fn pretend(folder: &Path, version: &str) -> PathBuf {
        let etcd = folder.join("etcd");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", r#"printf '#!/bin/sh\necho etcd Version: %s' "$2" >"$1"; chmod +x "$1""#]);
        assert!(shell.arg("sh").arg(&etcd).arg(version).status().unwrap().success());
        etcd
    }

    #[test]
    fn what_is_given_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = pretend(folder.path(), "3.5.1");
        assert_eq!(obtain(Some(&etcd)).unwrap(), fs::canonicalize(etcd).unwrap());
    }

    #[test]
    fn what_is_given_is_not_silently_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let error = obtain(Some(&pretend(folder.path(), "3.6.0"))).unwrap_err();
        assert!(format!("{error:#}").contains("has no v2 API any more"), "{error:#}");
        let error = obtain(Some(&folder.path().join("nothing"))).unwrap_err();
        assert!(format!("{error:#}").contains("cannot run"), "{error:#}");
    }

    #[test]
    fn an_etcd_on_the_path_counts_only_with_v2() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = pretend(folder.path(), "3.4.9");
        assert_eq!(
            on_path(Wanted(None), folder.path().as_os_str()),
            Some(fs::canonicalize(etcd).unwrap())
        );
        pretend(folder.path(), "3.6.0");
        assert_eq!(on_path(Wanted(None), folder.path().as_os_str()), None);
    }

    #[test]
    fn a_named_server_does_not_override_the_release() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = pretend(folder.path(), "3.5.16");
        let found = obtain_release(Release::V3_5, Some(&etcd)).unwrap();
        assert_eq!(found, fs::canonicalize(&etcd).unwrap());
        let error = obtain_release(Release::V3_4, Some(&etcd)).unwrap_err();
        let expected = format!("{} is version 3.5, but 3.4 is asked for", etcd.display());
        assert!(format!("{error:#}").ends_with(&expected), "{error:#}");
        assert_eq!(on_path(Wanted(Some(Release::V3_4)), folder.path().as_os_str()), None);
    }
}
