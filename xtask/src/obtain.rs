//! Where the etcd server comes from.

mod package;

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};

use crate::version::Version;

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
    if let Some(etcd) = given {
        return usable(etcd).context("the server given with --etcd cannot be used");
    }
    for name in ["ETCD_V2_TEST_SERVER", "ETCD"] {
        if let Some(etcd) = env::var_os(name).filter(|value| !value.is_empty()) {
            return usable(Path::new(&etcd)).with_context(|| {
                format!("the server named by the variable {name} cannot be used")
            });
        }
    }
    if let Some(etcd) = env::var_os("PATH").and_then(|path| on_path(&path)) {
        return Ok(etcd);
    }
    kept_or_downloaded(&target().join("etcd-server"))
}

/// The directory of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

fn usable(etcd: &Path) -> Result<PathBuf> {
    Version::require_v2(etcd)?;
    // The servers run in directories of their own.
    fs::canonicalize(etcd).with_context(|| format!("cannot find {}", etcd.display()))
}

fn on_path(path: &OsStr) -> Option<PathBuf> {
    let etcd = env::split_paths(path).map(|folder| folder.join("etcd")).find(|it| it.is_file())?;
    match usable(&etcd) {
        Ok(etcd) => Some(etcd),
        Err(error) => {
            eprintln!("not using the etcd on the PATH: {error:#}");
            None
        }
    }
}

fn kept_or_downloaded(home: &Path) -> Result<PathBuf> {
    let etcd = home.join("etcd");
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    // Whoever comes second waits here and then finds the first one's copy.
    let lock = File::create(home.join("lock"))
        .with_context(|| format!("cannot write into {}", home.display()))?;
    flock(&lock, FlockOperation::LockExclusive)
        .with_context(|| format!("cannot lock {}", home.display()))?;

    if usable(&etcd).is_ok() {
        return Ok(etcd);
    }
    if let Err(error) = package::download(&etcd).and_then(|()| Version::require_v2(&etcd)) {
        bail!("no etcd server was found and none could be downloaded: {error:#}\n{WAYS_OUT}");
    }
    Ok(etcd)
}

fn target() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    root().join(folder.unwrap_or_else(|| "target".into()))
}

const WAYS_OUT: &str = "Get an etcd from 2.0 to 3.5 and give its path with --etcd, or name it in the \
    variable ETCD, or put it on the PATH.";

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
        assert_eq!(on_path(folder.path().as_os_str()), Some(fs::canonicalize(etcd).unwrap()));
        pretend(folder.path(), "3.6.0");
        assert_eq!(on_path(folder.path().as_os_str()), None);
    }

    #[test]
    fn a_kept_copy_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let etcd = pretend(folder.path(), "3.4.9");
        assert_eq!(kept_or_downloaded(folder.path()).unwrap(), etcd);
    }
}
