//! How long a call may take, and who may end it sooner.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use etcd_v2_proto::{Connected, Failure, Interrupt, Stage, Timing};
use tokio::task::unconstrained;
use tokio::time::Instant;

use crate::socket::SocketState;
use crate::timer::Timer;

/// The limits of one call, counted from its start, and its interrupt.
pub(crate) struct Patience<'a> {
    pub(crate) started: Instant,
    /// All of them count from the start of the call. Those of later steps are set when the steps before them end.
    timing: Timing,
    interrupt: &'a Interrupt,
    /// That of the connection in use, as soon as there is one.
    pub(crate) timer: Timer,
    /// That of the connection in use, as soon as there is one.
    pub(crate) socket: Option<Arc<SocketState>>,
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
    /// Of a call that starts now.
    pub(crate) fn new(timing: Timing, interrupt: &'a Interrupt) -> Self {
        Self { started: Instant::now(), timing, interrupt, timer: Timer::default(), socket: None }
    }

    /// How much of the limit for connecting is left.
    pub(crate) fn left_to_connect(&self) -> Option<Duration> {
        let limit = self.timing.connect.into_iter().chain(self.timing.head).min()?;
        Some(limit.saturating_sub(self.started.elapsed()))
    }

    /// The time since the start of the call.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Starts the limit for the TLS handshake on a new connection, which took `connecting` to make.
    #[cfg(feature = "tls")]
    pub(crate) fn begin_handshake(&mut self, connecting: Duration) {
        self.timing.handshake = counted_from(connecting, self.timing.handshake_after(connecting));
    }

    /// Starts the limit for the response, on a new connection that is ready.
    ///
    /// For a connection that is reused, this limit counts from the start of the call.
    pub(crate) fn begin_response(&mut self, connected: Connected) {
        let Connected { connecting, ready, .. } = connected;
        self.timing.response = counted_from(ready, self.timing.response_after(connecting));
    }

    /// Fails if the interrupt was used.
    pub(crate) fn check(&self, stage: Stage) -> Result<(), Failure> {
        self.interrupt.take().map_or(Ok(()), |reason| Err(Failure::interrupted(stage, reason)))
    }

    /// Waits for `future`, up to the limit of the step or until the interrupt is used.
    ///
    /// What is ready is taken, even if it is late: a process that was stopped hears of its timers before it hears of its
    /// sockets.
    pub(crate) async fn wait<F: Future>(
        &mut self,
        step: Step,
        mut future: Pin<&mut F>,
    ) -> Result<F::Output, Failure> {
        let stage = step.stage();
        let mut is_limited = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            let failure = if let Poll::Ready(reason) = self.interrupt.poll(context) {
                Failure::interrupted(stage, reason)
            } else if !*is_limited.get_or_insert_with(|| self.set_timer(step)) {
                return Poll::Pending;
            } else {
                ready!(self.timer.poll(context));
                Failure::timed_out(stage)
            };
            Poll::Ready(self.late(future.as_mut(), context).ok_or(failure))
        })
        .await
    }

    /// What comes of it by what the socket holds, whether the runtime has heard of that or not.
    #[cold]
    fn late<F: Future>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Option<F::Output> {
        let mut future = pin!(unconstrained(future));
        let socket = self.socket.as_ref()?;
        for _ in 0..LATE_TURNS {
            let late = socket.read_directly(|| future.as_mut().poll(context));
            if let Poll::Ready(output) = late {
                return Some(output);
            }
        }
        None
    }

    /// Whether there is a limit.
    fn set_timer(&mut self, step: Step) -> bool {
        let own = match step {
            Step::Connecting => self.timing.connect,
            #[cfg(feature = "tls")]
            Step::Handshake => self.timing.handshake,
            Step::Answer => self.timing.response,
        };
        let limit = match (own, self.timing.head) {
            (Some(own), Some(head)) => Some(own.min(head)),
            (own, head) => own.or(head),
        };
        // A limit beyond the range of the clock is no limit.
        let moment = limit.and_then(|limit| self.started.checked_add(limit));
        if let Some(moment) = moment {
            self.timer.set(moment);
        }
        moment.is_some()
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

/// A limit that begins at `beginning`, counted from the start of the call.
fn counted_from(beginning: Duration, limit: Option<Duration>) -> Option<Duration> {
    limit.map(|limit| beginning.saturating_add(limit))
}

/// How many turns of reading a last look takes at most.
pub(crate) const LATE_TURNS: usize = 4;
