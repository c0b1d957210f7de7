//! Whose turn it is: around the endpoints, and again.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::patience;
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
}

/// Who is asked after an attempt that came to nothing.
pub(super) enum Next {
    /// The endpoint whose turn it is now.
    Ask,
    /// The first one again, after a pause.
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
    /// its connection broke before an answer came; `left`: so much time is left.
    pub(super) fn after(
        &mut self,
        now: Duration,
        may_change: bool,
        broke: bool,
        left: Option<Duration>,
    ) -> Next {
        self.worth_another_pass |= may_change;
        let alone = broke && !self.purpose.writes() && self.endpoints == 1;
        if alone && !mem::replace(&mut self.asked_again, true) {
            return Next::Ask;
        }
        self.position = (self.position + 1) % self.endpoints;
        if self.position != 0 {
            return Next::Ask;
        }
        let again = mem::take(&mut self.worth_another_pass)
            && self.policy.allows_pass_after(self.purpose, self.pass);
        let took = now.saturating_sub(self.began);
        let (least, most) = patience::of_pause(self.pass, self.endpoints, took);
        let pause = least.saturating_add(self.jitter.up_to(most.saturating_sub(least)));
        if !again || left.is_some_and(|left| left <= pause) {
            return Next::Nobody;
        }
        self.pass = self.pass.saturating_add(1);
        self.began = now.saturating_add(pause);
        Next::Rest(pause)
    }
}
