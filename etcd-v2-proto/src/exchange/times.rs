//! What an exchange adds to what is known of its endpoints: response times, and timeouts.

use std::time::Duration;

use http::response::Parts;

use super::{Exchange, State};
use crate::cluster::{Class, Expected, Standing};
use crate::conversation::{Connected, Stage};
use crate::request::Request;

impl<R: Request> Exchange<R> {
    /// A request goes to the endpoint at this position next, or to a server that is no endpoint.
    pub(super) fn expect(&mut self, position: Option<usize>) {
        let Some(position) = position else {
            return self.limits.expect(Expected::default(), true);
        };
        let auth = self.route.credentials().is_some();
        let class = self.class.unwrap_or(Class::Network);
        let state = self.route.state(position);
        let expected = state.expected(class, auth);
        let may_grow = state.standing() == Standing::Fine || !self.route.has_good_choice();
        self.limits.expect(expected, may_grow);
    }

    /// The same where the request costs the server nothing, so that its response times are those of the network.
    pub(crate) const fn of_network(mut self) -> Self {
        self.class = Some(Class::Network);
        self
    }

    /// The request went out on a new connection: its response time counts from when that was ready.
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
        let auth = self.route.credentials().is_some();
        self.learned.is_answered = true;
        self.route.budget().set_down(false);
        let (position, class, sent) = match &self.state {
            State::Asking { hop, sent: Some(sent), .. } => {
                // A redirect costs the server nothing, and a server that gives up on a request has waited for
                // something else.
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
        // A server that is not an endpoint is not asked again.
        let Some(position) = position else { return };
        let took = now.saturating_sub(sent);
        // The head of a wait comes at once, unless something on the way holds it back.
        let is_wait = self.class.is_none() && took < AT_ONCE;
        if let Some(class) = class.or_else(|| is_wait.then_some(Class::Network)) {
            let auth = auth && class != Class::Network;
            self.route.state(position).respond(class, auth, took);
        }
    }

    /// A time limit was reached.
    pub(super) fn note_timeout(&self, now: Duration, stage: Stage) {
        let auth = self.route.credentials().is_some();
        let (position, class, since) = match &self.state {
            State::Asking { hop, sent: Some(sent), .. } => (hop.position, Some(self.class), *sent),
            State::Vetting { began: Some(began), .. } | State::Vetted { began, .. } => {
                (Some(self.turns.position()), Some(Some(Class::Network)), *began)
            }
            // Of a body that stops, the head was in time.
            State::Reading { at, heard, .. } => (Some(*at), None, *heard),
            _ => return,
        };
        let Some(position) = position.filter(|_| self.limits.have_been_used(now, since)) else {
            return;
        };
        let state = self.route.state(position);
        match (stage, class) {
            (Stage::BeforeSend, _) => state.time_out(None),
            (Stage::AfterSend, Some(Some(class))) => {
                state.time_out(Some((class, auth && class != Class::Network)));
            }
            (Stage::AfterSend, _) => {}
        }
        if self.policy.late.is_some() {
            state.suspect(self.policy.probe);
        }
    }
}

/// The longest time that the head of a wait takes where nothing holds it back.
const AT_ONCE: Duration = Duration::from_secs(1);
