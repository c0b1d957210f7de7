//! Go, and the sources of etcd's own client for the v2 API.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{
    kept::{kept, target},
    package::Package,
};
use crate::version::Version;

/// Builds Go programs that use etcd's client for the v2 API.
#[derive(Debug)]
pub struct Go {
    /// The directory that stands for `/usr`.
    usr: PathBuf,
}

impl Go {
    /// Go 1.19 and the client of etcd 3.4: the copy in the target directory, or the packages of
    /// Debian 12, which are unpacked into it and not installed.
    ///
    /// # Errors
    ///
    /// Fails if they are not there and cannot be had.
    pub fn obtain() -> Result<Self> {
        let package = Package {
            name: "golang-etcd-server-dev",
            with: &PACKAGES,
            program: "usr",
            // In later ones the client has another path.
            fits: &|version| Version::of_number(version) == Some(Version::new(3, 4)),
            suite: "bookworm",
        };
        let check = |usr: &Path| Self { usr: usr.to_owned() }.check();
        let usr = kept(&target().join("go"), "usr", check, |copy| package.download(copy))?;
        Ok(Self { usr })
    }

    /// Builds the program whose source is at `source`, without what is only for debuggers.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be built; the message is the compiler's.
    pub fn build(&self, source: &Path, program: &Path) -> Result<()> {
        let mut command = self.command();
        command.args(["build", "-ldflags", "-s -w", "-o"]).args([program, source]);
        let output = command.output().context("cannot run go")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`go build` failed: {}", complaint.trim());
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let path = self.usr.join("share/gocode/src/go.etcd.io/etcd/client");
        ensure!(path.is_dir(), "{} is not there", path.display());
        let output = self.command().arg("version").output().context("cannot run go")?;
        ensure!(output.status.success(), "`go version` failed ({})", output.status);
        Ok(())
    }

    /// The tool, with none of the settings that its user may have made for others.
    fn command(&self) -> Command {
        let root = self.usr.join("lib/go-1.19");
        let mut command = Command::new(root.join("bin/go"));
        command.env_clear().stdin(Stdio::null());
        command.env("GOROOT", root).env("GOPATH", self.usr.join("share/gocode"));
        command.env("GOCACHE", self.usr.with_file_name("cache")).env("GO111MODULE", "off");
        // Without it, no C compiler is needed.
        command.env("CGO_ENABLED", "0").env("GOENV", "off").env("GOTOOLCHAIN", "local");
        command
    }
}

/// Of all that etcd depends on, its client needs only these.
const PACKAGES: [&str; 6] = [
    "golang-1.19-go",
    "golang-1.19-src",
    "golang-github-coreos-go-semver-dev",
    "golang-github-json-iterator-go-dev",
    "golang-github-modern-go-concurrent-dev",
    "golang-github-modern-go-reflect2-dev",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_directories_are_not_taken_for_go() {
        let folder = tempfile::tempdir().unwrap();
        let go = Go { usr: folder.path().to_owned() };
        assert!(go.check().unwrap_err().to_string().ends_with("etcd/client is not there"));
        std::fs::create_dir_all(folder.path().join("share/gocode/src/go.etcd.io/etcd/client"))
            .unwrap();
        assert_eq!(go.check().unwrap_err().to_string(), "cannot run go");
    }
}
