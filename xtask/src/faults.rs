//! `cargo xtask faults`: the clients beside faults of real clusters.
//!
//! What measures them needs them, and nothing here does, so it is a program of its own.

use std::ffi::OsString;

use anyhow::Result;

use crate::cargo::Step;

/// Builds the program and runs it with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let program = Step::new("run --quiet --release -p faults --");
    arguments.iter().fold(program, Step::arg).run()
}
