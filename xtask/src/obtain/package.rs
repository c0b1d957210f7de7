//! Programs out of the distribution's own packages, fetched without root and without installing them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use super::apt::Apt;

/// A package and what is wanted of it.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    /// Packages that are unpacked into the same directory.
    pub(super) with: &'a [&'a str],
    /// Where in it is what is wanted: a program, or a directory with all that it needs.
    pub(super) program: &'a str,
    /// Whether a version of the package will do.
    pub(super) fits: &'a dyn Fn(&str) -> bool,
    /// The release of Debian that has it. It is looked for on the mirrors of Debian that this machine is
    /// configured with, if the releases that it is configured with do not have the package.
    pub(super) suite: &'a str,
}

impl Package<'_> {
    /// Downloads the package and puts its program at `destination`: from the package sources of this machine,
    /// and if they do not have it, from another release on the same mirrors. No other server is contacted.
    pub(super) fn download(&self, destination: &Path) -> Result<()> {
        let home = destination.parent().context("the destination is in no directory")?;
        eprintln!("downloading {} into {} (only this once) ...", self.name, home.display());
        // Beside the destination, so that the last step is a rename and nobody ever sees half a file.
        let work = tempfile::tempdir_in(home)
            .with_context(|| format!("cannot create a directory in {}", home.display()))?;

        let own = Apt::of_this_machine(work.path().join("own"))?;
        // A source that does not answer is none of our business as long as the package can be had
        // elsewhere.
        let updated = own.update();
        let Err(error) = self.take(&own, destination) else { return Ok(()) };
        let error = match updated {
            Ok(()) => error,
            Err(update) => error.context(format!("{update:#}")),
        };
        eprintln!("this machine's package sources have none that fits: {error:#}");
        self.take_from_release(&own, work.path(), destination)
    }

    fn take(&self, apt: &Apt, destination: &Path) -> Result<()> {
        let version = apt.version(self.name)?;
        ensure!((self.fits)(&version), "{} is of version {version}", self.name);
        let program = apt.unpack(&[&[self.name], self.with].concat())?.join(self.program);
        fs::rename(program, destination)
            .with_context(|| format!("the package {} has no {}", self.name, self.program))
    }

    fn take_from_release(&self, own: &Apt, work: &Path, destination: &Path) -> Result<()> {
        let mirrors = own.mirrors();
        ensure!(
            !mirrors.is_empty(),
            "the package sources of this machine name no mirror of Debian, which could have release {}",
            self.suite
        );
        eprintln!("trying Debian's release {} on the same mirrors ...", self.suite);
        let keys = keys(own)?;
        let mut errors = Vec::new();
        for (number, mirror) in mirrors.iter().enumerate() {
            let folder = work.join(format!("debian{number}"));
            let attempt = || {
                let debian = Apt::of_debian(folder, mirror, self.suite, &keys)?;
                debian.update()?;
                self.take(&debian, destination)
            };
            let Err(error) = attempt() else { return Ok(()) };
            errors.push(format!("{mirror}: {error:#}"));
        }
        bail!("Debian's release {} does not have it either: {}", self.suite, errors.join("; "))
    }
}

/// The keys that Debian signs its releases with, as this machine's own distribution vouches for them:
/// out of its newest package of them, which knows releases that came later, or as they are installed.
fn keys(own: &Apt) -> Result<PathBuf> {
    let unpacked = own.unpack(&["debian-archive-keyring"]);
    let found = unpacked.as_deref().ok().map(|folder| folder.join(KEYS)).filter(|it| it.is_file());
    let installed = || Some(Path::new("/").join(KEYS)).filter(|it| it.is_file());
    found.or_else(installed).with_context(|| {
        let why = unpacked.err().map_or_else(String::new, |error| format!(": {error:#}"));
        format!("there are no keys to check Debian's signatures with{why}")
    })
}

const KEYS: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_configured_mirror_no_other_server_is_contacted() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        // A machine whose package sources are empty.
        let apt = Apt::without_sources(own).unwrap();
        assert_eq!(apt.mirrors(), [""; 0]);
        let package = Package {
            name: "etcd-server",
            with: &[],
            program: "usr/bin/etcd",
            fits: &|_| true,
            suite: "trixie",
        };
        let etcd = folder.path().join("etcd");
        let error = package.take_from_release(&apt, folder.path(), &etcd).unwrap_err().to_string();
        assert!(error.contains("name no mirror of Debian"), "{error}");
        // Nothing was prepared for a download.
        assert!(!folder.path().join("debian0").exists() && !etcd.exists());
    }
}
