//! The tables of the figures, in Markdown.

use std::fmt::Write;

use super::{
    Figures,
    counts::{Counts, What},
    footprints::Footprint,
    samples::{Kind, Report, Samples},
    workloads::{self, Workload},
};

/// All that was measured.
pub(crate) fn of(figures: &Figures) -> String {
    let samples = &figures.samples;
    let mut text = String::new();
    for (server, name) in samples.workloads() {
        let Some(workload) = workloads::all().find(|workload| workload.name == name) else {
            continue;
        };
        _ = write!(text, "\n**{}** ({server})\n\n{HEADING}", workload.title);
        for contestant in workload.contestants {
            if let Some(cells) = row(samples, server, workload, contestant) {
                _ = writeln!(text, "| {contestant} | {} |", cells.join(" | "));
            }
        }
    }
    text + &counts(&figures.counts) + &footprints(&figures.footprints)
}

/// What most people want to know.
pub(crate) fn short(samples: &Samples) -> String {
    let mut text = String::from(SHORT_HEADING);
    for workload in workloads::all() {
        let figure = |contestant: &str| {
            let place = ("stub", workload.name, contestant);
            match workload.name {
                "idle" => {
                    let bytes = samples.median(place, Kind::Timed, Report::growth);
                    bytes.map(|bytes| format!("{:.1} MB", bytes / 1e6))
                }
                "first" => samples.median(place, Kind::Timed, |report| report.p50_us).map(time),
                _ => samples.median(place, Kind::Timed, Report::cpu).map(time),
            }
        };
        let columns: [&[&str]; 5] = match workload.name {
            "first" => {
                [&["first-hyper"], &["first-ours-hyper"], &["first-ours-ureq"], &["go"], &[]]
            }
            _ => [
                &["hyper-floor", "hyper-naive", "serde"],
                &["async", "core"],
                &["blocking"],
                &["go-pooled", "go"],
                &["etcd09"],
            ],
        };
        let cells = columns.map(|contestants| {
            let first = contestants.iter().find_map(|contestant| figure(contestant));
            first.unwrap_or_else(|| "-".to_owned())
        });
        if cells[1] != "-" {
            _ = writeln!(text, "| {} | {} |", workload.title, cells.join(" | "));
        }
    }
    text
}

fn row(
    samples: &Samples,
    server: &str,
    workload: &Workload,
    contestant: &str,
) -> Option<[String; 8]> {
    let place = (server, workload.name, contestant);
    let figure = |kind, figure: fn(&Report) -> f64| samples.median(place, kind, figure);
    let cpu = figure(Kind::Timed, Report::cpu)?;
    let reference = workload.contestants.first().copied().unwrap_or_default();
    let ratio = |figure: fn(&Report) -> f64| {
        samples.ratio((server, workload.name), contestant, reference, figure)
    };
    let megabytes = |bytes: Option<f64>| cell(bytes.map(|bytes| bytes / 1e6), 1);
    if workload.name == "idle" {
        let mut cells: [String; 8] = std::array::from_fn(|_| "-".to_owned());
        cells[1] = cell(ratio(Report::growth), 2);
        cells[7] = megabytes(figure(Kind::Timed, Report::growth));
        return Some(cells);
    }
    let ratio = if cpu.is_finite() { ratio(Report::cpu) } else { ratio(|report| report.p50_us) };
    // Go counts as it goes.
    let counted = |what| {
        let count = figure(Kind::Counted, what).or_else(|| figure(Kind::Timed, what));
        count.filter(|count| *count > 0.0)
    };
    Some([
        cell(Some(cpu), 2),
        cell(ratio, 2),
        cell(figure(Kind::Timed, Report::rate), 0),
        cell(figure(Kind::Timed, |report| report.p50_us), 1),
        cell(figure(Kind::Timed, |report| report.p99_us), 1),
        cell(counted(Report::allocations), 1),
        cell(counted(Report::bytes), 0),
        megabytes(figure(Kind::Single, Report::peak)),
    ])
}

fn counts(counts: &Counts) -> String {
    let mut text = format!("\n**counted**\n\n{COUNTS_HEADING}");
    let mut rows: Vec<_> = counts.0.iter().map(|it| (&it.workload, &it.contestant)).collect();
    rows.dedup();
    for (workload, contestant) in rows {
        let cells = What::ALL.map(|what| cell(counts.get(workload, contestant, what), 1));
        _ = writeln!(text, "| {workload}, {contestant} | {} |", cells.join(" | "));
    }
    text
}

fn footprints(footprints: &[Footprint]) -> String {
    let mut text = format!("\n**weight of a program that makes one request**\n\n{WEIGHT_HEADING}");
    for Footprint { program, stripped, dependencies, build } in footprints {
        let dependencies = dependencies.as_ref().map(|set| set.len().to_string());
        _ = writeln!(
            text,
            "| {program} | {:.2} | {} | {} |",
            stripped / 1e6,
            dependencies.as_deref().unwrap_or("-"),
            cell(*build, 1)
        );
    }
    text
}

fn cell(figure: Option<f64>, digits: usize) -> String {
    let figure = figure.filter(|figure| figure.is_finite());
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

/// So many microseconds.
fn time(us: f64) -> String {
    match us {
        us if us < 1000.0 => format!("{us:.1} µs"),
        us if us < 10_000.0 => format!("{:.1} ms", us / 1000.0),
        us => format!("{:.0} ms", us / 1000.0),
    }
}

const HEADING: &str = "\
| | processor, µs a request | ratio | requests a second | median, µs | 99 %, µs | allocations | bytes allocated | memory, MB |
|---|---|---|---|---|---|---|---|---|
";
const SHORT_HEADING: &str = "\
| | HTTP library alone | async | blocking | Go's client | crate `etcd` 0.9 |
|---|---|---|---|---|---|
";
const COUNTS_HEADING: &str = "\
| a request | instructions | allocations | system calls |
|---|---|---|---|
";
const WEIGHT_HEADING: &str = "\
| | stripped, MB | crates of others | clean build, s of processor time |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_fits() {
        assert_eq!([7.58, 1440.0, 108_430.0].map(time), ["7.6 µs", "1.4 ms", "108 ms"]);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        assert_eq!([None, Some(f64::NAN), Some(1.25)].map(|it| cell(it, 1)), ["-", "-", "1.2"]);
    }
}
