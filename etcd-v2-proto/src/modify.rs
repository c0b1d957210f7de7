//! Reading a value, and writing another one in its place if nobody else did.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | reading | a value, or no such key, and the caller wants another value | writing |
//! | reading | the same, and the caller wants nothing changed | done |
//! | reading | a directory | failed: code 102 |
//! | reading | failed otherwise | failed |
//! | writing | written | done |
//! | writing | somebody else was faster (codes 100, 101, 105) | resting |
//! | writing | failed otherwise | failed |
//! | resting | elapsed, failed otherwise | reading |
//! | resting | failed, because stopped | failed |
//!
//! The write is conditional on the index that was read, which is the one condition that a late copy
//! cannot meet. All of it is within the deadline of a write, and ends after 64 rounds at the latest.

use std::fmt;
use std::mem;
use std::time::Duration;

use http::StatusCode;

use crate::call::Call;
use crate::cluster::Detour;
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Code, Error, ErrorKind, EtcdError, Outcome};
use crate::exchange::Exchange;
use crate::jitter::Jitter;
use crate::keys::{Change, Get, Node, Set};
use crate::monitor::Pending;
use crate::policy::Policy;
use crate::start::Start;

/// Reads a value and writes what the caller makes of it, again and again while others are faster. Yields
/// the write, or none if nothing was to be changed, or finishes with an error.
pub struct Modify<F> {
    start: Start,
    get: Get,
    change: F,
    jitter: Jitter,
    deadline: Option<Duration>,
    /// How many times somebody else was faster.
    conflicts: u32,
    state: State,
}

enum State {
    Reading(Box<Exchange<Get>>),
    Writing(Box<Call<Set>>),
    /// With how the last write was refused.
    Resting {
        until: Duration,
        refusal: Error,
    },
    Done(Result<Option<Change>, Error>),
    Over,
}

impl<F: FnMut(Option<&str>) -> Option<String>> Modify<F> {
    /// Replaces the value at the key of `get` by what `change` makes of it: it is given the present value,
    /// none if there is no such key, and returns the new one, or none to leave everything as it is.
    pub fn new(get: Get, change: F, mut start: Start) -> Self {
        let (get, jitter) = (get.quorum(), Jitter::new(start.seed));
        let limit = start.policy.write_deadline;
        let deadline = limit.map(|limit| start.now.saturating_add(limit));
        let now = start.now;
        let state = State::Reading(Box::new(start.exchange(get.clone(), now).until(deadline)));
        Self { start, get, change, jitter, deadline, conflicts: 0, state }
    }

    fn read(&mut self, now: Duration) -> State {
        let exchange = self.start.exchange(self.get.clone(), now).until(self.deadline);
        State::Reading(Box::new(exchange))
    }

    /// What follows from the read.
    fn write(&mut self, now: Duration, read: Result<Change, Error>) -> State {
        let node = match &read {
            Ok(change) => change.node(),
            Err(error) if error.is_key_not_found() => None,
            Err(_) => return State::Done(read.map(Some)),
        };
        if node.is_some_and(Node::is_dir) {
            return State::Done(Err(not_a_file(node.map_or("/", Node::key)).into()));
        }
        let Some(value) = (self.change)(node.and_then(Node::value)) else {
            return State::Done(Ok(None));
        };
        let write = self.get.write(value);
        let write = match node.and_then(Node::modified_index) {
            Some(index) => write.if_index(index),
            None => write.if_absent(),
        };
        let start = Start { now, ..self.start.clone() };
        self.start.seed = self.start.seed.wrapping_add(1);
        State::Writing(Box::new(Call::new(write, start).suspicious().until(self.deadline)))
    }

    /// What follows from the write.
    fn written(&mut self, now: Duration, written: Result<Change, Error>) -> State {
        /// Enough for a crowd; without a deadline, it has to end at some time.
        const MOST: u32 = 64;
        let refusal = match written {
            Err(error) if was_overtaken(&error) => error,
            written => return State::Done(written.map(Some)),
        };
        self.conflicts = self.conflicts.saturating_add(1);
        let pause = self.jitter.up_to(Policy::pause_after(self.conflicts.min(3)));
        let until = now.saturating_add(pause);
        if self.conflicts >= MOST || self.deadline.is_some_and(|deadline| until >= deadline) {
            return State::Done(Err(refusal));
        }
        State::Resting { until, refusal }
    }
}

impl<F: FnMut(Option<&str>) -> Option<String>> Conversation for Modify<F> {
    type Item = Option<Change>;

    fn poll(&mut self, now: Duration) -> Action<Self::Item> {
        loop {
            let action = match &mut self.state {
                State::Reading(exchange) => exchange.poll(now).ended(),
                State::Writing(call) => call.poll(now).ended(),
                State::Resting { until, .. } => return Action::Wait(until.saturating_sub(now)),
                State::Done(_) | State::Over => {
                    return match mem::replace(&mut self.state, State::Over) {
                        State::Done(Ok(change)) => Action::Yield(change),
                        State::Done(Err(error)) => Action::Finish(Err(error)),
                        _ => Action::Finish(Ok(())),
                    };
                }
            };
            let end = match action {
                Ok(end) => end,
                Err(action) => return action,
            };
            self.state = match mem::replace(&mut self.state, State::Over) {
                State::Reading(exchange) => {
                    self.start.follow(&exchange, now);
                    self.write(now, end)
                }
                State::Writing(call) => {
                    if let Some(detour) = call.detour(now) {
                        self.start.route.follow(&detour);
                    }
                    self.written(now, end)
                }
                state => state,
            };
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Reading(exchange) => exchange.handle(now, event),
            State::Writing(call) => call.handle(now, event),
            State::Resting { .. } => {
                let stopped = matches!(&event, Event::Failed(f) if f.cause() == Cause::Stopped);
                self.state = match mem::replace(&mut self.state, State::Over) {
                    State::Resting { refusal, .. } if stopped => {
                        State::Done(Err(refusal.because(ErrorKind::Stopped, Outcome::Rejected)))
                    }
                    _ => self.read(now),
                };
            }
            State::Done(_) | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Reading(exchange) => exchange.detour(now),
            State::Writing(call) => call.detour(now),
            _ => None,
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match &self.state {
            State::Reading(exchange) => exchange.pending(),
            State::Writing(call) => call.pending(),
            _ => None,
        }
    }
}

impl<F> fmt::Debug for Modify<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Modify").field("get", &self.get).finish_non_exhaustive()
    }
}

/// Whether a write was refused for what somebody else did meanwhile.
fn was_overtaken(error: &Error) -> bool {
    // Of a refusal that was cut, only the status is left.
    let cut = matches!(error.kind(), ErrorKind::Unexpected(answer)
        if answer.status == StatusCode::PRECONDITION_FAILED);
    let overtaken =
        error.is_compare_failed() || error.is_already_exists() || error.is_key_not_found();
    (overtaken || cut) && !error.may_have_applied()
}

/// What the server says of a directory that is to be written like a file.
fn not_a_file(key: &str) -> EtcdError {
    EtcdError {
        code: Code::NOT_A_FILE,
        message: "Not a file".to_owned(),
        cause: key.to_owned(),
        index: 0,
        status: StatusCode::FORBIDDEN,
    }
}
