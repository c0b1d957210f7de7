//! `cargo xtask ci`: everything that has to pass, the quick things first.

use std::time::Instant;

use anyhow::Result;

use crate::{
    bench,
    cargo::{Step, cargo, seconds},
    test, tidy,
};

/// Runs everything and stops at the first failure.
pub(crate) fn run() -> Result<()> {
    let begin = Instant::now();
    cargo("fmt --all --check")?;
    for features in FEATURES {
        cargo(&format!("clippy {features} --all-targets -- -D warnings"))?;
    }
    Step::new("doc --workspace --no-deps --all-features --document-private-items")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    tidy::run()?;
    test::run(&xtask::obtain(None)?, &[])?;
    bench::count(false)?;
    cargo("package --workspace --exclude xtask --exclude faults --allow-dirty --no-verify")?;
    println!("\neverything has passed in {}", seconds(begin.elapsed()));
    Ok(())
}

const FEATURES: [&str; 5] = [
    "--workspace --all-features",
    "-p etcd-v2-client --no-default-features",
    "-p etcd-v2-client --no-default-features --features hyper",
    "-p etcd-v2-client --no-default-features --features ureq",
    "-p etcd-v2-client --all-features",
];
