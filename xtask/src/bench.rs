//! `cargo xtask bench`: how fast the clients are, beside what there is without them.
//!
//! All contestants run in every round, in another order each time, and what counts is the ratio
//! between two of them in the same round: machines are shared and noisy, and their absolute figures are
//! worth little. Requests one after the other run on the same core as the server, since waking up another
//! core costs more than any client; concurrent ones have a core of their own.

mod bars;
mod contestants;
mod plot;
mod rounds;
mod samples;
mod stub;
mod table;
mod workloads;

use std::{fs, path::Path, time::Instant};

use anyhow::{Context, Result};

use crate::cargo::seconds;

use self::{contestants::Contestants, samples::Samples, stub::Stub};

/// Runs all workloads, prints the table and leaves table and plot in the target directory.
pub(crate) fn run(etcd: &Path, quick: bool) -> Result<()> {
    let begin = Instant::now();
    let contestants = Contestants::build()?;
    let mut samples = Samples::default();
    let stub = Stub::start(&contestants)?;
    rounds::against_the_stub(&contestants, &stub, quick, &mut samples)?;
    drop(stub);
    rounds::against_etcd(&contestants, etcd, quick, &mut samples)?;

    let text = format!("{}\n{}", table::of(&samples), bars::verdicts(&samples));
    println!("\n{text}");
    let folder = xtask::root().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, contents) in [
        ("table.md", &text),
        ("samples.jsonl", &samples.to_json_lines()),
        ("ratios.svg", &plot::of(&samples)),
    ] {
        let path = folder.join(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{} has the table, all samples and the plot", folder.display());
    println!("the bench took {}", seconds(begin.elapsed()));
    Ok(())
}

const FOLDER: &str = "target/bench";
