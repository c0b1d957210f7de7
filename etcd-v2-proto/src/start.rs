//! What a conversation begins with.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Route;
use crate::conversation::Conversation;
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::request::Request;

/// What a client gives to a conversation that begins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start {
    /// Whom to ask, in order, and as whom.
    pub route: Route,
    /// How patient to be.
    pub policy: Arc<Policy>,
    /// What makes the pauses of this conversation differ from those of others.
    pub seed: u64,
    /// The time since the driver began.
    pub now: Duration,
}

impl Start {
    /// A conversation that begins `now`.
    #[must_use]
    pub const fn new(route: Route, policy: Arc<Policy>, seed: u64, now: Duration) -> Self {
        Self { route, policy, seed, now }
    }

    /// An exchange that is a part of the conversation and begins `now`.
    pub fn exchange<R: Request>(&mut self, request: R, now: Duration) -> Exchange<R> {
        self.seed = self.seed.wrapping_add(1);
        let (route, policy) = (self.route.clone(), Arc::clone(&self.policy));
        Exchange::new(request, route, policy, self.seed, now)
    }

    /// The exchanges that follow begin where this one was answered.
    pub(crate) fn follow<R: Request>(&mut self, exchange: &Exchange<R>, now: Duration) {
        if let Some(detour) = exchange.detour(now) {
            self.route.follow(&detour);
        }
    }
}
