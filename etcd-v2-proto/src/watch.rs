//! Waits, strung together: every change of a key, one after the other.
//!
//! | state | action or event | next |
//! |---|---|---|
//! | idle | | waiting, from the index after the last change |
//! | waiting | the wait yields | yield the change, idle |
//! | waiting | the wait yields a change of another key | idle |
//! | waiting | the wait ends empty | resting |
//! | waiting | the history is gone, but the watch was idle up to a later index | idle |
//! | waiting | stopped | yield the error, over |
//! | waiting | the wait fails, for now | yield the error, resting |
//! | waiting | the wait fails, for good | yield the error, over |
//! | resting | elapsed | idle |
//! | resting | failed, because stopped | yield the error, over |
//!
//! After a change, the next wait begins after that change's index. A watch that began "now" is pinned to
//! the index that the first head tells, so that an interruption loses nothing. After any other wait that
//! ended without a change, the next one begins where that one did. Only if the history from there on is
//! gone by then, and the wait had been idle for a while, it begins after the index that the head told:
//! the server had looked at everything up to there before it had to wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Code, Error, ErrorKind};
use crate::exchange::Exchange;
use crate::jitter::Jitter;
use crate::json::Malformed;
use crate::keys::{Change, Wait};
use crate::policy::Policy;

/// Every change of a key from some index on. Yields changes and errors.
///
/// After an error that may pass it goes on, with growing pauses; after any other, such as missing
/// rights or history that the server has dropped, it ends.
pub struct Watch {
    wait: Wait,
    route: Route,
    policy: Arc<Policy>,
    jitter: Jitter,
    seed: u64,
    /// Up to which index an idle wait has certainly seen everything.
    idle_at: Option<u64>,
    /// How many waits in a row came to nothing.
    failures: u32,
    state: State,
}

enum State {
    Idle,
    /// `seen` is the index that the head told, once it means something.
    Waiting {
        exchange: Box<Exchange<Wait>>,
        seen: Option<u64>,
    },
    Resting {
        until: Duration,
    },
    /// Yields why, then is over.
    Stopped,
    Over,
}

impl Watch {
    /// A watch that begins with this wait. `seed` makes its pauses differ from those of others.
    #[must_use]
    pub const fn new(wait: Wait, route: Route, policy: Arc<Policy>, seed: u64) -> Self {
        let jitter = Jitter::new(seed);
        Self { wait, route, policy, jitter, seed, idle_at: None, failures: 0, state: State::Idle }
    }

    /// The index after which changes have yet to come; none while that is "now".
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        self.wait.index()
    }

    /// Takes another route from the next wait on.
    pub fn reroute(&mut self, route: Route) {
        self.route = route;
    }

    /// What is next after a wait ended.
    fn after(&mut self, now: Duration, seen: Option<u64>, end: Result<Change, Error>) -> Step {
        let before = self.wait.index();
        let error = match end {
            Ok(change) if change.index() > before => {
                self.advance(change.index());
                (self.failures, self.idle_at) = (0, None);
                // From its history, etcd also tells of a removed directory whose name is but the
                // beginning of the watched one.
                let concerns = change.key().is_some_and(|key| self.wait.concerns(key));
                return (State::Idle, concerns.then_some(Ok(change)));
            }
            Ok(_) => Malformed::new(0, "a change after the index that was asked for").into(),
            Err(error) => error,
        };
        if before.is_none() {
            self.advance(seen);
        } else {
            self.idle_at = self.idle_at.max(seen);
        }
        if error.is_history_cleared() && self.idle_at > before {
            let idle_at = self.idle_at.take();
            self.advance(idle_at);
            return (State::Idle, None);
        }
        if is_permanent(&error) {
            return (State::Over, Some(Err(error)));
        }
        let pause = self.jitter.up_to(Policy::pause_after(self.failures));
        self.failures = self.failures.saturating_add(1);
        // An empty answer is how some intermediaries end a wait; it only must not make us spin.
        let item = (!matches!(error.kind(), ErrorKind::EmptyBody)).then_some(Err(error));
        (State::Resting { until: now.saturating_add(pause) }, item)
    }

    /// Goes on after this index.
    fn advance(&mut self, index: Option<u64>) {
        if let Some(index) = index {
            self.wait = self.wait.clone().after(index);
        }
    }
}

