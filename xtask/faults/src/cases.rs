//! The faults, one after the other, each with what is measured beside it.

mod abandoned;
mod answers;
mod gaps;
mod histories;
mod leases;
#[cfg(test)]
mod live;
mod operations;
mod outage;
mod slow;
mod watches;

use std::time::Duration;

use anyhow::Result;

use crate::{
    arena::Arena,
    contestant::Contestant,
    dice::Dice,
    goal::{Figures, Goal},
};

/// A fault, and what is held against what beside it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How many runs are enough, for each client.
    pub(crate) runs: u32,
    /// Whether the members talk to each other through relays.
    pub(crate) links: bool,
    /// Whether Go's client takes part, for comparison.
    pub(crate) with_go: bool,
    pub(crate) goals: &'static [Goal],
    pub(crate) run: fn(&mut Run<'_>) -> Result<()>,
}

impl Case {
    /// Whether this contestant takes part in the run of this number. Go's is there for comparison: a few are
    /// enough, since each may last for as long as its user has patience.
    pub(crate) fn measures(&self, contestant: Contestant, number: u32) -> bool {
        contestant.is_ours() || (self.with_go && number <= RUNS_OF_GO)
    }
}

/// One run of a case.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) arena: &'a mut Arena,
    pub(crate) contestant: Contestant,
    pub(crate) number: u32,
    /// A key that is this run's own.
    pub(crate) base: String,
    pub(crate) dice: Dice,
    pub(crate) figures: Figures,
    /// What was done and what went wrong, for people.
    pub(crate) notes: Vec<String>,
}

impl Run<'_> {
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(crate) fn millis(&mut self, figure: &'static str, time: Duration) {
        self.figures.insert(figure, time.as_secs_f64() * 1000.0);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(crate) fn count(&mut self, figure: &'static str, count: usize) {
        self.figures.insert(figure, count as f64);
    }

    /// Adds to a count.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(crate) fn add(&mut self, figure: &'static str, count: usize) {
        *self.figures.entry(figure).or_default() += count as f64;
    }
}

/// All cases, in the order of the goal table.
///
/// The tenth goal, that no setting is needed, is met by construction: every client here has the default
/// policy, unless a case says otherwise.
pub(crate) static ALL: [Case; 25] = [
    gaps::KILLED_FOLLOWER,
    gaps::KILLED_LEADER,
    gaps::STOPPED_FOLLOWER,
    gaps::STOPPED_LEADER,
    outage::LOST_QUORUM,
    gaps::ROLLING_RESTART,
    outage::WHOLE_CLUSTER,
    gaps::CUT_FROM_CLIENT,
    gaps::CUT_FROM_PEERS,
    answers::LOST_ANSWERS,
    abandoned::ABANDONED_WRITES,
    histories::HISTORIES,
    watches::WATCHES,
    leases::REFRESH_BY_INDEX,
    answers::BENT_REQUESTS,
    histories::LOCAL_READS,
    slow::RATIOS,
    slow::JUMP,
    slow::STOPPED,
    slow::STREAMS,
    slow::SHORT,
    answers::AT_LEAST_ONCE,
    watches::OFF_BY_ONE,
    histories::REPEATED_WRITES,
    leases::REFRESH_BY_VALUE,
];

/// What a change of the project is tried with.
pub(crate) const SHORT: [(&str, u32); 5] =
    [("G1", 1), ("G3", 1), ("G11", 1), ("G13", 2), ("D5", 1)];

const RUNS_OF_GO: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_something_to_miss() {
        let mut names: Vec<_> = ALL.iter().map(|case| case.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        for case in &ALL {
            assert!(case.runs > 0, "{}", case.name);
            assert!(case.goals.iter().any(|goal| goal.ceiling() != "–"), "{}", case.name);
        }
        assert!(SHORT.iter().all(|(name, _)| names.contains(name)));
    }
}
