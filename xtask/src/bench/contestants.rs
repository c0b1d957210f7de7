//! The programs that are compared: built here, in a workspace of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::cargo::Step;

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Contestants {
    timed: PathBuf,
    counted: PathBuf,
}

impl Contestants {
    /// Builds them all, twice: for taking the time, and for counting allocations.
    pub(crate) fn build() -> Result<Self> {
        let folder = xtask::root().join(WORKSPACE);
        let target = xtask::root().join("target/contestants");
        let counted = target.join("counted");
        build(&folder, &target, "--workspace")?;
        build(&folder, &counted, "-p ours -p floors -p etcd09 --features count")?;
        Ok(Self { timed: target.join("release"), counted: counted.join("release") })
    }

    /// The program of a contestant.
    pub(crate) fn program(&self, contestant: &str) -> PathBuf {
        self.timed.join(program(contestant))
    }

    /// The same, counting its allocations; not all can.
    pub(crate) fn counting(&self, contestant: &str) -> Option<PathBuf> {
        let path = self.counted.join(program(contestant));
        path.is_file().then_some(path)
    }

    /// The size of a program without what is only for debuggers, in bytes.
    pub(crate) fn stripped_size(&self, contestant: &str) -> Result<u64> {
        let folder = tempfile::tempdir().context("cannot make a directory")?;
        let stripped = folder.path().join("stripped");
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&stripped).arg(self.program(contestant));
        ensure!(strip.status().context("cannot run strip")?.success(), "strip has failed");
        Ok(stripped.metadata().context("no stripped program")?.len())
    }
}

fn build(folder: &Path, target: &Path, what: &str) -> Result<()> {
    Step::new(&format!("build --release --quiet {what}"))
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .run()
}

fn program(contestant: &str) -> &str {
    match contestant {
        "hyper-floor" | "hyper-naive" | "ureq-floor" | "tcp" => "floors",
        "async" | "async-mt" | "async-root" | "blocking" => "ours",
        other => other,
    }
}

const WORKSPACE: &str = "xtask/contestants";
