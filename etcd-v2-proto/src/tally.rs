//! The attempts of one call, and the error they come to.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{Attempt, Error, ErrorKind, Outcome};
use crate::judge::Verdict;

/// What went wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    attempts: Vec<Attempt>,
    /// The greatest outcome, also of attempts that are forgotten by now.
    worst: Option<Outcome>,
    writes: bool,
}

impl Tally {
    pub(crate) const fn new(writes: bool) -> Self {
        Self { attempts: Vec::new(), worst: None, writes }
    }

    /// Counts an attempt that came to nothing, though not for the whole call.
    pub(crate) fn count(&mut self, endpoint: Endpoint, at: Duration, verdict: Verdict) {
        /// Enough to see a pattern; a call without a deadline must not grow for ever.
        const MOST: usize = 64;
        let Verdict { kind, outcome, .. } = verdict;
        self.worst = self.worst.max(Some(outcome));
        if self.attempts.len() == MOST {
            self.attempts.remove(0);
        }
        self.attempts.push(Attempt { endpoint, at, kind, outcome });
    }

    /// The error of a call that ends with this answer or broken attempt.
    pub(crate) fn conclude(&mut self, endpoint: Option<Endpoint>, verdict: Verdict) -> Error {
        let Verdict { kind, outcome, .. } = verdict;
        let outcome = self.worst.map_or(outcome, |worst| worst.max(outcome));
        Error::of_call(kind, outcome, self.writes, endpoint, std::mem::take(&mut self.attempts))
    }

    /// The error of a call that found nobody who answered. Where all gave the same answer, such as
    /// that the v2 API is off, that is the error.
    pub(crate) fn nobody(&mut self) -> Error {
        if let Some(unfit) = self.unfit() {
            return self.out_of(unfit);
        }
        let case = |attempt: &Attempt| std::mem::discriminant(&attempt.kind);
        let alike = self.attempts.windows(2).all(|two| case(&two[0]) == case(&two[1]));
        if alike && let Some(last) = self.attempts.pop_if(|attempt| is_answer(&attempt.kind)) {
            let Attempt { endpoint, kind, outcome, .. } = last;
            return self.conclude(Some(endpoint), Verdict { kind, outcome, ask_others: true });
        }
        self.out_of(ErrorKind::Unavailable)
    }

    /// The error of a call that ran out of time.
    pub(crate) fn too_late(&mut self) -> Error {
        let kind = self.unfit().unwrap_or(ErrorKind::TimedOut);
        self.out_of(kind)
    }

    /// Why the last one who was there did not do, if it was for what the policy asks for.
    fn unfit(&self) -> Option<ErrorKind> {
        self.attempts.iter().rev().find_map(|attempt| match attempt.kind {
            ErrorKind::Stale { found, seen } => Some(ErrorKind::Stale { found, seen }),
            ErrorKind::NoLeader => Some(ErrorKind::NoLeader),
            _ => None,
        })
    }

    fn out_of(&mut self, kind: ErrorKind) -> Error {
        self.conclude(None, Verdict { kind, outcome: Outcome::NotSent, ask_others: false })
    }
}

/// Whether somebody said that, rather than nobody anything.
const fn is_answer(kind: &ErrorKind) -> bool {
    !matches!(kind, ErrorKind::Failed(_))
}
