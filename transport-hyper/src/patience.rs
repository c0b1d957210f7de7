//! How long a call may take, and who may end it sooner.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use etcd_v2_proto::{Failure, Interrupt, Stage, Timing};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep};

/// The limits of one call, counted from its start, and its interrupt.
pub(crate) struct Patience<'a> {
    started: Instant,
    timing: Timing,
    interrupt: &'a Interrupt,
    /// Kept by the caller, so that it needs no allocation; empty until something has to be waited for.
    timer: Pin<&'a mut Option<Sleep>>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A connection, through a proxy or not.
    Connecting,
    /// The end of the TLS handshake.
    #[cfg(feature = "tls")]
    Handshake,
    /// The head of the answer to a request that may be on its way.
    Answer,
}

impl<'a> Patience<'a> {
    pub(crate) const fn new(
        started: Instant,
        timing: Timing,
        interrupt: &'a Interrupt,
        timer: Pin<&'a mut Option<Sleep>>,
    ) -> Self {
        Self { started, timing, interrupt, timer }
    }

    /// Fails if the interrupt was used.
    pub(crate) fn check(&self, stage: Stage) -> Result<(), Failure> {
        self.interrupt.take().map_or(Ok(()), |reason| Err(Failure::interrupted(stage, reason)))
    }

    /// Waits for `future`, up to the limit of the step or until the interrupt is used.
    ///
    /// What is ready is taken, even if it is late.
    pub(crate) async fn wait<F: Future>(
        &mut self,
        step: Step,
        future: F,
    ) -> Result<F::Output, Failure> {
        let stage = step.stage();
        let mut future = pin!(future);
        let mut is_set = false;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if let Poll::Ready(reason) = self.interrupt.poll(context) {
                return Poll::Ready(Err(Failure::interrupted(stage, reason)));
            }
            if !is_set {
                is_set = true;
                self.set_timer(step);
            }
            match self.timer.as_mut().as_pin_mut() {
                // A server that always has something more to say uses up what tokio lets a task do at
                // a time; that must not keep the timer from being looked at.
                Some(timer) => pin!(unconstrained(timer))
                    .poll(context)
                    .map(|()| Err(Failure::timed_out(stage))),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn set_timer(&mut self, step: Step) {
        // A moment that the clock cannot express never comes.
        let after = |start: Instant, limit| start.checked_add(limit);
        let head = self.timing.head.and_then(|limit| after(self.started, limit));
        let own = match step {
            Step::Connecting => self.timing.connect.and_then(|limit| after(self.started, limit)),
            #[cfg(feature = "tls")]
            Step::Handshake => self.timing.handshake.and_then(|limit| after(Instant::now(), limit)),
            Step::Answer => None,
        };
        let deadline = own.into_iter().chain(head).min();
        match (deadline, self.timer.as_mut().as_pin_mut()) {
            (Some(deadline), Some(timer)) => timer.reset(deadline),
            (Some(deadline), None) => self.timer.set(Some(tokio::time::sleep_until(deadline))),
            (None, _) => self.timer.set(None),
        }
    }
}

impl Step {
    const fn stage(self) -> Stage {
        match self {
            Self::Connecting => Stage::BeforeSend,
            #[cfg(feature = "tls")]
            Self::Handshake => Stage::BeforeSend,
            Self::Answer => Stage::AfterSend,
        }
    }
}
