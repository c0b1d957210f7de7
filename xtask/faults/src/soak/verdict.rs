//! What a soak comes to.

use std::fmt::Write;

use super::{
    company::Company,
    vitals::{Vitals, growth},
    witness::Witness,
};
use crate::goal::{Figures, Goal, Verdict};

/// The verdict in words, and how many goals were missed.
pub(super) fn render(companies: &[Company], vitals: &[Vitals]) -> (String, usize) {
    let mut text = String::new();
    for company in companies {
        tell(&mut text, company);
    }
    sum_up(&mut text, companies);
    let all: Vec<_> = companies.iter().map(figures).chain([growths(vitals)]).collect();
    let all: Vec<_> = all.iter().collect();
    let mut missed = 0;
    for goal in GOALS {
        let verdict = goal.judge(&all);
        missed += usize::from(verdict == Verdict::Missed);
        let most = goal.sum_up(&all).map_or_else(|| "–".to_owned(), |(most, _)| round(most));
        let verdict = match verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::Noted => "noted",
            Verdict::Open => "too short to tell",
        };
        _ = writeln!(text, "{:<28} {most:>6}  {:<10} {verdict}", goal.figure, goal.ceiling());
    }
    (text, missed)
}

/// Counts have no fractions.
fn round(figure: f64) -> String {
    if figure.fract() == 0.0 { format!("{figure}") } else { format!("{figure:.1}") }
}

/// What each watch and the mirror went through.
fn tell(text: &mut String, company: &Company) {
    let colour = company.colour.name();
    for witness in company.witnesses() {
        let tally = witness.tally();
        let gaps: Vec<_> =
            tally.gaps.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let gaps = if gaps.is_empty() { "none".to_owned() } else { gaps.join(", ") };
        _ = writeln!(
            text,
            "{colour} {}: {} changes, {} reconnects after errors, gaps: {gaps}",
            witness.name, tally.changes, tally.errors
        );
    }
    let status = company.mirror().status();
    _ = writeln!(
        text,
        "{colour} mirror: {} upserts, {} removals, {} resyncs, {} errors\n",
        status.upserts, status.removals, status.resyncs, status.errors
    );
}

/// How often anything was out of the ordinary.
fn sum_up(text: &mut String, companies: &[Company]) {
    let tallies = || companies.iter().flat_map(Company::witnesses).map(Witness::tally);
    let gaps: usize = tallies().flat_map(|tally| tally.gaps.into_values()).sum();
    let reconnects: usize = tallies().map(|tally| tally.errors).sum();
    let mirrors = companies.iter().map(|company| company.mirror().status());
    let resyncs: u64 = mirrors.map(|status| status.resyncs).sum();
    _ = writeln!(text, "in all: {gaps} gaps, {resyncs} resyncs, {reconnects} reconnects\n");
}

fn figures(company: &Company) -> Figures {
    let mut figures = Figures::new();
    let mut add = |figure, count: usize| {
        *figures.entry(figure).or_insert(0.0) +=
            f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    };
    for witness in company.witnesses() {
        let tally = witness.tally();
        add(LOST, tally.faults.lost);
        add(TWICE, tally.faults.twice);
        add(ORDER, tally.faults.out_of_order);
        add(ENDED, usize::from(tally.ended));
    }
    add(ENDED, usize::from(company.mirror().error().is_some()));
    add(LATE, company.late);
    add(DIFFERENT, company.different);
    figures
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
fn growths(vitals: &[Vitals]) -> Figures {
    let part = |of: fn(&Vitals) -> u64| growth(&vitals.iter().map(of).collect::<Vec<_>>());
    let memory = part(|vitals| vitals.memory).map(|kibibytes| (MEMORY, kibibytes as f64 / 1024.0));
    let sockets = part(|vitals| vitals.sockets).map(|sockets| (SOCKETS, sockets as f64));
    memory.into_iter().chain(sockets).collect()
}

const LOST: &str = "lost without a word";
const TWICE: &str = "told twice";
const ORDER: &str = "out of order";
const ENDED: &str = "ended for good";
const LATE: &str = "late after a minute of calm";
const DIFFERENT: &str = "copies that differ";
const SOCKETS: &str = "sockets grew by";
const MEMORY: &str = "memory grew by";

/// What is still open or kept at a calm moment differs from one to the next.
const GOALS: [Goal; 8] = [
    Goal::none(LOST),
    Goal::none(TWICE),
    Goal::none(ORDER),
    Goal::none(ENDED),
    Goal::none(LATE),
    Goal::none(DIFFERENT),
    Goal::at_most(SOCKETS, 20.0, ""),
    Goal::at_most(MEMORY, 4.0, "MiB"),
];
