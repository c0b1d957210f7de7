//! Measures both clients beside faults of real clusters: `cargo xtask faults` and `cargo xtask soak`.
//!
//! A [case](cases) does something to a [cluster](arena) of three members, beside which callers of either
//! colour work; what they were told is compared with what happened. The figures of all runs make the
//! [goal table](table). A [soak] lets watches and mirrors live beside one fault after the other.

mod arena;
mod arguments;
mod attempts;
mod cases;
mod contestant;
mod dice;
mod goal;
mod history;
mod loops;
mod plain;
mod proxy;
mod soak;
mod stalls;
mod stream;
mod subject;
mod table;
mod trace;

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};
use etcd_v2_client::server::GetVersion;
use serde_json::json;

use crate::{
    arena::Arena,
    arguments::Arguments,
    cases::{Case, Run},
    contestant::Contestant,
    dice::Dice,
    goal::Figures,
    table::Record,
};

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("{missed} goals were missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for and returns how many goals were missed.
fn run() -> Result<usize> {
    if std::env::args_os().nth(1).is_some_and(|word| word == "soak") {
        return soak::run(std::env::args_os().skip(2));
    }
    let arguments = Arguments::parse(lexopt::Parser::from_env())
        .map_err(|error| anyhow!("{error}; see `cargo xtask faults --help`"))?;
    let Some(Arguments { etcd, cases, mut contestants, without_go, seed, slack, lines }) =
        arguments
    else {
        print!("{}", arguments::HELP);
        return Ok(0);
    };
    if contestants.iter().any(|it| !it.is_ours())
        && let Err(error) = contestant::build()
    {
        ensure!(without_go, "{error:#}");
        println!("going on without Go's client: {error:#}");
        contestants.retain(|it| it.is_ours());
    }
    let etcd = xtask::obtain(etcd.as_deref())?;
    let mut lines = lines.map(|path| open(&path)).transpose()?;
    println!("the servers are {}, the seed is {seed}", etcd.display());
    let mut records = Vec::new();
    for (case, runs) in cases {
        println!("\n{} {}", case.name, case.title);
        let mut arena = Arena::start(&etcd, case.links)?;
        for number in 1..=runs {
            for contestant in contestants.iter().filter(|it| case.measures(**it, number)) {
                let name = contestant.name();
                let record = run_once(&mut arena, case, *contestant, number, seed)
                    .with_context(|| format!("{}, {name}, run {number}", case.name))?;
                print(&record);
                if let Some(lines) = &mut lines {
                    write(lines, &record, seed)?;
                }
                records.push(record);
            }
        }
    }
    let (table, missed) = table::render(&records, slack);
    println!("\n{table}");
    Ok(missed)
}

fn run_once(
    arena: &mut Arena,
    case: &'static Case,
    contestant: Contestant,
    number: u32,
    seed: u64,
) -> Result<Record> {
    let began = Instant::now();
    let base = format!("/{}-{}-{number}", case.name, contestant.name());
    // The same for all of them.
    let dice = Dice::new(seed, &[case.name, &number.to_string()]);
    let mut run =
        Run { arena, contestant, number, base, dice, figures: Figures::new(), notes: Vec::new() };
    (case.run)(&mut run)?;
    let Run { arena, figures, mut notes, .. } = run;
    let server = arena.observer().send(GetVersion::default())?.server;
    notes.push(format!("took {:.1} s", began.elapsed().as_secs_f64()));
    Ok(Record { case, contestant, run: number, server, figures, notes })
}

fn print(record: &Record) {
    let figures: Vec<_> =
        record.figures.iter().map(|(name, value)| format!("{name} {value:.1}")).collect();
    println!("  {} {}: {}", record.contestant.name(), record.run, figures.join(", "));
    // All of them are in the lines.
    for note in record.notes.iter().take(NOTES) {
        println!("    {note}");
    }
    if let Some(more) = record.notes.len().checked_sub(NOTES + 1) {
        println!("    and {} more", more + 1);
    }
}

const NOTES: usize = 12;

fn open(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

fn write(lines: &mut File, record: &Record, seed: u64) -> Result<()> {
    let Record { case, contestant, run, server, figures, notes } = record;
    let line = json!({
        "case": case.name,
        "client": contestant.name(),
        "run": run,
        "seed": seed,
        "server": server,
        "version": env!("CARGO_PKG_VERSION"),
        "figures": figures,
        "notes": notes,
    });
    writeln!(lines, "{line}").context("cannot write the lines")
}
