//! What is to be reached, and whether it was.

use std::fmt::Write;

use super::{
    Figures,
    counts::{Counts, What},
    footprints::{Footprint, beyond},
    samples::{Kind, Report, Samples},
};

/// The bars with their verdicts, in Markdown.
pub(crate) fn verdicts(figures: &Figures) -> String {
    let mut bars = processor(&figures.samples);
    bars.extend(stream(&figures.samples));
    bars.extend(caution(&figures.samples));
    bars.extend(memory(figures));
    bars.extend(counted(figures));
    bars.extend(growth(&figures.counts));
    bars.extend(starts(&figures.samples));
    bars.extend(weights(&figures.footprints));
    let mut text = String::from("| bar | at most | reached | |\n|---|---|---|---|\n");
    for Bar { what, most, reached } in bars {
        let digits = match most {
            most if most < 3.0 => 2,
            most if most.fract() > 0.0 => 1,
            _ => 0,
        };
        let (reached, verdict) = match reached {
            None => ("-".to_owned(), "not measured"),
            Some(it) if it <= most => (format!("{it:.digits$}"), "met"),
            Some(it) => (format!("{it:.digits$}"), "**missed**"),
        };
        _ = writeln!(text, "| {what} | {most} | {reached} | {verdict} |");
    }
    text
}

struct Bar {
    what: String,
    most: f64,
    reached: Option<f64>,
}

fn bar(what: impl Into<String>, most: f64, reached: Option<f64>) -> Bar {
    Bar { what: what.into(), most, reached }
}

/// Of the same round.
fn processor(samples: &Samples) -> Vec<Bar> {
    let ratio = |(workload, ours, other, most): &(&str, &str, &str, f64)| {
        let reached = samples.ratio(("stub", workload), ours, other, Report::cpu);
        bar(format!("{workload}: processor time, {ours} / {other}"), *most, reached)
    };
    PROCESSOR.iter().map(ratio).collect()
}

fn stream(samples: &Samples) -> [Bar; 2] {
    ["async", "blocking"].map(|ours| {
        let cpu = |workload| samples.median(("stub", workload, ours), Kind::Timed, Report::cpu);
        let ratio = cpu("stream").zip(cpu("watch")).map(|(stream, watch)| stream / watch);
        bar(format!("{ours}: processor time of a change, stream / long poll"), 0.15, ratio)
    })
}

/// What the limits and the monitor cost while all is well.
fn caution(samples: &Samples) -> Vec<Bar> {
    let both = |workload| {
        let place = ("stub", workload);
        let median = |report: &Report| report.p50_us;
        let time = samples.ratio(place, "async", "async-unguarded", median);
        let asked = samples.median((place.0, place.1, "async"), Kind::Timed, Report::asked);
        let asked = asked.filter(|asked| asked.is_finite());
        [
            bar(format!("{workload}: median latency, async / async-unguarded"), 1.05, time),
            bar(format!("{workload}: requests of async that arrive, a call"), 1.0, asked),
        ]
    };
    ["get", "set"].into_iter().flat_map(both).collect()
}

/// How things grow with the number of endpoints, and with what is in a listing or a mirror. The logarithm of
/// 100,000 is that of 10,000 and a quarter.
fn growth(counts: &Counts) -> Vec<Bar> {
    let ratio = |large: (&str, &str), small: (&str, &str), what| {
        let both = counts.get(large.0, large.1, what).zip(counts.get(small.0, small.1, what));
        both.map(|(large, small)| large / small)
    };
    let mut bars = Vec::new();
    for request in ["get", "set"] {
        for what in [What::Instructions, What::Allocations] {
            let reached = ratio((request, "async-of-100"), (request, "async"), what);
            let text = format!("{request}: {}, with 100 endpoints / with one", what.name());
            bars.push(bar(text, 1.02, reached));
        }
    }
    for (workload, what, most) in [
        ("decode", "decoding a listing", 10.5),
        ("snapshot", "a snapshot of a mirror", 1.01),
        ("apply", "a change of a mirror", 1.25),
    ] {
        let [large, small] = [100_000, 10_000].map(|files| format!("{workload}-{files}"));
        let reached = ratio((&large, "core"), (&small, "core"), What::Instructions);
        let text = format!("{what}: instructions, of 100,000 / of 10,000 files");
        bars.push(bar(text, most, reached));
    }
    bars
}

fn memory(figures: &Figures) -> Vec<Bar> {
    let samples = &figures.samples;
    let mut bars = Vec::new();
    for contestant in ["async", "blocking"] {
        let place = ("stub", "list-100000", contestant);
        let peak = samples.median(place, Kind::Single, Report::peak);
        let what = format!("list-100000: peak memory of {contestant} / size of the answer");
        bars.push(bar(what, 2.0, peak.map(|peak| peak / figures.listings[1])));
        let place = ("stub", "mirror-100000", contestant);
        let peak = samples.median(place, Kind::Single, Report::peak);
        let what = format!("mirror-100000: peak memory of {contestant} / size of the listing");
        bars.push(bar(what, 2.5, peak.map(|peak| peak / figures.listings[1])));
    }
    let growth = samples.median(("stub", "idle", "async"), Kind::Timed, Report::growth);
    bars.push(bar("1,000 idle watches: memory of async, MB", 15.5, growth.map(|it| it / 1e6)));
    let ratio = samples.ratio(("stub", "idle"), "async", "go", Report::growth);
    bars.push(bar("1,000 idle watches: memory, async / go", 0.45, ratio));
    bars
}

