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
    /// The release of Debian that has it, if this machine's sources do not.
    pub(super) suite: &'a str,
}

impl Package<'_> {
    /// Downloads the package and puts its program at `destination`: from wherever this machine gets
    /// its packages, and if that fails, from Debian.
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
        eprintln!("turning to Debian's release {} ...", self.suite);
        self.take_from_debian(&own, work.path(), destination)
    }

    fn take(&self, apt: &Apt, destination: &Path) -> Result<()> {
        let version = apt.version(self.name)?;
        ensure!((self.fits)(&version), "{} is of version {version}", self.name);
        let program = apt.unpack(&[&[self.name], self.with].concat())?.join(self.program);
        fs::rename(program, destination)
            .with_context(|| format!("the package {} has no {}", self.name, self.program))
    }

    fn take_from_debian(&self, own: &Apt, work: &Path, destination: &Path) -> Result<()> {
        let keys = keys(own)?;
        let mut mirrors = own.mirrors();
        mirrors.push(DEBIAN.to_owned());
        mirrors.dedup();
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
        bail!("Debian's release {} does not help either: {}", self.suite, errors.join("; "))
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

const DEBIAN: &str = "http://deb.debian.org/debian/";
const KEYS: &str = "usr/share/keyrings/debian-archive-keyring.gpg";
