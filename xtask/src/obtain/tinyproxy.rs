//! Where the proxy comes from.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    kept::{kept, target},
    package::Package,
};
use crate::version::Version;

/// Finds the proxy `tinyproxy`, downloading it if there is none: the program that the variable
/// `TINYPROXY` names, one on the `PATH`, the copy in the target directory, or the one in the package
/// of a Debian or Ubuntu system.
pub(crate) fn tinyproxy() -> Result<PathBuf> {
    if let Some(program) = env::var_os("TINYPROXY").filter(|value| !value.is_empty()) {
        let program = PathBuf::from(program);
        check(&program).context("the proxy named by the variable TINYPROXY cannot be used")?;
        return Ok(program);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut installed = env::split_paths(&path).map(|folder| folder.join("tinyproxy"));
    if let Some(program) = installed.find(|program| check(program).is_ok()) {
        return Ok(program);
    }
    let package = Package {
        name: "tinyproxy-bin",
        with: &[],
        program: "usr/bin/tinyproxy",
        fits: &|version| Version::of_number(version) >= Some(OLDEST),
        suite: "trixie",
    };
    kept(&target().join("tinyproxy"), "tinyproxy", check, |copy| package.download(copy)).context(
        "no proxy was found and none could be had. Install tinyproxy, or name one in the variable \
         TINYPROXY",
    )
}

fn check(program: &Path) -> Result<()> {
    let output = Command::new(program)
        .arg("-v")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.strip_prefix("tinyproxy ").and_then(Version::of_number);
    ensure!(
        version >= Some(OLDEST),
        "{} is no tinyproxy from {OLDEST} on that runs here",
        program.display()
    );
    Ok(())
}

/// Older ones serve from children of their own, which outlive them.
const OLDEST: Version = Version::new(1, 11);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_are_not_taken_for_the_proxy() {
        assert!(check(Path::new("true")).is_err());
        assert!(check(Path::new("/nowhere/tinyproxy")).is_err());
    }
}
