//! Whose turn it is: around the endpoints, and again.

#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::patience;
use crate::budget::{Budget, TOKENS};
use crate::cluster::Route;
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
    /// How many attempts were paid for out of the budget.
    paid: u32,
    /// Whether the budget was spent when it was needed.
    was_held_back: bool,
    /// Endpoints that want no request before a certain time.
    resting: Vec<(usize, Duration)>,
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
            paid: 0,
            was_held_back: false,
            resting: Vec::new(),
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
    /// its connection broke before an answer came; `left`: so much time is left; `route`: the
    /// endpoints.
    pub(super) fn after(
        &mut self,
        now: Duration,
        may_change: bool,
        broke: bool,
        left: Option<Duration>,
        route: &Route,
    ) -> Next {
        let budget = route.budget();
        self.worth_another_pass |= may_change;
        let alone = broke && !self.purpose.writes() && self.endpoints == 1;
        if alone && !mem::replace(&mut self.asked_again, true) {
            return Next::Ask;
        }
        let mut next = self.least_resting(now, route);
        let begins_pass = next <= self.position;
        let mut pause = Duration::ZERO;
        if begins_pass {
            if !mem::take(&mut self.worth_another_pass) {
                return Next::Nobody;
            }
            if !self.policy.allows_pass_after(self.purpose, self.pass) {
                // What was certainly rejected may be sent again to an endpoint that sent `Retry-After`.
                let first = self.resting.iter().min_by_key(|(_, until)| *until);
                match first.filter(|_| self.policy.passes.is_none()) {
                    Some((at, _)) => next = *at,
                    None => return Next::Nobody,
                }
            }
            let took = now.saturating_sub(self.began);
            pause = self.between(patience::of_pause(self.pass, self.endpoints, took));
            self.pass = self.pass.saturating_add(1);
        }
        self.position = next;
        let wanted = self.rest_of(next, now);
        if left.is_some_and(|left| wanted >= left && !wanted.is_zero()) {
            return Next::Nobody;
        }
        self.resting.retain(|(at, _)| *at != next);
        // Nothing is spent on an attempt that is too late anyway.
        let Some(mut pause) = self.within(pause, left) else { return Next::Nobody };
        let is_paid = self.pass > 0 && !self.policy.retry_pause.is_zero();
        if is_paid && budget.take() {
            self.paid += 1;
        } else if is_paid {
            // A call that has spent it all by itself has not been slowed down by others.
            self.was_held_back |= self.paid < TOKENS;
            let rest = pause.max(self.between(patience::of_rest(&self.policy)));
            match self.within(rest, left) {
                Some(rest) => pause = rest,
                None => return Next::Nobody,
            }
        }
        pause = pause.max(wanted);
        if begins_pass {
            self.began = now.saturating_add(pause);
        }
        if pause.is_zero() { Next::Ask } else { Next::Rest(pause) }
    }

    /// The endpoint whose turn it is wants no request before this time. A watch has pauses of its own.
    pub(super) fn rest_until(&mut self, time: Duration) {
        if self.purpose != Purpose::Wait {
            self.resting.push((self.position, time));
            self.worth_another_pass = true;
        }
    }

    /// The next endpoint in order, or the one after it that needs less rest. Later passes leave out dead endpoints, unless
    /// all are dead.
    fn least_resting(&self, now: Duration, route: &Route) -> usize {
        let next = (self.position + 1) % self.endpoints;
        let is_doubtful = route.has_unhealthy_endpoints();
        if self.resting.is_empty() && !is_doubtful {
            return next;
        }
        let in_order = (1..=self.endpoints).map(|step| (self.position + step) % self.endpoints);
        let is_last_choice = |at: usize| {
            let is_asked_again = self.pass > 0 || at <= self.position;
            is_doubtful && is_asked_again && route.is_dead(at)
        };
        in_order.min_by_key(|at| (is_last_choice(*at), self.rest_of(*at, now))).unwrap_or(next)
    }

    /// For how much longer an endpoint wants no request.
    fn rest_of(&self, position: usize, now: Duration) -> Duration {
        let own = self.resting.iter().filter(|(at, _)| *at == position);
        own.map(|(_, until)| until.saturating_sub(now)).max().unwrap_or_default()
    }

    /// The call got its response, so the budget gets back what the call took.
    pub(super) fn succeed(&self, budget: &Budget) {
        budget.give();
        if self.paid > 0 {
            budget.give_back(self.paid);
        }
    }

    /// Whether the call asked more seldom than it would have, because others had spent the budget.
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
