//! How long an exchange and its parts may take.

use std::sync::Arc;
use std::time::Duration;

use super::patience::{self, Standing};
use super::turns::Turns;
use crate::conversation::Timing;
use crate::policy::Policy;
use crate::request::Purpose;

/// The time limits of one call.
pub(super) struct Limits {
    policy: Arc<Policy>,
    purpose: Purpose,
    /// Whether the server has a password to check.
    auth: bool,
    began: Duration,
    /// When the call has to be over.
    deadline: Option<Duration>,
}

impl Limits {
    /// Those of a call that begins `now`.
    pub(super) fn new(policy: Arc<Policy>, purpose: Purpose, auth: bool, now: Duration) -> Self {
        let deadline = policy.deadline(purpose).map(|deadline| now.saturating_add(deadline));
        Self { policy, purpose, auth, began: now, deadline }
    }

    /// Ends by this time, if not before.
    pub(super) fn end_by(&mut self, deadline: Option<Duration>) {
        self.deadline = self.deadline.into_iter().chain(deadline).min();
    }

    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// For how long the call has been going on.
    pub(super) const fn spent(&self, now: Duration) -> Duration {
        now.saturating_sub(self.began)
    }

    /// What is left of the deadline.
    pub(super) fn left(&self, now: Duration) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(now))
    }

    /// Whether the deadline has passed.
    pub(super) fn are_over(&self, now: Duration) -> bool {
        self.left(now) == Some(Duration::ZERO)
    }

    /// The limits of the present attempt, which began then.
    pub(super) fn of_attempt(&self, now: Duration, turns: &Turns, began: Duration) -> Timing {
        let spent = now.saturating_sub(began);
        let head = self.head(turns, began).map(|limit| limit.saturating_sub(spent));
        let left = self.left(now);
        Timing::new(cut(self.policy.connect, left), cut(head, left))
            .with_handshake(cut(self.policy.handshake, left))
    }

    /// The limits of the question for the leader that was begun then: as long as the request itself may
    /// take, but no longer than it may take to connect.
    pub(super) fn of_vetting(&self, now: Duration, turns: &Turns, began: Duration) -> Timing {
        let mut timing = self.of_attempt(now, turns, began);
        let spent = now.saturating_sub(began);
        let connect = self.policy.connect.map(|limit| limit.saturating_sub(spent));
        timing.head = cut(connect, timing.head);
        timing
    }

    /// How long the next piece of a body may take, of which something was last heard then.
    pub(super) fn of_read(
        &self,
        now: Duration,
        heard: Duration,
        turns: &Turns,
        is_idle: bool,
    ) -> Option<Duration> {
        let silence = if is_idle {
            None
        } else {
            patience::within_body(&self.policy, self.purpose, turns.pass())
        };
        let spent = now.saturating_sub(heard);
        cut(silence.map(|limit| limit.saturating_sub(spent)), self.left(now))
    }

    /// Whether the present attempt, which began then, is late with its head.
    pub(super) fn is_late(&self, now: Duration, turns: &Turns, began: Duration) -> bool {
        /// An endpoint is late after half of the time that it was given, or after this.
        const LATE: Duration = Duration::from_millis(250);
        let late = self.head(turns, began).map_or(LATE, |limit| LATE.min(limit / 2));
        now.saturating_sub(began) >= late
    }

    /// Whether the present attempt, which began then, waits for so long that it makes a difference to know
    /// whether that is in vain.
    pub(super) fn are_patient(&self, turns: &Turns, began: Duration) -> bool {
        const LONG: Duration = Duration::from_secs(1);
        self.head(turns, began).is_none_or(|limit| limit > LONG)
    }

    fn head(&self, turns: &Turns, began: Duration) -> Option<Duration> {
        let (pass, others) = (turns.pass(), turns.others());
        let standing = Standing { pass, others, spent: self.spent(began), left: self.left(began) };
        patience::of_attempt(&self.policy, self.purpose, self.auth, standing)
    }
}

/// A limit, cut to what is left of the deadline, but long enough to be one.
fn cut(limit: Option<Duration>, left: Option<Duration>) -> Option<Duration> {
    let cut = match (limit, left) {
        (Some(limit), Some(left)) => Some(limit.min(left)),
        (limit, left) => limit.or(left),
    };
    cut.map(|cut| cut.max(Duration::from_millis(1)))
}
