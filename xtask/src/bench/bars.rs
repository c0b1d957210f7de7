//! What is to be reached, and whether it was.

use std::fmt::Write;

use super::samples::{Report, Samples};

/// The processor time of one contestant, as a share of another's in the same round.
struct Bar {
    workload: &'static str,
    contestant: &'static str,
    reference: &'static str,
    most: f64,
}

/// The bars with their verdicts, in Markdown.
pub(crate) fn verdicts(samples: &Samples) -> String {
    let mut text = String::from("\n| bar | at most | reached | |\n|---|---|---|---|\n");
    for Bar { workload, contestant, reference, most } in &BARS {
        let ratio = samples.ratio(("stub", workload), contestant, reference, Report::cpu);
        let (reached, verdict) = match ratio {
            None => ("-".to_owned(), "not measured"),
            Some(ratio) if ratio <= *most => (format!("{ratio:.2}"), "met"),
            Some(ratio) => (format!("{ratio:.2}"), "**missed**"),
        };
        _ = writeln!(
            text,
            "| {workload}: {contestant} / {reference} | {most:.2} | {reached} | {verdict} |"
        );
    }
    for (workload, contestant, most) in ALLOCATIONS {
        let count = samples.median(("stub", workload, contestant), true, Report::allocations);
        let (reached, verdict) = match count {
            None => ("-".to_owned(), "not measured"),
            // A run's own few allocations are spread over its requests.
            Some(count) if count < most + 0.5 => (format!("{count:.1}"), "met"),
            Some(count) => (format!("{count:.1}"), "**missed**"),
        };
        _ = writeln!(
            text,
            "| {workload}: allocations of {contestant} | {most} | {reached} | {verdict} |"
        );
    }
    text
}

const fn bar(
    workload: &'static str,
    contestant: &'static str,
    reference: &'static str,
    most: f64,
) -> Bar {
    Bar { workload, contestant, reference, most }
}

const BARS: [Bar; 21] = [
    bar("get", "async", "hyper-floor", 1.00),
    bar("set", "async", "hyper-floor", 1.00),
    bar("get", "async", "go", 0.40),
    bar("set", "async", "go", 0.40),
    bar("get", "async", "etcd09", 0.65),
    bar("set", "async", "etcd09", 0.90),
    bar("get", "async-mt", "async", 1.15),
    bar("set", "async-mt", "async", 1.15),
    bar("get64", "async", "hyper-floor", 1.00),
    bar("get64", "async", "go-pooled", 0.30),
    bar("get", "blocking", "ureq-floor", 1.10),
    bar("set", "blocking", "ureq-floor", 1.10),
    bar("get", "blocking", "go", 0.50),
    bar("set", "blocking", "go", 0.65),
    bar("list-10000", "async", "go", 0.50),
    bar("list-10000", "async", "hyper-naive", 1.00),
    bar("list-100000", "async", "go", 0.60),
    bar("list-100000", "async", "hyper-naive", 1.00),
    bar("watch", "async", "hyper-naive", 1.00),
    bar("watch", "blocking", "hyper-naive", 1.00),
    bar("watch", "async", "go", 0.40),
];

const ALLOCATIONS: [(&str, &str, f64); 4] = [
    ("get", "async", 22.0),
    ("set", "async", 28.0),
    ("get", "blocking", 58.0),
    ("set", "blocking", 68.0),
];
