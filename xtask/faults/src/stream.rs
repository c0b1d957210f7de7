//! What a watch delivered, compared with what was written.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

/// The changes that a watch delivered, in this order, and what it said besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// The index of each change, and when it came.
    pub(crate) changes: Vec<(u64, Duration)>,
    /// The indexes of which it said that their changes may be missing.
    pub(crate) gaps: Vec<RangeInclusive<u64>>,
}

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Changes that are missing although nobody said that they may be.
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) out_of_order: usize,
}

impl std::ops::AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.twice += other.twice;
        self.out_of_order += other.out_of_order;
    }
}

impl Stream {
    /// Looks for everything that is wrong, given the indices of all writes that were acknowledged.
    pub(crate) fn faults(&self, written: &[u64]) -> Faults {
        let seen: BTreeSet<_> = self.changes.iter().map(|(index, _)| *index).collect();
        let is_told =
            |index: &u64| seen.contains(index) || self.gaps.iter().any(|gap| gap.contains(index));
        let lost = written.iter().filter(|index| !is_told(index)).count();
        let in_order = |two: &&[(u64, Duration)]| two[0].0 < two[1].0;
        let falls = self.changes.windows(2).filter(|two| !in_order(two)).count();
        let twice = self.changes.len() - seen.len();
        Faults { lost, twice, out_of_order: falls.saturating_sub(twice) }
    }

    /// The longest time without a change between these two moments.
    pub(crate) fn silence(&self, from: Duration, to: Duration) -> Duration {
        let mut last = from;
        let mut longest = Duration::ZERO;
        let times = self.changes.iter().map(|(_, at)| *at).filter(|at| *at > from && *at < to);
        for at in times.chain([to]) {
            longest = longest.max(at.saturating_sub(last));
            last = at;
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(indices: &[u64]) -> Stream {
        let at = Duration::from_millis;
        let changes = indices.iter().map(|index| (*index, at(index * 10))).collect();
        Stream { changes, gaps: Vec::new() }
    }

    #[test]
    fn everything_once_and_in_order_is_right() {
        assert_eq!(stream(&[1, 2, 4]).faults(&[1, 2, 4]), Faults::default());
        // A write that nobody acknowledged may be seen.
        assert_eq!(stream(&[1, 2, 3]).faults(&[1, 3]), Faults::default());
    }

    #[test]
    fn each_fault_is_found() {
        let none = Faults::default();
        assert_eq!(stream(&[1, 3]).faults(&[1, 2, 3]), Faults { lost: 1, ..none });
        assert_eq!(stream(&[]).faults(&[1, 2]), Faults { lost: 2, ..none });
        assert_eq!(stream(&[1, 1, 2]).faults(&[1, 2]), Faults { twice: 1, ..none });
        assert_eq!(stream(&[2, 1]).faults(&[1, 2]), Faults { out_of_order: 1, ..none });
        let announced = Stream { gaps: vec![2..=2], ..stream(&[1, 3]) };
        assert_eq!(announced.faults(&[1, 2, 3]), none);
        let elsewhere = Stream { gaps: vec![4..=9], ..stream(&[1, 3]) };
        assert_eq!(elsewhere.faults(&[1, 2, 3]), Faults { lost: 1, ..none });
    }

    #[test]
    fn silence_is_measured_up_to_the_end() {
        let ms = Duration::from_millis;
        assert_eq!(stream(&[1, 2, 5]).silence(ms(10), ms(60)), ms(30));
        assert_eq!(stream(&[1, 2]).silence(ms(10), ms(100)), ms(80));
    }
}
