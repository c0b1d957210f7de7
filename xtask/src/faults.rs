//! `cargo xtask faults` and `cargo xtask soak`: the clients beside faults of real clusters.
//!
//! What measures them needs them, and nothing here does, so it is a program of its own.

use std::ffi::OsString;

use anyhow::Result;

use crate::cargo::Step;

/// Builds the program and lets it go through its cases with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    start("run --quiet --release -p faults --", arguments)
}

/// Builds the program and lets it soak with these arguments.
pub(crate) fn soak(arguments: &[OsString]) -> Result<()> {
    start("run --quiet --release -p faults -- soak", arguments)
}

fn start(program: &str, arguments: &[OsString]) -> Result<()> {
    arguments.iter().fold(Step::new(program), Step::arg).run()
}
