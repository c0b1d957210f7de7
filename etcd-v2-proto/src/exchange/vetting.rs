//! Asking an endpoint whether it has a leader, or whether it answers at all, before a request is sent to it.
//!
//! A server that has just been started takes connections a while before it answers. What it is sent meanwhile it
//! carries out later, so of a write that may not be repeated nobody would know what becomes of it. So once all
//! endpoints were asked in vain, such a write is only sent to who answers this question.

use bytes::Bytes;
use http::response::Parts;
use http::{Request as HttpRequest, StatusCode};

use super::{Exchange, State};
use crate::cluster::Route;
use crate::error::{ErrorKind, Invalid, Outcome};
use crate::hop::Hop;
use crate::judge::Verdict;
use crate::members::Leader;
use crate::policy::Policy;
use crate::request::{Encoded, Meta, Request};

/// The question for the leader, to one endpoint.
#[derive(Debug)]
pub(super) struct Vetting {
    hop: Hop,
    encoded: Encoded,
}

impl Vetting {
    /// The question to the endpoint at this position.
    pub(super) fn new(route: &Route, position: usize) -> Result<Self, Invalid> {
        let encoded = Leader::default().encode()?;
        let hop = Hop::to(route, position, &encoded)?;
        Ok(Self { hop, encoded })
    }

    /// The question, as nobody in particular: everybody may know.
    pub(super) fn request(&self, policy: &Policy) -> HttpRequest<Bytes> {
        self.hop.request(&self.encoded, None, policy)
    }
}

impl<R: Request> Exchange<R> {
    /// What speaks against an endpoint that answers the question like this. What is no answer of etcd's is
    /// found out with the request itself.
    pub(super) fn objection(&self, head: &Parts) -> Option<ErrorKind> {
        if self.needs_leader() && head.status == StatusCode::SERVICE_UNAVAILABLE {
            return Some(ErrorKind::NoLeader);
        }
        let foreign = self.route.foreign(&Meta::from_headers(&head.headers));
        foreign.filter(|_| !self.policy.any_cluster)
    }

    fn needs_leader(&self) -> bool {
        self.policy.require_leader && self.encoded.consistency.is_some()
    }

    /// Asks the endpoint at the present position, for its leader before if there has to be one, or if nobody
    /// knows whether it answers.
    #[inline]
    pub(super) fn ask(&mut self) -> State<R::Output> {
        self.expect(Some(self.turns.position()));
        let once = !self.policy.may_repeat(self.encoded.purpose, Outcome::Unknown);
        let needs_care = once && self.route.budget().is_down();
        if self.needs_leader() || needs_care {
            let question = Vetting::new(&self.route, self.turns.position()).map(Box::new);
            let vetting = question.map(|question| State::Vetting { question, began: None });
            self.or_invalid(vetting)
        } else {
            self.ask_vetted()
        }
    }

    #[inline]
    pub(super) fn ask_vetted(&mut self) -> State<R::Output> {
        let hop = Hop::to(&self.route, self.turns.position(), &self.encoded);
        self.or_invalid(hop.map(|hop| State::Asking { hop, began: None, sent: None }))
    }

    #[inline]
    fn or_invalid(&mut self, state: Result<State<R::Output>, Invalid>) -> State<R::Output> {
        match state {
            Ok(state) => state,
            Err(invalid) => {
                let kind = invalid.into();
                let verdict = Verdict { kind, outcome: Outcome::NotSent, ask_others: false };
                State::Failed(self.tally.conclude(None, verdict))
            }
        }
    }
}
