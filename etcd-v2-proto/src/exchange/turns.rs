//! Whose turn it is: around the endpoints, and again.

#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::patience;
use crate::budget::Budget;
use crate::jitter::Jitter;
use crate::policy::Policy;
use crate::request::Purpose;

/// Which endpoint is asked, and which one after it.
pub(super) struct Turns {
    policy: Arc<Policy>,
    purpose: Purpose,
    jitter: Jitter,
    /// How many endpoints the route has.
    endpoints: usize,
    /// Which endpoint of the route is asked.
    position: usize,
    /// How many passes over the endpoints are complete.
    pass: u32,
    /// When this one began.
    began: Duration,
    /// Whether some attempt of this pass may end otherwise another time.
    worth_another_pass: bool,
    /// Whether the only endpoint has had its second chance.
    asked_again: bool,
    /// Whether the budget was spent when it was needed.
    was_held_back: bool,
}

/// Who is asked after an attempt that came to nothing.
pub(super) enum Next {
    /// The endpoint whose turn it is now.
    Ask,
    /// The same, after a pause.
    Rest(Duration),
    /// Nobody is left.
    Nobody,
}

impl Turns {
    pub(super) const fn new(
        policy: Arc<Policy>,
        purpose: Purpose,
        endpoints: usize,
        seed: u64,
        now: Duration,
    ) -> Self {
        Self {
            policy,
            purpose,
            jitter: Jitter::new(seed),
            endpoints,
            position: 0,
            pass: 0,
            began: now,
            worth_another_pass: false,
            asked_again: false,
            was_held_back: false,
        }
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    pub(super) const fn pass(&self) -> u32 {
        self.pass
    }

    /// How many endpoints have their turn after this one in the same pass.
    pub(super) const fn others(&self) -> usize {
        self.endpoints - 1 - self.position
    }

    /// The one whose turn it was came to nothing. `may_change`: it may do better another time; `broke`:
    /// its connection broke before an answer came; `left`: so much time is left; `budget`: that of the
    /// client.
    pub(super) fn after(
        &mut self,
        now: Duration,
        may_change: bool,
        broke: bool,
        left: Option<Duration>,
        budget: &Budget,
    ) -> Next {
        self.worth_another_pass |= may_change;
        let alone = broke && !self.purpose.writes() && self.endpoints == 1;
        if alone && !mem::replace(&mut self.asked_again, true) {
            return Next::Ask;
        }
        self.position = (self.position + 1) % self.endpoints;
        let mut pause = Duration::ZERO;
        if self.position == 0 {
            let again = mem::take(&mut self.worth_another_pass)
                && self.policy.allows_pass_after(self.purpose, self.pass);
            if !again {
                return Next::Nobody;
            }
            let took = now.saturating_sub(self.began);
            pause = self.between(patience::of_pause(self.pass, self.endpoints, took));
            self.pass = self.pass.saturating_add(1);
        }
        // Nothing is spent on an attempt that is too late anyway.
        let Some(mut pause) = self.within(pause, left) else { return Next::Nobody };
        if self.pass > 0 && !self.policy.retry_pause.is_zero() && !budget.take() {
            self.was_held_back = true;
            let rest = pause.max(self.between(patience::of_rest(&self.policy)));
            match self.within(rest, left) {
                Some(rest) => pause = rest,
                None => return Next::Nobody,
            }
        }
        if self.position == 0 {
            self.began = now.saturating_add(pause);
        }
        if pause.is_zero() { Next::Ask } else { Next::Rest(pause) }
    }

    /// Whether the call asked more seldom than it would have, because the budget was spent.
    pub(super) const fn was_held_back(&self) -> bool {
        self.was_held_back
    }

    /// The pause, if there is time for it: a read is rather asked once more shortly before its deadline than
    /// not at all.
    fn within(&mut self, pause: Duration, left: Option<Duration>) -> Option<Duration> {
        let Some(left) = left.filter(|left| pause >= *left) else { return Some(pause) };
        let last = LAST.saturating_add(self.jitter.up_to(LAST));
        (!self.purpose.writes() && left > LAST * 2).then(|| left.saturating_sub(last))
    }

    fn between(&mut self, (least, most): (Duration, Duration)) -> Duration {
        least.saturating_add(self.jitter.up_to(most.saturating_sub(least)))
    }
}

/// How long before its deadline a read is asked for the last time, at the least; twice as long at the most.
const LAST: Duration = Duration::from_millis(50);
