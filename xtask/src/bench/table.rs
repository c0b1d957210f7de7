//! The table of all figures.

use std::fmt::Write;

use super::{
    samples::{Report, Samples},
    workloads::WORKLOADS,
};

/// One table a workload, in Markdown.
pub(crate) fn of(samples: &Samples) -> String {
    let mut text = String::new();
    for (server, name) in samples.workloads() {
        let Some(workload) = WORKLOADS.iter().find(|workload| workload.name == name) else {
            continue;
        };
        _ = write!(text, "\n**{}** ({server})\n\n{HEADING}", workload.title);
        let reference = workload.contestants.first().copied().unwrap_or_default();
        for contestant in workload.contestants {
            let place = (server, name, *contestant);
            let figure = |figure: fn(&Report) -> f64| samples.median(place, false, figure);
            let Some(cpu) = figure(Report::cpu) else { continue };
            let ratio = samples.ratio((server, name), contestant, reference, Report::cpu);
            let counted = |figure: fn(&Report) -> f64| samples.median(place, true, figure);
            let cells = [
                format!("{cpu:.2}"),
                cell(ratio, 2),
                cell(figure(Report::rate), 0),
                cell(figure(|report| report.p50_us), 1),
                cell(figure(|report| report.p99_us), 1),
                cell(counted(Report::allocations), 1),
                cell(counted(Report::bytes), 0),
                cell(figure(|report| report.peak_growth_kib / 1024.0), 1),
            ];
            _ = writeln!(text, "| {contestant} | {} |", cells.join(" | "));
        }
    }
    text
}

fn cell(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

const HEADING: &str = "\
| | processor, µs a request | ratio | requests a second | median, µs | 99 %, µs | allocations | bytes | memory, MiB |
|---|---|---|---|---|---|---|---|---|
";
