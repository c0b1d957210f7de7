//! How an exchange uses and updates the response times of its endpoints.

use std::time::Duration;

use http::response::Parts;

use super::{Exchange, State};
use crate::cluster::{Class, Expected, Health};
use crate::conversation::{Connected, Stage};
use crate::request::Request;

impl<R: Request> Exchange<R> {
    /// Looks up how long the next request is expected to take. `position` is its endpoint; none for a server that is
    /// no endpoint.
    pub(super) fn expect(&mut self, position: Option<usize>) {
        let Some(position) = position else {
            return self.limits.expect(Expected::default(), true);
        };
        let class = self.class.unwrap_or(Class::Network);
        let state = self.route.state(position);
        let expected = state.expected(class, self.has_credentials(class));
        let may_lengthen = state.health() == Health::Healthy || !self.route.has_healthy_endpoint();
        self.limits.expect(expected, may_lengthen);
    }

    /// The same for a request that costs the server nothing: its response time is a round trip.
    pub(crate) const fn of_network(mut self) -> Self {
        self.class = Some(Class::Network);
        self
    }

    /// The request was sent on a new connection. Its response time counts from the moment when that was ready.
    pub(super) fn note_connection(&mut self, connected: Connected) {
        let (position, sent) = match &mut self.state {
            State::Asking { hop, sent: Some(sent), .. } => (hop.position, sent),
            State::Vetting { began: Some(began), .. } => (Some(self.turns.position()), began),
            _ => return,
        };
        *sent = sent.saturating_add(connected.ready);
        if let Some(position) = position {
            self.route.state(position).connect(connected.connecting);
        }
    }

    /// The head of a response has come.
    pub(super) fn note_response(&mut self, now: Duration, head: &Parts) {
        self.learned.is_answered = true;
        self.route.budget().set_down(false);
        let (position, class, sent) = match &self.state {
            State::Asking { hop, sent: Some(sent), .. } => {
                // A redirect costs the server nothing, and a server error comes after a timeout of the server.
                let class = match head.status {
                    status if status.is_redirection() => Some(Class::Network),
                    status if status.is_server_error() => None,
                    _ => self.class,
                };
                (hop.position, class, *sent)
            }
            State::Vetting { began: Some(began), .. } => {
                (Some(self.turns.position()), Some(Class::Network), *began)
            }
            _ => return,
        };
        // There are no estimates for servers that are no endpoints.
        let Some(position) = position else { return };
        let took = now.saturating_sub(sent);
        // The head of a wait comes at once, unless a proxy holds it back.
        let is_wait = self.class.is_none() && took < AT_ONCE;
        if let Some(class) = class.or_else(|| is_wait.then_some(Class::Network)) {
            self.route.state(position).respond(class, self.has_credentials(class), took);
        }
    }

    /// A timeout was reached.
    pub(super) fn note_timeout(&self, now: Duration, stage: Stage) {
        let (position, class, since) = match &self.state {
            State::Asking { hop, sent: Some(sent), .. } => (hop.position, self.class, *sent),
            State::Vetting { began: Some(began), .. } | State::Vetted { began, .. } => {
                (Some(self.turns.position()), Some(Class::Network), *began)
            }
            // The head came in time, and then the body stopped.
            State::Reading { at, heard, .. } => (Some(*at), None, *heard),
            _ => return,
        };
        let class = if stage == Stage::BeforeSend { Some(Class::Network) } else { class };
        let Some(position) = position.filter(|_| self.limits.has_waited_long_enough(now, since))
        else {
            return;
        };
        let state = self.route.state(position);
        if let Some(class) = class {
            state.time_out(class, self.has_credentials(class));
        }
        if self.policy.late.is_some() {
            state.mark_slow(self.policy.probe);
        }
    }

    /// Whether requests of this class have credentials.
    fn has_credentials(&self, class: Class) -> bool {
        class != Class::Network && self.route.credentials().is_some()
    }
}

/// The longest time that counts as the response time of a wait.
const AT_ONCE: Duration = Duration::from_secs(1);
