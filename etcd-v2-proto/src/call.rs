//! One request and its answer, also where a first answer was lost.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | asking | answered | answered |
//! | asking | a write by `prevIndex` was refused after a lost attempt, or its success was cut | resolving |
//! | asking | failed otherwise | failed |
//! | resolving | *applied* | answered, by the document in the history |
//! | resolving | *not applied* | failed with the refusal, which is definite now |
//! | resolving | anything else | failed as before |
//! | resolving | stopped | failed, because stopped |
//!
//! This is what a client makes of a request. For nearly all of them it is no more than an
//! [`Exchange`]; only writes by `prevIndex` are repeated after an unknown attempt, and only of those the
//! history tells for certain what became of them. All of it is within the deadline of the call.

use std::fmt;
use std::time::Duration;

use crate::cluster::Detour;
use crate::conversation::{Action, Conversation, Event};
use crate::error::{Error, ErrorKind, Outcome};
use crate::exchange::Exchange;
use crate::monitor::Pending;
use crate::request::{Purpose, Request};
use crate::resolve::{Resolution, Resolve};
use crate::start::Start;

/// One request and its answer; see the [module](self). Yields once, or finishes with an error.
pub struct Call<R: Request> {
    /// It is large, and a call is handed on a few times before it begins.
    exchange: Box<Exchange<R>>,
    /// For the pauses of a resolution.
    seed: u64,
    /// Whether a change that is like ours is ours.
    trusting: bool,
    resolving: Option<Box<(Resolve, Error)>>,
}

impl<R: Request> Call<R> {
    /// A call that begins now.
    pub fn new(request: R, start: Start) -> Self {
        let Start { route, policy, seed, now } = start;
        let exchange = Box::new(Exchange::new(request, route, policy, seed, now));
        Self { exchange, seed, trusting: true, resolving: None }
    }

    /// What its request is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.exchange.purpose()
    }

    /// The same where rivals may well write the same value on the same condition: what looks like our
    /// change may be theirs then, unless a success had been announced.
    pub(crate) const fn suspicious(mut self) -> Self {
        self.trusting = false;
        self
    }

    /// Within the deadline of a longer conversation.
    pub(crate) fn until(mut self, deadline: Option<Duration>) -> Self {
        self.exchange.end_by(deadline);
        self
    }

    /// What follows from the end of the exchange.
    fn fail(&mut self, now: Duration, error: Error) -> Result<(), Error> {
        let is_open = match error.kind() {
            ErrorKind::Unresolved(_) => true,
            // The history would tell nothing more.
            ErrorKind::RefreshUnsupported(_) => false,
            _ => error.outcome() == Outcome::Applied,
        };
        if !is_open || error.mark().is_none_or(|mark| mark.guard().is_none()) {
            return Err(error);
        }
        let start = self.exchange.continuation(self.seed, now);
        let resolve = Resolve::until(&error, start, self.exchange.deadline());
        self.resolving = Some(Box::new((resolve, error)));
        Ok(())
    }

    /// What follows from the resolution.
    fn resolved(
        &self,
        mut resolve: Resolve,
        error: Error,
        end: Result<Resolution, Error>,
    ) -> Action<R::Output> {
        let is_certain = self.trusting || error.outcome() == Outcome::Applied;
        let error = match (end, error.kind()) {
            (Ok(Resolution::Applied(_)), _) if is_certain => {
                let document = resolve.take_document();
                match document.map(|document| self.exchange.request().decode(document)) {
                    Some(Ok(answer)) => return Action::Yield(answer),
                    _ => error,
                }
            }
            (Ok(Resolution::NotApplied(_)), ErrorKind::Unresolved(refusal)) => {
                let refusal = refusal.clone();
                error.because(refusal.into(), Outcome::Rejected)
            }
            (Err(end), _) if end.is_stopped() => {
                let outcome = error.outcome();
                error.because(ErrorKind::Stopped, outcome)
            }
            _ => error,
        };
        Action::Finish(Err(error))
    }
}

impl<R: Request> Conversation for Call<R> {
    type Item = R::Output;

    fn poll(&mut self, now: Duration) -> Action<R::Output> {
        if self.resolving.is_none() {
            self.exchange.advance(now);
            // An action is large, so it is not put aside to look at it.
            let Some(error) = self.exchange.take_error() else {
                return self.exchange.action(now);
            };
            if let Err(error) = self.fail(now, error) {
                return Action::Finish(Err(error));
            }
        }
        let Some((resolve, _)) = self.resolving.as_deref_mut() else {
            return Action::Finish(Ok(()));
        };
        let end = match resolve.poll(now).ended() {
            Ok(end) => end,
            Err(action) => return action,
        };
        match self.resolving.take() {
            Some(resolving) => self.resolved(resolving.0, resolving.1, end),
            None => Action::Finish(Ok(())),
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match self.resolving.as_deref_mut() {
            Some((resolve, _)) => resolve.handle(now, event),
            None => self.exchange.handle(now, event),
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match self.resolving.as_deref() {
            Some((resolve, _)) => resolve.detour(now),
            None => self.exchange.detour(now),
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match self.resolving.as_deref() {
            Some((resolve, _)) => resolve.pending(),
            None => self.exchange.pending(),
        }
    }
}

impl<R: Request> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
