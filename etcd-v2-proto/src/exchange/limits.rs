//! How long an exchange and its parts may take.

use std::sync::Arc;
use std::time::Duration;

use super::patience::{self, AttemptContext, AttemptLimits};
use super::turns::Turns;
use crate::cluster::Expected;
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
    /// How long the current attempt is expected to take.
    expected: Expected,
    /// Whether timeouts before may lengthen it.
    may_lengthen: bool,
    /// The size of the body, in KiB.
    upload: u32,
}

impl Limits {
    /// Those of a call that begins `now`.
    pub(super) fn new(
        policy: Arc<Policy>,
        purpose: Purpose,
        auth: bool,
        body: usize,
        now: Duration,
    ) -> Self {
        let upload = u32::try_from(body / 1024).unwrap_or(u32::MAX);
        let deadline = policy.deadline(purpose).map(|deadline| now.saturating_add(deadline));
        let (expected, may_lengthen) = (Expected::default(), true);
        Self { policy, purpose, auth, began: now, deadline, expected, may_lengthen, upload }
    }

    /// Ends by this time, if not before.
    pub(super) fn end_by(&mut self, deadline: Option<Duration>) {
        self.deadline = self.deadline.into_iter().chain(deadline).min();
    }

    pub(super) const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Sets how long the next attempt is expected to take, and whether timeouts before may lengthen it.
    pub(super) const fn expect(&mut self, expected: Expected, may_lengthen: bool) {
        (self.expected, self.may_lengthen) = (expected, may_lengthen);
    }

    /// How long the current attempt is expected to take at most, connecting included.
    pub(super) fn expected_duration(&self) -> Duration {
        let Some(response) = self.expected.response() else { return patience::UNKNOWN };
        let network = self.expected.network().unwrap_or(response);
        match self.expected.doublings {
            0 => network.saturating_add(response),
            times => network.saturating_add(response.saturating_mul(2_u32.saturating_pow(times))),
        }
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

    /// The timeouts that are left of the current attempt. The attempt began at `began`, and its current request was sent
    /// at `sent`: after a redirect, that is later.
    pub(super) fn of_attempt(
        &self,
        now: Duration,
        turns: &Turns,
        began: Duration,
        sent: Duration,
    ) -> Timing {
        let patience = self.patience(turns, began);
        let left = self.left(now);
        let rest = |limit: Option<Duration>, since| {
            limit.map(|limit| limit.saturating_sub(now.saturating_sub(since)))
        };
        let head = cut(rest(patience.head, began), left);
        let response = rest(patience.response, sent).and_then(|limit| cut(Some(limit), left));
        Timing::new(cut(patience.connect, left), head)
            .with_handshake(cut(self.policy.handshake, left))
            .with_response(response)
    }

    /// The limits of the question for the leader that was begun then: as long as the request itself may
    /// take, but no longer than it may take to connect.
    pub(super) fn of_vetting(&self, now: Duration, turns: &Turns, began: Duration) -> Timing {
        let mut timing = self.of_attempt(now, turns, began, began);
        let spent = now.saturating_sub(began);
        let connect = self.policy.connect.map(|limit| limit.saturating_sub(spent));
        match timing.response {
            Some(_) => timing.response = cut(connect, timing.response),
            None => timing.head = cut(connect, timing.head),
        }
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
            let expected = self.expected.response();
            patience::within_body(&self.policy, self.purpose, turns.pass(), expected)
        };
        let spent = now.saturating_sub(heard);
        cut(silence.map(|limit| limit.saturating_sub(spent)), self.left(now))
    }

    /// Whether the present attempt, which began then, is late with its head.
    pub(super) fn is_late(&self, now: Duration, turns: &Turns, began: Duration) -> bool {
        /// An endpoint is late after half of its timeout, or after this, but not before its response is expected.
        const LATE: Duration = Duration::from_millis(250);
        let late = self
            .patience(turns, began)
            .on_open_connection()
            .map_or(LATE, |limit| LATE.min(limit / 2));
        let usual = self.expected.response().or_else(|| self.expected.network());
        now.saturating_sub(began) >= late.max(usual.unwrap_or_default())
    }

    /// Whether the present attempt, which began then, waits for so long that it makes a difference to know
    /// whether that is in vain.
    pub(super) fn are_patient(&self, turns: &Turns, began: Duration) -> bool {
        const LONG: Duration = Duration::from_secs(1);
        self.patience(turns, began).on_open_connection().is_none_or(|limit| limit > LONG)
    }

    /// Whether a request that was sent at that time has waited as long as a response is expected to take at most. It has
    /// not if a short deadline ended it earlier.
    pub(super) fn has_waited_long_enough(&self, now: Duration, sent: Duration) -> bool {
        const LEAST: Duration = Duration::from_millis(100);
        let usual = self.expected.response().or_else(|| self.expected.network());
        now.saturating_sub(sent) >= usual.unwrap_or_default().max(LEAST)
    }

    #[inline]
    fn patience(&self, turns: &Turns, began: Duration) -> AttemptLimits {
        let (pass, others) = (turns.pass(), turns.others());
        let (expected, may_lengthen) = (self.expected, self.may_lengthen);
        let (spent, left) = (self.spent(began), self.left(began));
        let context = AttemptContext { pass, others, spent, left, expected, may_lengthen };
        let mut patience = patience::of_attempt(&self.policy, self.purpose, self.auth, context);
        if self.upload == 0 {
            return patience;
        }
        patience.response = patience.response.map(|limit| {
            let limit = limit.saturating_add(SLOW_UPLOAD.saturating_mul(self.upload));
            patience.head.map_or(limit, |head| limit.min(head))
        });
        patience
    }
}

/// How long sending each KiB of a body may take: 100 KiB a second.
const SLOW_UPLOAD: Duration = Duration::from_millis(10);

/// A limit, cut to what is left of the deadline, but long enough to be one.
fn cut(limit: Option<Duration>, left: Option<Duration>) -> Option<Duration> {
    let cut = match (limit, left) {
        (Some(limit), Some(left)) => Some(limit.min(left)),
        (limit, left) => limit.or(left),
    };
    cut.map(|cut| cut.max(Duration::from_millis(1)))
}
