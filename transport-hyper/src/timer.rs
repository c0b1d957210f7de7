//! A timer that is kept with its connection and set again.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

/// Rings at the moment that it was set to last.
///
/// To put off a timer that has not rung yet takes a tenth of what it takes to make one and to throw it
/// away again, so one lasts as long as its connection. It may ring once when nobody listens any more.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Whether it was never set: the first time, there has to be a runtime.
    pub(crate) const fn is_new(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn set(&mut self, moment: Instant) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().reset(moment),
            none => *none = Some(Box::pin(tokio::time::sleep_until(moment))),
        }
    }

    /// Becomes ready at that moment, or never if none was set.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            // A server that always has something more to say uses up what tokio lets a task do at a
            // time; that must not keep the timer from being looked at.
            Some(sleep) => pin!(unconstrained(sleep)).poll(context),
            None => Poll::Pending,
        }
    }
}
