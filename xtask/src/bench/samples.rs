//! What the contestants reported, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a contestant says of one run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) requests: f64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
    pub(crate) growth_kib: f64,
    pub(crate) peak_growth_kib: f64,
    /// How many requests there were according to the server, if it counts them.
    #[serde(default)]
    pub(crate) asked: Option<f64>,
}

impl Report {
    /// For runs of which little is known; a processor time that was not taken is no number.
    pub(crate) const NOTHING: Self = Self {
        requests: 0.0,
        wall_s: 0.0,
        cpu_s: f64::NAN,
        p50_us: 0.0,
        p99_us: f64::NAN,
        allocations: 0.0,
        bytes: 0.0,
        growth_kib: 0.0,
        peak_growth_kib: 0.0,
        asked: None,
    };

    pub(crate) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).with_context(|| format!("no report: {line:?}"))
    }

    /// Processor time of a request, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu_s * 1e6 / self.requests.max(1.0)
    }

    pub(crate) fn allocations(&self) -> f64 {
        self.allocations / self.requests.max(1.0)
    }

    pub(crate) fn bytes(&self) -> f64 {
        self.bytes / self.requests.max(1.0)
    }

    /// What it had more than at the beginning when it had most, in bytes.
    pub(crate) fn peak(&self) -> f64 {
        self.peak_growth_kib * 1024.0
    }

    /// What it had more in the end than at the beginning, in bytes.
    pub(crate) fn growth(&self) -> f64 {
        self.growth_kib * 1024.0
    }

    /// What the server was asked for each request.
    pub(crate) fn asked(&self) -> f64 {
        self.asked.unwrap_or(f64::NAN) / self.requests.max(1.0)
    }

    /// Requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.wall_s.max(1e-9)
    }
}

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Kind {
    /// Taking the time.
    Timed,
    /// Counting allocations, with a program that is slower for it.
    Counted,
    /// The memory that a single request takes.
    Single,
}

/// One run in its round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) server: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) contestant: &'static str,
    pub(crate) round: u32,
    pub(crate) kind: Kind,
    pub(crate) report: Report,
}

/// All runs.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn add(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// The kinds of work, by the server that they were done with, in the order of their beginning.
    pub(crate) fn workloads(&self) -> Vec<(&'static str, &'static str)> {
        let mut seen = BTreeSet::new();
        let all = self.0.iter().map(|sample| (sample.server, sample.workload));
        all.filter(|workload| seen.insert(*workload)).collect()
    }

    /// The median over the rounds, where there is any.
    pub(crate) fn median(
        &self,
        (server, workload, contestant): (&str, &str, &str),
        kind: Kind,
        figure: impl Fn(&Report) -> f64,
    ) -> Option<f64> {
        let runs = self.0.iter().filter(|sample| {
            (sample.server, sample.workload, sample.contestant) == (server, workload, contestant)
                && sample.kind == kind
        });
        median(runs.map(|sample| figure(&sample.report)).collect())
    }

    /// The median of the ratios of two contestants within the same round.
    pub(crate) fn ratio(
        &self,
        (server, workload): (&str, &str),
        contestant: &str,
        reference: &str,
        figure: impl Fn(&Report) -> f64,
    ) -> Option<f64> {
        let mut rounds: BTreeMap<u32, (Option<f64>, Option<f64>)> = BTreeMap::new();
        let here = |sample: &&Sample| {
            sample.kind == Kind::Timed && (sample.server, sample.workload) == (server, workload)
        };
        for sample in self.0.iter().filter(here) {
            let round = rounds.entry(sample.round).or_default();
            if sample.contestant == contestant {
                round.0 = Some(figure(&sample.report));
            }
            if sample.contestant == reference {
                round.1 = Some(figure(&sample.report));
            }
        }
        let ratios = rounds.into_values().filter_map(|(ours, theirs)| Some(ours? / theirs?));
        median(ratios.collect())
    }

    pub(crate) fn to_json_lines(&self) -> String {
        let lines = self.0.iter().filter_map(|sample| serde_json::to_string(sample).ok());
        lines.map(|line| line + "\n").collect()
    }
}

/// The one in the middle, where there is any.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => values.get(middle).copied(),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(contestant: &'static str, round: u32, cpu_s: f64) -> Sample {
        let report = Report { requests: 1e6, wall_s: 1.0, cpu_s, ..Report::NOTHING };
        Sample { server: "stub", workload: "get", contestant, round, kind: Kind::Timed, report }
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        let mut samples = Samples::default();
        // The machine was three times as slow in the second round, and had a hiccup in the third.
        for (round, ours, theirs) in [(0, 1.0, 2.0), (1, 3.0, 6.0), (2, 9.0, 2.0)] {
            samples.add(sample("async", round, ours));
            samples.add(sample("floor", round, theirs));
        }
        let ratio = samples.ratio(("stub", "get"), "async", "floor", Report::cpu);
        assert_eq!(ratio, Some(0.5));
        assert_eq!(samples.median(("stub", "get", "async"), Kind::Timed, Report::cpu), Some(3.0));
        assert_eq!(samples.ratio(("stub", "get"), "async", "nobody", Report::cpu), None);
    }

    #[test]
    fn medians_of_even_numbers_are_in_the_middle() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
