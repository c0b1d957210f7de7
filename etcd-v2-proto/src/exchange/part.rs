//! An exchange as a part of a longer conversation.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::{Exchange, State};
use crate::error::Error;
use crate::request::{Meta, Purpose, Request};
use crate::start::Start;

impl<R: Request> Exchange<R> {
    /// Within the deadline of a longer conversation.
    pub(crate) fn until(mut self, deadline: Option<Duration>) -> Self {
        self.end_by(deadline);
        self
    }

    /// The same, for one that has its place already.
    pub(crate) fn end_by(&mut self, deadline: Option<Duration>) {
        self.limits.end_by(deadline);
    }

    /// When the call has to be over.
    pub(crate) const fn deadline(&self) -> Option<Duration> {
        self.limits.deadline()
    }

    /// With what a conversation goes on that begins where this one was answered.
    pub(crate) fn continuation(&self, seed: u64, now: Duration) -> Start {
        let mut start = Start::new(self.route.clone(), Arc::clone(&self.policy), seed, now);
        start.follow(self, now);
        start
    }

    /// What it is for.
    pub(crate) const fn purpose(&self) -> Purpose {
        self.encoded.purpose
    }

    /// What is asked for.
    pub(crate) const fn request(&self) -> &R {
        &self.request
    }

    /// What the head of a success said, while its body is being read, and for how long it has been idle
    /// since, unless some of the body has come.
    pub(crate) fn head(&self, now: Duration) -> Option<(&Meta, Option<Duration>)> {
        match &self.state {
            State::Reading { head, body, heard, .. } if head.accepted => {
                let idle = body.is_empty().then(|| now.saturating_sub(*heard));
                Some((&head.meta, idle))
            }
            _ => None,
        }
    }

    /// The error that it has failed with, if it has. It is over then.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        if !matches!(self.state, State::Failed(_)) {
            return None;
        }
        match mem::replace(&mut self.state, State::Over) {
            State::Failed(error) => Some(self.conclude(error)),
            _ => None,
        }
    }
}
