//! Watches and mirrors beside one fault after the other: `cargo xtask soak`.
//!
//! A [round](schedule) is a fault beside [writers](traffic), after which all is well and calm. Then each
//! [watch](witness) has to have told every change that was acknowledged, once and in order, or have said
//! that it may be missing, and each mirror, and each [copy] that somebody makes of a watch, has to be
//! what a read through consensus shows.

mod arguments;
mod company;
mod copy;
mod form;
mod schedule;
mod strike;
mod traffic;
mod verdict;
mod vitals;
mod witness;

use std::{
    ffi::OsString,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::keys::Set;

use self::{
    arguments::Arguments, company::Company, form::Form, schedule::Round, traffic::Traffic,
    vitals::Vitals,
};
use crate::{arena::Arena, subject::Colour};

/// Soaks as the words say, and returns how many goals were missed.
pub(crate) fn run(words: impl Iterator<Item = OsString>) -> Result<usize> {
    let arguments = Arguments::parse(words)
        .map_err(|error| anyhow!("{error}; see `cargo xtask soak --help`"))?;
    let Some(Arguments { form, seed, etcd }) = arguments else {
        print!("{}", arguments::HELP);
        return Ok(0);
    };
    let etcd = xtask::obtain(etcd.as_deref())?;
    println!("the servers are {}, the seed is {seed}", etcd.display());
    let mut arena = Arena::start_with(&etcd, form.has_proxies(), &FLAGS)?;
    let mut soak = Soak::start(&arena, form, seed)?;
    let (began, mut number) = (Instant::now(), 0);
    while number == 0 || !form.is_over(began.elapsed(), soak.written) {
        number += 1;
        let round = Round::new(seed, number, form.faults());
        println!("{:>5} s  {round}", began.elapsed().as_secs());
        strike::strike(&round, &mut arena, &soak.traffic)?;
        println!("         {}", soak.take_stock(&arena)?);
    }
    let vitals = if form.shows_growth() { &*soak.vitals } else { &[] };
    let (text, missed) = verdict::render(&soak.companies, vitals);
    let (written, time) = (soak.written, began.elapsed().as_secs());
    let (failed, outcomes) = soak.traffic.failed();
    println!(
        "\n{number} rounds in {time} s, {written} changes acknowledged, {failed} writes failed ({outcomes})\n"
    );
    println!("{text}");
    Ok(missed)
}

/// All that goes on beside the faults.
struct Soak {
    traffic: Traffic,
    companies: Vec<Company>,
    vitals: Vec<Vitals>,
    written: usize,
}

impl Soak {
    fn start(arena: &Arena, form: Form, seed: u64) -> Result<Self> {
        arena.observer().send(Set::new(QUIET, "begin"))?;
        let begin = arena.observer().send(Set::mkdir(BUSY))?;
        let after = begin.index().context("a change without an index")?;
        let company = |colour| Company::new(colour, arena, form, after);
        let companies = Colour::BOTH.into_iter().map(company).collect::<Result<_>>()?;
        let traffic = Traffic::start(arena, form, seed)?;
        Ok(Self { traffic, companies, vitals: Vec::new(), written: 0 })
    }

    /// Lets everything come to rest, compares what was told with what is so, and says in a line how it is.
    fn take_stock(&mut self, arena: &Arena) -> Result<String> {
        let calm = self.traffic.calm();
        let observer = arena.observer();
        let mark = |key: String| -> Result<u64> {
            observer.send(Set::new(key, "mark"))?.index().context("a change without an index")
        };
        let (quiet, busy) = (mark(QUIET.to_owned())?, mark(format!("{BUSY}/mark"))?);
        let mut written = self.traffic.take();
        self.written += written.len();
        written.push(busy);

        let began = Instant::now();
        let stuck =
            |companies: &[Company]| companies.iter().map(|it| it.stuck(quiet, busy).len()).sum();
        let mut late: usize = stuck(&self.companies);
        while late > 0 && began.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
            late = stuck(&self.companies);
        }
        // What expires meanwhile is in a listing and in no copy any more, so one that agrees is enough.
        let differing: Vec<_> = loop {
            let listing = copy::read(observer, BUSY)?;
            let differing = self.companies.iter().map(|it| it.differing(&listing));
            let differing: Vec<_> = differing.collect();
            if differing.iter().all(Vec::is_empty) || began.elapsed() > PATIENCE {
                break differing;
            }
            thread::sleep(PAUSE);
        };
        let waited = began.elapsed();
        let different: usize = differing.iter().map(Vec::len).sum();
        for (company, differing) in self.companies.iter_mut().zip(differing) {
            company.take_stock(quiet, busy, &written, differing);
        }
        for proxy in arena.proxies() {
            proxy.clear_log();
        }
        let vitals = Vitals::now()?;
        self.vitals.push(vitals);
        drop(calm);
        Ok(format!(
            "{} changes, all told after {} ms, {} MiB, {} sockets{}",
            written.len(),
            waited.as_millis(),
            vitals.memory >> 10,
            vitals.sockets,
            if late + different > 0 { ", AND SOMETHING IS WRONG" } else { "" },
        ))
    }
}

/// So that members that lag behind are sent a copy of the store.
const FLAGS: [&str; 1] = ["--snapshot-count=100"];

/// A file that is written once a round.
const QUIET: &str = "/soak/quiet";
/// Where the writers write.
const BUSY: &str = "/soak/busy";

/// Longer than a member that hangs can hide it.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
