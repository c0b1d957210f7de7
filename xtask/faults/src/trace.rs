//! What a caller did, and what that says.

use std::{collections::BTreeMap, time::Duration};

use etcd_v2_client::{Outcome, keys::Change};

use crate::contestant::Failed;

/// The calls of one caller, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) calls: Vec<Call>,
    /// How many swaps were refused by a comparison although they had been carried out.
    pub(crate) false_conflicts: usize,
    /// How many were refused because an earlier one, said to be unknown, was carried out late.
    pub(crate) late_conflicts: usize,
    /// How many other writes were carried out and said not to have been.
    pub(crate) wrong_labels: usize,
}

/// One call, in time since the caller began.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) number: usize,
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) end: End,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Ok,
    Failed(Failed),
}

impl End {
    pub(crate) const fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Ok => None,
            Self::Failed(failed) => Some(failed.outcome),
        }
    }
}

impl Call {
    /// Whether nobody knows what became of it, or not in detail.
    pub(crate) fn is_unknown(&self) -> bool {
        self.end.outcome() >= Some(Outcome::Unknown)
    }
}

impl Trace {
    /// The longest time without a success between these two moments.
    pub(crate) fn gap(&self, from: Duration, to: Duration) -> Duration {
        let successes = self.calls.iter().filter(|call| call.end == End::Ok).map(|call| call.ended);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for success in successes.filter(|at| *at > from && *at < to).chain([to]) {
            longest = longest.max(success.saturating_sub(last));
            last = success;
        }
        longest
    }

    /// When the first success came after this moment.
    pub(crate) fn first_success_after(&self, moment: Duration) -> Option<Duration> {
        let succeeded = |call: &&Call| call.end == End::Ok && call.ended > moment;
        self.calls.iter().find(succeeded).map(|call| call.ended)
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.end != End::Ok)
    }

    /// How many calls ended without anybody knowing what became of them.
    pub(crate) fn unknown(&self) -> usize {
        self.calls.iter().filter(|call| call.is_unknown()).count()
    }
}

/// What became of keys created in order, compared with what their creator was told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    pub(crate) wrong_labels: usize,
    pub(crate) twice: usize,
    pub(crate) missing: usize,
    /// Of those whose outcome was unknown, how many were created.
    pub(crate) unknown_applied: usize,
}

impl Audit {
    /// Compares calls with a listing of the directory.
    pub(crate) fn of(trace: &Trace, listing: &Change) -> Self {
        let values = listing.node().into_iter().flat_map(|node| node.children());
        let values = values.filter_map(|child| child.value());
        Self::compare(trace, values)
    }

    fn compare<'a>(trace: &Trace, values: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = BTreeMap::<&str, usize>::new();
        for value in values {
            *counts.entry(value).or_default() += 1;
        }
        let mut audit = Self::default();
        for call in &trace.calls {
            let count = counts.get(&*format!("p{}", call.number)).copied().unwrap_or_default();
            audit.twice += usize::from(count > 1);
            match call.end.outcome() {
                None => audit.missing += usize::from(count == 0),
                Some(Outcome::NotSent | Outcome::Rejected) => {
                    audit.wrong_labels += usize::from(count > 0);
                }
                Some(Outcome::Applied) => audit.wrong_labels += usize::from(count == 0),
                Some(Outcome::Unknown) => audit.unknown_applied += usize::from(count > 0),
            }
        }
        audit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn call(number: usize, ended: u64, outcome: Option<Outcome>) -> Call {
        let end = outcome.map_or(End::Ok, |outcome| {
            End::Failed(Failed { outcome, refusal: None, unavailable: false, text: String::new() })
        });
        Call { number, began: ms(ended), ended: ms(ended), end }
    }

    fn trace(calls: Vec<Call>) -> Trace {
        Trace { calls, ..Trace::default() }
    }

    #[test]
    fn a_gap_lies_between_successes_or_at_the_end() {
        let unknown = Some(Outcome::Unknown);
        let trace = trace(vec![
            call(1, 10, None),
            call(2, 90, unknown),
            call(3, 100, None),
            call(4, 130, None),
        ]);
        assert_eq!(trace.gap(ms(5), ms(140)), ms(90));
        assert_eq!(trace.gap(ms(100), ms(140)), ms(30));
        assert_eq!(trace.gap(ms(100), ms(900)), ms(770));
        assert_eq!(trace.gap(ms(200), ms(900)), ms(700));
        assert_eq!(trace.first_success_after(ms(10)), Some(ms(100)));
        assert_eq!((trace.unknown(), trace.failures().count()), (1, 1));
    }

    #[test]
    fn an_audit_tells_each_lie() {
        let calls = [
            (None, "once, as told"),
            (None, "missing"),
            (None, "twice"),
            (Some(Outcome::NotSent), "created all the same"),
            (Some(Outcome::Rejected), "not created"),
            (Some(Outcome::Unknown), "created"),
            (Some(Outcome::Unknown), "not created"),
            (Some(Outcome::Applied), "not created all the same"),
        ];
        let calls = calls.iter().zip(1..).map(|((outcome, _), number)| call(number, 0, *outcome));
        let audit =
            Audit::compare(&trace(calls.collect()), ["p1", "p3", "p3", "p4", "p6"].into_iter());
        assert_eq!(audit, Audit { wrong_labels: 2, twice: 1, missing: 1, unknown_applied: 1 });
    }
}
