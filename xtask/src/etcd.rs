//! `cargo xtask etcd`: servers to play with.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use xtask::server::Cluster;

use crate::{cargo::seconds, interrupt};

/// Runs `members` servers until somebody wants us to end.
pub(crate) fn run(etcd: &Path, members: usize) -> Result<()> {
    let begin = Instant::now();
    let mut cluster = Cluster::start(etcd, members)?;
    introduce(etcd, &cluster.endpoints(), begin.elapsed());
    while !interrupt::requested() {
        for member in cluster.members() {
            if !member.is_running() {
                // It says why in its log.
                member.wait_until_ready()?;
                bail!("{} has ended", member.name());
            }
        }
        thread::sleep(PAUSE);
    }
    drop(cluster);
    println!("\nstopped, and everything the servers wrote is removed");
    Ok(())
}

fn introduce(etcd: &Path, endpoints: &[String], time: Duration) {
    let first = &endpoints[0];
    let last = &endpoints[endpoints.len() - 1];
    println!("{} is ready after {}, its v2 API is at", etcd.display(), seconds(time));
    println!("\n    {}\n\nfor example:\n", endpoints.join(","));
    println!("    curl {first}/v2/keys/greeting -XPUT -d value=hello");
    println!("    curl {last}/v2/keys/greeting");
    println!("    curl '{last}/v2/keys/?recursive=true&wait=true'");
    println!("\nCtrl-C stops it.");
}

const PAUSE: Duration = Duration::from_millis(50);
