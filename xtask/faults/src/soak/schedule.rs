//! What happens when: it follows from the seed, and from nothing else.

use std::{fmt, time::Duration};

use crate::{arena::MEMBERS, dice::Dice};

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A member is killed, and comes back with its data.
    Kill,
    /// A member is asked to end, and comes back at once.
    Restart,
    /// A member hangs.
    Stop,
    /// A member is cut off from the others.
    Isolate,
    /// Nothing gets from the clients to a member or back.
    Silence,
    /// The clients' connections are cut again and again.
    Cuts,
    /// There are more changes elsewhere than the history has room for.
    Crowd,
    /// All members are killed at once.
    Outage,
    /// A member hangs until the leader has to send it a copy of the whole store.
    Lag,
}

/// Everything that can happen.
pub(super) const ALL: [Fault; 9] = [
    Fault::Kill,
    Fault::Restart,
    Fault::Stop,
    Fault::Isolate,
    Fault::Silence,
    Fault::Cuts,
    Fault::Crowd,
    Fault::Outage,
    Fault::Lag,
];

/// What happens to one member at a time.
pub(super) const MEMBERS_ONLY: [Fault; 3] = [Fault::Kill, Fault::Stop, Fault::Restart];

/// One fault and its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) number: u64,
    pub(super) fault: Fault,
    /// The member that it happens to, if it happens to one.
    pub(super) victim: usize,
    /// How long all is well before.
    pub(super) before: Duration,
    /// How long it lasts, unless it takes its own time.
    pub(super) length: Duration,
}

impl Round {
    /// The round with this number, from 1 on, of a soak in which these happen. Each of them has its turn
    /// before any has its second.
    pub(super) fn new(seed: u64, number: u64, faults: &[Fault]) -> Self {
        let number = number.max(1);
        let count = faults.len() as u64;
        let (lap, turn) = ((number - 1) / count, (number - 1) % count);
        let mut faults = faults.to_vec();
        let mut dice = Dice::new(seed, &["soak", "lap", &lap.to_string()]);
        for last in (1..faults.len()).rev() {
            faults.swap(last, dice.below(last + 1));
        }
        let fault = faults[usize::try_from(turn).unwrap_or_default()];
        let mut dice = Dice::new(seed, &["soak", "round", &number.to_string()]);
        let victim = dice.below(MEMBERS);
        let (before, length) = (dice.millis(300, 1000), dice.millis(500, 3000));
        Self { number, fault, victim, before, length }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, fault, victim, before, length } = self;
        write!(f, "round {number}: after {} ms, ", before.as_millis())?;
        let length = length.as_millis();
        match fault {
            Fault::Kill => write!(f, "member{victim} is killed for {length} ms"),
            Fault::Restart => write!(f, "member{victim} is restarted"),
            Fault::Stop => write!(f, "member{victim} hangs for {length} ms"),
            Fault::Isolate => write!(f, "member{victim} is cut from its peers for {length} ms"),
            Fault::Silence => write!(f, "member{victim} is cut from its clients for {length} ms"),
            Fault::Cuts => write!(f, "connections are cut for {length} ms"),
            Fault::Crowd => f.write_str("3000 changes elsewhere"),
            Fault::Outage => write!(f, "all members are killed for {length} ms"),
            Fault::Lag => write!(f, "member{victim} hangs until it needs a copy of the store"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_schedule() {
        let rounds =
            |seed| (1..40).map(|number| Round::new(seed, number, &ALL)).collect::<Vec<_>>();
        assert_eq!(rounds(1), rounds(1));
        assert_ne!(rounds(1), rounds(2));
    }

    #[test]
    fn each_fault_has_its_turn() {
        for all in [&ALL[..], &MEMBERS_ONLY] {
            let (count, mut expected) = (all.len() as u64, all.to_vec());
            expected.sort_unstable();
            for lap in 0..5 {
                let rounds = (1..=count).map(|turn| Round::new(3, lap * count + turn, all));
                let mut faults: Vec<_> = rounds.map(|round| round.fault).collect();
                faults.sort_unstable();
                assert_eq!(faults, expected);
            }
        }
    }
}
