//! `cargo xtask miri`: the decoder in an interpreter that knows undefined behaviour.

use anyhow::Result;

use crate::cargo::{Step, require_nightly};

/// Runs the tests of the decoder, of the tree and of the framing, but not those of any input and of any depth:
/// they would take days.
pub(crate) fn run() -> Result<()> {
    require_nightly("miri", "rustup +nightly component add miri rust-src")?;
    Step::nightly("miri test -p etcd-v2-proto --lib --target-dir")
        .arg(xtask::target().join("miri"))
        .arg("--")
        .arg("json::tests")
        .arg("tree::tests")
        .arg("framing")
        .run()
}
