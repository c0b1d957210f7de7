//! `cargo xtask demo`: both clients at work against a real server.

use std::{path::Path, time::Instant};

use anyhow::Result;
use xtask::server::Server;

use crate::cargo::{Step, seconds};

/// Starts a server, lets the examples talk to it, and stops it.
pub(crate) fn run(etcd: &Path) -> Result<()> {
    let begin = Instant::now();
    let server = Server::start(etcd)?;
    println!("a server of its own is ready at {}", server.endpoint());
    for tour in TOURS {
        Step::new(tour).env("ETCD_V2_ENDPOINTS", server.endpoint()).run()?;
    }
    drop(server);
    println!("\nthe demo took {} and has left nothing behind", seconds(begin.elapsed()));
    Ok(())
}

const TOURS: [&str; 3] = [
    "run --quiet -p etcd-v2-client --example tour",
    "run --quiet -p etcd-v2-client --example mirror",
    "run --quiet -p etcd-v2-client --no-default-features --features ureq --example tour_blocking",
];
