//! `cargo xtask faults` and `cargo xtask soak`: the clients beside faults of real clusters.
//!
//! What measures them needs them, and nothing here does, so it is a program of its own.

use std::{ffi::OsString, path::Path};

use anyhow::Result;

use crate::cargo::Step;

/// Builds the program and lets it go through its cases with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    start("run --quiet --release -p faults --", arguments)
}

/// The short forms of both, with the servers at `etcd`, where other things may go on beside them.
pub(crate) fn short(etcd: &Path) -> Result<()> {
    run(&["--short".into(), "--slack".into(), "10".into(), "--etcd".into(), etcd.into()])?;
    soak(&["--changes".into(), "50000".into(), "--etcd".into(), etcd.into()])
}

/// Builds the program and lets it soak with these arguments.
pub(crate) fn soak(arguments: &[OsString]) -> Result<()> {
    start("run --quiet --release -p faults -- soak", arguments)
}

fn start(program: &str, arguments: &[OsString]) -> Result<()> {
    arguments.iter().fold(Step::new(program), Step::arg).run()
}