type Step = (State, Option<Result<Change, Error>>);

impl Conversation for Watch {
    type Item = Result<Change, Error>;

    fn poll(&mut self, now: Duration) -> Action<Self::Item> {
        loop {
            let (exchange, seen) = match &mut self.state {
                State::Idle => {
                    self.seed = self.seed.wrapping_add(1);
                    let (wait, route) = (self.wait.clone(), self.route.clone());
                    let policy = Arc::clone(&self.policy);
                    let exchange = Box::new(Exchange::new(wait, route, policy, self.seed, now));
                    self.state = State::Waiting { exchange, seen: None };
                    continue;
                }
                State::Waiting { exchange, seen } => (exchange, *seen),
                State::Resting { until } => return Action::Wait(until.saturating_sub(now)),
                State::Stopped => {
                    self.state = State::Over;
                    return Action::Yield(Err(ErrorKind::Stopped.into()));
                }
                State::Over => return Action::Finish(Ok(())),
            };
            let end = match exchange.poll(now) {
                Action::Send { request, timing } => return Action::Send { request, timing },
                Action::Read { timeout } => return Action::Read { timeout },
                Action::Wait(pause) => return Action::Wait(pause),
                Action::Yield(change) => Ok(change),
                Action::Finish(Err(error)) => Err(error),
                // An exchange yields or fails; it is asked no further.
                Action::Finish(Ok(())) => return Action::Finish(Ok(())),
            };
            let (state, item) = self.after(now, seen, end);
            self.state = state;
            if let Some(item) = item {
                return Action::Yield(item);
            }
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Waiting { exchange, seen } => {
                /// What a server has in its history, it sends right after the head.
                const SETTLED: Duration = Duration::from_secs(1);
                let from_now = self.wait.index().is_none();
                let mut note = |exchange: &Exchange<Wait>| {
                    if let Some((meta, idle)) = exchange.head(now)
                        && (from_now || idle.is_some_and(|idle| idle >= SETTLED))
                    {
                        *seen = meta.etcd_index.or(*seen);
                    }
                };
                note(exchange);
                exchange.handle(now, event);
                note(exchange);
            }
            State::Resting { .. } => {
                let stopped = matches!(&event, Event::Failed(f) if f.cause() == Cause::Stopped);
                self.state = if stopped { State::Stopped } else { State::Idle };
            }
            State::Idle | State::Stopped | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Waiting { exchange, .. } => exchange.detour(now),
            _ => None,
        }
    }
}

/// Whether asking again can only bring the same error.
pub(crate) fn is_permanent(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Etcd(refusal) => {
            !matches!(refusal.code, Code::RAFT_INTERNAL | Code::LEADER_ELECT)
        }
        ErrorKind::Api(refusal) => stays(refusal.status),
        ErrorKind::Unexpected(answer) => stays(answer.status),
        ErrorKind::Invalid(_)
        | ErrorKind::V2Disabled
        | ErrorKind::TooLarge { .. }
        | ErrorKind::RequestLineTooLong { .. }
        | ErrorKind::Stopped => true,
        _ => false,
    }
}

/// Whether a status is about the request, and not about the moment.
fn stays(status: StatusCode) -> bool {
    let passes = matches!(status.as_u16(), 408 | 425 | 429);
    status.is_client_error() && !passes
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "idle",
            State::Waiting { .. } => "waiting",
            State::Resting { .. } => "resting",
            State::Stopped => "stopped",
            State::Over => "over",
        };
        f.debug_struct("Watch")
            .field("wait", &self.wait)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