fn counted(figures: &Figures) -> Vec<Bar> {
    let count = |(workload, contestant, what, most): &(&str, &str, What, f64)| {
        let name = what.name().replace('-', " ");
        // Something that happens now and then, such as a timer, is no whole one.
        let reached = figures.counts.get(workload, contestant, *what);
        let reached = reached.map(|it| if *what == What::Instructions { it } else { it.round() });
        bar(format!("{workload}: {name} of {contestant}"), *most, reached)
    };
    COUNTED.iter().map(count).collect()
}

fn starts(samples: &Samples) -> Vec<Bar> {
    let pairs = [("first-ours-hyper", "first-hyper"), ("first-ours-ureq", "first-ureq")];
    let ratio = |(ours, other)| {
        let reached = samples.ratio(("stub", "first"), ours, other, |report| report.p50_us);
        bar(format!("start to first answer, {ours} / {other}"), 1.15, reached)
    };
    pairs.into_iter().map(ratio).collect()
}

fn weights(footprints: &[Footprint]) -> Vec<Bar> {
    let find = |name| footprints.iter().find(|footprint| footprint.program == name);
    let mut bars = Vec::new();
    for (ours, other) in [("first-ours-hyper", "first-hyper"), ("first-ours-ureq", "first-ureq")] {
        let both = find(ours).zip(find(other));
        let size = both.map(|(ours, other)| ours.stripped / other.stripped);
        bars.push(bar(format!("stripped program, {ours} / {other}"), 1.25, size));
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        let crates = both.and_then(|(ours, other)| beyond(ours, other)).map(|it| it as f64);
        let what = format!("crates of {ours} beyond those of {other}, serde and url");
        bars.push(bar(what, 8.0, crates));
        let build = both.and_then(|(ours, other)| Some((ours.build?, other.build?)));
        let build = build.map(|(ours, other)| ours / other);
        bars.push(bar(format!("clean build: processor time, {ours} / {other}"), 1.5, build));
    }
    bars
}

const PROCESSOR: [(&str, &str, &str, f64); 24] = [
    ("get", "async", "hyper-floor", 1.00),
    ("set", "async", "hyper-floor", 1.00),
    ("get", "async", "go", 0.40),
    ("set", "async", "go", 0.40),
    ("get", "async", "etcd09", 0.65),
    ("set", "async", "etcd09", 0.90),
    ("get", "async-mt", "async", 1.15),
    ("set", "async-mt", "async", 1.15),
    ("get64", "async", "hyper-floor", 1.00),
    ("get64", "async", "go-pooled", 0.30),
    ("get", "blocking", "ureq-floor", 1.10),
    ("set", "blocking", "ureq-floor", 1.10),
    ("get", "blocking", "go", 0.50),
    ("set", "blocking", "go", 0.65),
    ("list-10000", "async", "go", 0.50),
    ("list-10000", "async", "hyper-naive", 1.00),
    ("list-100000", "async", "go", 0.60),
    ("list-100000", "async", "hyper-naive", 1.00),
    // At least 1.3 times as fast.
    ("decode-10000", "core", "serde", 0.77),
    ("decode-100000", "core", "serde", 0.77),
    ("watch", "async", "hyper-naive", 1.00),
    ("watch", "blocking", "hyper-naive", 1.00),
    ("watch", "async", "go", 0.40),
    ("watch", "blocking", "go", 0.40),
];

const COUNTED: [(&str, &str, What, f64); 8] = [
    ("get", "async", What::Instructions, 34_000.0),
    ("set", "async", What::Instructions, 40_000.0),
    ("get", "async", What::Allocations, 22.0),
    ("set", "async", What::Allocations, 28.0),
    ("get", "blocking", What::Allocations, 58.0),
    ("set", "blocking", What::Allocations, 68.0),
    ("get", "async", What::Calls, 3.0),
    ("set", "async", What::Calls, 3.0),
];

#[cfg(test)]
mod tests {
    use super::{
        super::{
            counts::{Count, Counts},
            samples::Sample,
        },
        *,
    };

    #[test]
    fn bars_are_met_or_missed_or_not_measured() {
        let mut figures = Figures::default();
        for (contestant, cpu_s) in [("hyper-floor", 2.0), ("async", 2.0), ("go", 4.0)] {
            let report = Report { requests: 1.0, cpu_s, ..Report::NOTHING };
            let (server, workload, kind) = ("stub", "get", Kind::Timed);
            figures.samples.add(Sample { server, workload, contestant, round: 0, kind, report });
        }
        let (workload, contestant) = ("get".to_owned(), "async".to_owned());
        let count = Count { workload, contestant, what: What::Allocations, number: 22.2 };
        figures.counts = Counts(vec![count]);
        let text = verdicts(&figures);
        for line in [
            "| get: processor time, async / hyper-floor | 1 | 1.00 | met |",
            "| get: processor time, async / go | 0.4 | 0.50 | **missed** |",
            "| set: processor time, async / go | 0.4 | - | not measured |",
            "| get: allocations of async | 22 | 22 | met |",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
    }
}
