//! The programs that are compared: built here, in a workspace of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use xtask::Go;

use crate::cargo::Step;

/// Where the programs are.
#[derive(Debug)]
pub(crate) struct Contestants {
    target: PathBuf,
}

impl Contestants {
    /// Builds them all, twice: for counting allocations, and for taking the time. Go's is left out, with
    /// a message, where it cannot be built.
    pub(crate) fn build() -> Result<Self> {
        let contestants = Self::in_target();
        contestants.build_rust(&["ours", "floors", "etcd09"], "--workspace")?;
        let program = contestants.program("go");
        if let Err(error) =
            Go::obtain().and_then(|go| go.build(&folder().join("go/main.go"), &program))
        {
            _ = fs::remove_file(program);
            println!("\n=== going on without Go's client: {error:#}");
        }
        Ok(contestants)
    }

    /// Builds only what is counted on record, and the server of fixed answers.
    pub(crate) fn build_counted() -> Result<Self> {
        let contestants = Self::in_target();
        contestants.build_rust(&["ours"], "-p ours -p floors -p stub")?;
        Ok(contestants)
    }

    /// The program of a contestant.
    pub(crate) fn program(&self, contestant: &str) -> PathBuf {
        self.target.join("release").join(program(contestant))
    }

    /// The same, counting its allocations; not all can.
    pub(crate) fn counting(&self, contestant: &str) -> Option<PathBuf> {
        let path = self.target.join("counting").join(program(contestant));
        path.is_file().then_some(path)
    }

    fn in_target() -> Self {
        Self { target: xtask::target().join("contestants") }
    }

    fn build_rust(&self, counting: &[&str], which: &str) -> Result<()> {
        let features = counting.iter().map(|name| format!("{name}/count")).collect::<Vec<_>>();
        self.cargo(&format!("{which} --features {}", features.join(",")))?;
        let copies = self.target.join("counting");
        fs::create_dir_all(&copies)
            .with_context(|| format!("cannot create {}", copies.display()))?;
        for name in counting {
            fs::copy(self.program(name), copies.join(name))
                .with_context(|| format!("cannot copy the program {name}"))?;
        }
        self.cargo(which)
    }

    fn cargo(&self, which: &str) -> Result<()> {
        Step::new(&format!("build --release --quiet {which}"))
            .arg("--manifest-path")
            .arg(folder().join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &self.target)
            .run()
    }
}

/// The workspace of the contestants.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/contestants"))
}

fn program(contestant: &str) -> &str {
    match contestant {
        "hyper-floor" | "hyper-naive" | "ureq-floor" | "tcp" | "serde" => "floors",
        "async" | "async-mt" | "async-root" | "async-unguarded" | "async-of-100" | "blocking"
        | "core" => "ours",
        "go-pooled" => "go",
        other => other,
    }
}
