//! `cargo xtask audit`: what dependencies bring with them.

use anyhow::Result;

use crate::cargo::{Step, works};

/// Checks licences, sources, versions and known holes, as far as this machine can.
pub(crate) fn run() -> Result<()> {
    if !works("cargo", &["deny", "--version"]) {
        println!("\n=== audit: skipped, since there is no cargo-deny; {INSTALL}");
        return Ok(());
    }
    let check = |what| Step::new(&format!("deny --config .deny.toml check {what}"));
    check("bans licenses sources").run()?;
    // The list of known holes is fetched, which is not a hole if it fails.
    if let Err(error) = Step::new("deny --config .deny.toml fetch db").run() {
        println!("\n=== known holes: skipped, since their list cannot be had: {error:#}");
        return Ok(());
    }
    check("advisories").run()
}

const INSTALL: &str = "`cargo install cargo-deny --locked` brings it";
