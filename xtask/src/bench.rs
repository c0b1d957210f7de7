//! `cargo xtask bench`: how fast the clients are, beside what there is without them.
//!
//! All contestants run in every round, in another order each time, and what counts is the ratio
//! between two of them in the same round: machines are shared and noisy, and their absolute figures are
//! worth little. Requests one after the other run on the same core as the server, since waking up another
//! core costs more than any client; concurrent ones have a core of their own.
//!
//! What does not depend on the machine's mood is counted: instructions, allocations, system calls.
//! `cargo xtask bench --instructions` compares these with those on record.

mod bars;
mod contestants;
mod counts;
mod footprints;
mod machine;
mod plot;
mod record;
mod rounds;
mod samples;
mod starts;
mod stub;
mod table;
mod workloads;

use std::{fs, path::Path, time::Instant};

use anyhow::{Context, Result, bail};

use crate::{arguments::Bench, cargo::seconds};

use self::{
    contestants::Contestants, counts::Counts, footprints::Footprint, machine::Machine,
    samples::Samples, stub::Stub,
};

/// All that was found out.
#[derive(Debug, Default)]
struct Figures {
    samples: Samples,
    counts: Counts,
    footprints: Vec<Footprint>,
    /// How many bytes the listings have.
    listings: [f64; 2],
}

/// Runs all workloads, or those that are wanted, prints the tables and leaves them and the plot in the target
/// directory.
pub(crate) fn run(etcd: &Path, bench: &Bench) -> Result<()> {
    let parts: Vec<_> = workloads::all().map(|it| it.name).chain([COUNTS, WEIGHTS]).collect();
    if let Some(unknown) = bench.only.iter().find(|only| !parts.contains(&only.as_str())) {
        bail!("there is no part {unknown:?} of the bench, but {}", parts.join(", "));
    }
    let contestants = Contestants::build()?;
    let begin = Instant::now();
    let machine = Machine::look(etcd)?;
    let mut figures = Figures::default();
    let stub = Stub::start(&contestants)?;
    figures.listings = stub.listings();
    rounds::against_the_stub(&contestants, &stub, bench, &mut figures.samples)?;
    if bench.wants(starts::FIRST.name) {
        starts::measure(&contestants, &stub, bench.quick, &mut figures.samples)?;
    }
    if bench.wants(COUNTS) {
        let jobs = [counts::RECORDED, counts::GROWTH].concat();
        figures.counts = counts::count(&contestants, &stub, &jobs)?;
    }
    drop(stub);
    rounds::against_etcd(&contestants, etcd, bench, &mut figures.samples)?;
    if bench.wants(WEIGHTS) {
        figures.footprints = footprints::measure(&contestants, bench.quick)?;
    }
    publish(&machine, &figures)?;
    println!("the bench took {}, not counting the building", seconds(begin.elapsed()));
    Ok(())
}

/// Counts what can be counted exactly, and compares it with what is on record, or records it.
pub(crate) fn count(anew: bool) -> Result<()> {
    let contestants = Contestants::build_counted()?;
    let begin = Instant::now();
    let stub = Stub::start(&contestants)?;
    let counts = counts::count(&contestants, &stub, counts::RECORDED)?;
    drop(stub);
    println!("the counting took {}", seconds(begin.elapsed()));
    if anew { record::write(&counts) } else { record::compare(&counts) }
}

fn publish(machine: &Machine, figures: &Figures) -> Result<()> {
    let bars = bars::verdicts(figures);
    let tables = table::of(figures);
    println!("\n{machine}\n{tables}\n{bars}");
    let folder = xtask::target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, contents) in [
        ("tables.md", format!("{machine}\n{tables}")),
        ("short.md", format!("{machine}\n{}\n{bars}", table::short(&figures.samples))),
        ("samples.jsonl", figures.samples.to_json_lines()),
        ("ratios.svg", plot::of(&figures.samples)),
    ] {
        let path = folder.join(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("\n{} has the tables, all samples and the plot", folder.display());
    Ok(())
}

/// The parts of the bench that are no workloads.
const COUNTS: &str = "counts";
const WEIGHTS: &str = "weights";
