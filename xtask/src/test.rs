//! `cargo xtask test`: every test and every example, with real servers, and beside their faults.

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use xtask::server::Server;

use crate::{
    cargo::{Step, seconds},
    demo, faults,
};

/// Runs all tests, `rest` being further arguments for `cargo test`, then all examples, and then, if nothing
/// particular is wanted, the short forms of the faults and the soak.
pub(crate) fn run(etcd: &Path, rest: &[OsString]) -> Result<()> {
    let begin = Instant::now();
    println!("real servers are {}", etcd.display());
    rest.iter()
        .fold(Step::new("test --workspace --all-features"), Step::arg)
        .env("ETCD_V2_TEST_SERVER", etcd)
        .within(LONGEST)
        .run()?;
    // A few tests are about what there is without any feature. The filter of the caller is not for them.
    Step::new("test -p etcd-v2-client --no-default-features --test it scenarios")
        .within(LONGEST)
        .run()?;

    let server = Server::start(etcd)?;
    Step::new("run --quiet -p etcd-v2-proto --example own_driver")
        .env("ETCD_V2_ENDPOINTS", server.endpoint())
        .run()?;
    drop(server);

    demo::run(etcd, true)?;
    if rest.is_empty() {
        faults::short(etcd)?;
    }
    let time = seconds(begin.elapsed());
    println!("\nall that was to run has passed in {time}");
    Ok(())
}

/// Building included, on the slowest machine that can be borne.
const LONGEST: Duration = Duration::from_secs(40 * 60);
