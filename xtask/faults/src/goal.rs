//! What is measured, and how much of it is allowed.

use std::collections::BTreeMap;

/// One measure of a case and the ceiling it is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// No run may have more.
    AtMost(f64),
    /// The median of the runs may not be more.
    MedianAtMost(f64),
    /// No run may have less.
    AtLeast(f64),
    /// Some run has to have so much.
    OnceAtLeast(f64),
    /// It is good to know, and that is all.
    None,
}

/// How a goal was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// There was no ceiling.
    Noted,
    /// Nothing was measured.
    Open,
}

/// The figures of one run, by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

impl Goal {
    pub(crate) const fn at_most(figure: &'static str, limit: f64, unit: &'static str) -> Self {
        Self { figure, unit, limit: Limit::AtMost(limit) }
    }

    pub(crate) const fn median_at_most(
        figure: &'static str,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self { figure, unit, limit: Limit::MedianAtMost(limit) }
    }

    pub(crate) const fn at_least(figure: &'static str, limit: f64, unit: &'static str) -> Self {
        Self { figure, unit, limit: Limit::AtLeast(limit) }
    }

    pub(crate) const fn once_at_least(
        figure: &'static str,
        limit: f64,
        unit: &'static str,
    ) -> Self {
        Self { figure, unit, limit: Limit::OnceAtLeast(limit) }
    }

    /// A figure that shall be there not even once.
    pub(crate) const fn none(figure: &'static str) -> Self {
        Self::at_most(figure, 0.0, "")
    }

    pub(crate) const fn noted(figure: &'static str, unit: &'static str) -> Self {
        Self { figure, unit, limit: Limit::None }
    }

    /// The same where times may be so many times as long: a machine that is busy with other things takes
    /// time for itself.
    pub(crate) fn with_slack(mut self, factor: f64) -> Self {
        if let (Limit::AtMost(limit) | Limit::MedianAtMost(limit), "ms") =
            (&mut self.limit, self.unit)
        {
            *limit *= factor;
        }
        self
    }

    /// The figures of all runs together, the one that counts first, then their median.
    pub(crate) fn sum_up(&self, runs: &[&Figures]) -> Option<(f64, f64)> {
        let mut values: Vec<_> =
            runs.iter().filter_map(|run| run.get(self.figure)).copied().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some((if matches!(self.limit, Limit::AtLeast(_)) { least } else { most }, median))
    }

    pub(crate) fn judge(&self, runs: &[&Figures]) -> Verdict {
        let Some((counts, median)) = self.sum_up(runs) else { return Verdict::Open };
        let met = match self.limit {
            Limit::AtMost(limit) => counts <= limit,
            Limit::MedianAtMost(limit) => median <= limit,
            Limit::AtLeast(limit) | Limit::OnceAtLeast(limit) => counts >= limit,
            Limit::None => return Verdict::Noted,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }

    /// The ceiling as people write it.
    pub(crate) fn ceiling(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        match self.limit {
            Limit::AtMost(0.0) => "0".to_owned(),
            Limit::AtMost(limit) => format!("≤ {limit}{unit}"),
            Limit::MedianAtMost(limit) => format!("median ≤ {limit}{unit}"),
            Limit::AtLeast(limit) => format!("≥ {limit}{unit}"),
            Limit::OnceAtLeast(limit) => format!("once ≥ {limit}{unit}"),
            Limit::None => "–".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(goal: Goal, values: &[f64]) -> Verdict {
        let runs: Vec<_> = values.iter().map(|value| Figures::from([("x", *value)])).collect();
        goal.judge(&runs.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_worst_run_counts() {
        assert_eq!(judge(Goal::at_most("x", 2.0, "ms"), &[1.0, 2.0]), Verdict::Met);
        assert_eq!(judge(Goal::at_most("x", 2.0, "ms"), &[1.0, 2.1]), Verdict::Missed);
        assert_eq!(judge(Goal::at_least("x", 2.0, "ms"), &[2.0, 3.0]), Verdict::Met);
        assert_eq!(judge(Goal::at_least("x", 2.0, "ms"), &[1.9, 3.0]), Verdict::Missed);
        assert_eq!(judge(Goal::none("x"), &[0.0, 0.0]), Verdict::Met);
        assert_eq!(judge(Goal::none("x"), &[0.0, 1.0]), Verdict::Missed);
    }

    #[test]
    fn a_median_forgives_one_run() {
        assert_eq!(judge(Goal::median_at_most("x", 2.0, "s"), &[9.0, 1.0, 2.0]), Verdict::Met);
        assert_eq!(
            judge(Goal::median_at_most("x", 2.0, "s"), &[9.0, 1.0, 2.0, 2.1]),
            Verdict::Missed
        );
    }

    #[test]
    fn once_is_enough_for_some() {
        assert_eq!(judge(Goal::once_at_least("x", 1.0, ""), &[0.0, 1.0, 0.0]), Verdict::Met);
        assert_eq!(judge(Goal::once_at_least("x", 1.0, ""), &[0.0, 0.0]), Verdict::Missed);
    }

    #[test]
    fn what_was_not_measured_is_not_met() {
        assert_eq!(judge(Goal::none("x"), &[]), Verdict::Open);
        assert_eq!(judge(Goal::none("y"), &[0.0]), Verdict::Open);
        assert_eq!(judge(Goal::noted("x", ""), &[7.0]), Verdict::Noted);
    }

    #[test]
    fn slack_is_for_times_alone() {
        let slack = |goal: Goal| goal.with_slack(4.0).ceiling();
        assert_eq!(slack(Goal::at_most("x", 150.0, "ms")), "≤ 600 ms");
        assert_eq!(slack(Goal::median_at_most("x", 2.0, "ms")), "median ≤ 8 ms");
        assert_eq!(slack(Goal::at_most("x", 3.0, "")), "≤ 3");
        assert_eq!(slack(Goal::at_least("x", 3.0, "ms")), "≥ 3 ms");
    }

    #[test]
    fn ceilings_are_readable() {
        assert_eq!(Goal::at_most("x", 150.0, "ms").ceiling(), "≤ 150 ms");
        assert_eq!(Goal::median_at_most("x", 2000.0, "ms").ceiling(), "median ≤ 2000 ms");
        assert_eq!(Goal::none("x").ceiling(), "0");
        assert_eq!(Goal::noted("x", "ms").ceiling(), "–");
    }
}
