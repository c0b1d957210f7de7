//! `cargo xtask faults` and `cargo xtask soak`: the clients beside faults of real clusters.
//!
//! What measures them needs them, and nothing here does, so it is a program of its own.

use std::{ffi::OsString, path::Path};

use anyhow::Result;

use crate::cargo::Step;

/// Builds the program and lets it go through its cases with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    arguments.iter().fold(Step::new("run --quiet --release -p faults --"), Step::arg).run()
}

/// The short forms of both, with the servers at `etcd`, where other things may go on beside them.
pub(crate) fn short(etcd: &Path) -> Result<()> {
    run(&["--short".into(), "--slack".into(), "10".into(), "--etcd".into(), etcd.into()])?;
    soak(&["--changes".into(), "50000".into(), "--etcd".into(), etcd.into()])
}

/// Builds the program and lets it soak with these arguments.
///
/// With one arena for all threads: with one for each, glibc keeps the most that each of them ever took, which
/// grows for hours and looks like a leak.
pub(crate) fn soak(arguments: &[OsString]) -> Result<()> {
    let program = Step::new("run --quiet --release -p faults -- soak").env("MALLOC_ARENA_MAX", "1");
    arguments.iter().fold(program, Step::arg).run()
}
