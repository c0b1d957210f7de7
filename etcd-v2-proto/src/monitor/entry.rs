//! The attempts under way.

use std::time::Duration;

use super::Pending;
use crate::endpoint::Endpoint;
use crate::interrupt::{AbandonReason, Interrupt};
use crate::policy::Policy;
use crate::request::Purpose;

/// An attempt that waits for its server.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) endpoint: Endpoint,
    interrupt: Interrupt,
    pub(super) phase: Phase,
    /// When the phase began, or something was heard in it.
    pub(super) since: Duration,
    pub(super) patience: Patience,
    /// Which of the endpoint's reigns it was last seen in.
    reign: Option<u32>,
    /// Whether the cluster has been without a leader since, as the endpoint sees it.
    pub(super) is_doubtful: bool,
    /// Whether it went to a leader that is gone. What is sent while there is none is kept for the next one.
    is_lost: bool,
    /// Whether the endpoint had no leader at the last look.
    is_vacant: bool,
    /// When the endpoint was first seen to have a leader again, if it is lost.
    succeeded: Option<Duration>,
    /// Whether its driver has been told to leave.
    pub(super) is_left: bool,
}

/// What it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of a write, or of a quorum read: what has to be proposed to the leader.
    Proposing,
    /// The first piece of its body.
    Reading,
    /// The head of a wait.
    Opening,
    /// A change.
    Idle,
}

/// How patient it is, from its policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    late: Option<Duration>,
    idle: Option<Duration>,
    no_leader: Option<Duration>,
    /// The longest that a probe may take.
    pub(super) probe: Duration,
}

impl Entry {
    /// One that begins `now`, if it is worth a look at all.
    pub(super) fn new(now: Duration, pending: &Pending<'_>, interrupt: &Interrupt) -> Option<Self> {
        let phase = match pending.purpose {
            Purpose::Read | Purpose::Listing => return None,
            Purpose::Wait => Phase::Opening,
            Purpose::QuorumRead
            | Purpose::QuorumListing
            | Purpose::GuardedWrite
            | Purpose::Write => Phase::Proposing,
        };
        let patience = Patience::of(pending);
        let is_watched = match phase {
            Phase::Proposing => patience.late.is_some(),
            _ => patience.late.is_some() || patience.idle.is_some(),
        };
        is_watched.then(|| Self {
            endpoint: pending.endpoint.clone(),
            interrupt: interrupt.clone(),
            phase,
            since: now,
            patience,
            reign: None,
            is_doubtful: false,
            is_lost: false,
            is_vacant: false,
            succeeded: None,
            is_left: false,
        })
    }

    /// The head of its answer is there.
    pub(super) const fn has_head(&mut self, now: Duration) {
        self.phase = match self.phase {
            Phase::Proposing | Phase::Reading => Phase::Reading,
            Phase::Opening | Phase::Idle => Phase::Idle,
        };
        self.since = now;
        // Whatever has become of the leader, it has answered.
        self.is_doubtful = false;
    }

    /// When its endpoint is to be probed, of which the last probe began at that time.
    pub(super) fn due(&self, last: Option<Duration>) -> Option<Duration> {
        let begin = match self.phase {
            Phase::Idle => {
                return Some(last.max(Some(self.since))?.saturating_add(self.patience.idle?));
            }
            _ => self.since.saturating_add(self.patience.late?),
        };
        Some(match last {
            Some(last) if last >= begin => last.saturating_add(AGAIN),
            _ => begin,
        })
    }

    /// When another endpoint is to be probed after its own one named a leader in a probe that began at that time:
    /// at once if it is late, seldom if it is idle. `compared` is when that was last done for this endpoint.
    pub(super) fn comparison_due(
        &self,
        named: Duration,
        compared: Option<Duration>,
    ) -> Option<Duration> {
        match self.phase {
            Phase::Proposing | Phase::Opening => {
                let is_late = named >= self.since.saturating_add(self.patience.late?);
                (is_late && compared < Some(named)).then_some(named)
            }
            Phase::Reading => None,
            Phase::Idle => {
                let pause = self.patience.idle?.saturating_mul(COMPARE);
                Some(compared.max(Some(self.since))?.saturating_add(pause))
            }
        }
    }

    /// Takes note of what a probe found `now`, in which `reign` of the endpoint; `vacancy` is since when there
    /// had been no leader, and `is_vacant` whether there is still none.
    pub(super) fn note(
        &mut self,
        now: Duration,
        reign: u32,
        vacancy: Option<Duration>,
        is_vacant: bool,
    ) {
        if self.phase != Phase::Proposing {
            return;
        }
        let last = self.reign.replace(reign);
        self.is_vacant = is_vacant;
        let has_changed = is_vacant || last.is_some_and(|last| last != reign);
        self.is_doubtful |= has_changed;
        self.is_lost |= has_changed && vacancy.is_none_or(|since| self.since < since);
        let is_succeeded = self.is_lost && !is_vacant;
        self.succeeded = is_succeeded.then(|| self.succeeded.unwrap_or(now));
    }

    /// When it is to be left for having been without a leader.
    pub(super) fn ends(&self) -> Option<Duration> {
        let limit = self.patience.no_leader.filter(|_| self.is_doubtful)?;
        let end = self.since.saturating_add(limit);
        Some(self.succeeded.map_or(end, |at| end.min(at.saturating_add(SETTLED))))
    }

    /// Why it is to be left for having been without a leader.
    pub(super) const fn reason(&self, now: Duration) -> AbandonReason {
        if self.is_vacant {
            AbandonReason::NoLeader { waited: now.saturating_sub(self.since) }
        } else {
            AbandonReason::LeaderChanged
        }
    }

    /// Tells its driver to leave, by way of the result.
    pub(super) fn leave(&mut self, reason: AbandonReason) -> (Interrupt, AbandonReason) {
        self.is_left = true;
        (self.interrupt.clone(), reason)
    }
}

impl Patience {
    fn of(pending: &Pending<'_>) -> Self {
        let Policy { late, probe, watch_probe, no_leader, .. } = *pending.policy;
        let late = late.map(|late| late.max(pending.expected));
        Self { late, idle: watch_probe, no_leader, probe }
    }
}

/// How long after there is a leader again an answer may still be on its way.
const SETTLED: Duration = Duration::from_millis(500);

/// After how many probes on behalf of idle watches another endpoint is probed as well.
const COMPARE: u32 = 10;

/// How long after a probe the next one follows while somebody is late.
pub(super) const AGAIN: Duration = Duration::from_millis(500);
