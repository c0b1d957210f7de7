//! Waits, strung together: every change of a key, one after the other, or else a word about a gap.
//!
//! | state | what comes | next |
//! |---|---|---|
//! | idle | | checking if there is a doubt, else waiting |
//! | waiting, checking | accepted by another cluster | yield the gap, idle |
//! | waiting | accepted, and changes may have been left out before | idle |
//! | waiting, checking | accepted | the same |
//! | waiting | the same change again, of a stream | waiting |
//! | waiting | a change, of a stream that goes on | yield it if it is one that is asked for, waiting |
//! | waiting | a change | yield it if it is one that is asked for, idle |
//! | checking | a change that had not been told | yield the gap, idle |
//! | checking | a change | idle |
//! | waiting, checking | silence, of a member that lags behind | looking whether the index went back |
//! | waiting, checking | silence | idle |
//! | waiting | the history is gone, for a single key | looking whether the key was touched |
//! | waiting, checking | the history is gone | yield the gap, idle |
//! | looking | the key, or that there is none | yield the gap if there is one, idle |
//! | waiting | no change, for the second time here | yield the gap, idle |
//! | waiting, checking, looking | all members are of another cluster | idle |
//! | waiting, checking, looking | failed for good, or stopped | yield the error, over |
//! | waiting, checking, looking | ended empty | resting |
//! | waiting, checking, looking | failed for now | yield the error, resting |
//! | resting | elapsed, failed | idle |
//! | resting | failed, because stopped | yield the error, over |
//!
//! *Idle* only stands between two others: it lasts no time. What is known of the indexes, and why
//! nothing is lost between two waits, is in `place`; a single wait is in `waiting`.
//!
//! # Silence
//!
//! A wait that hears nothing for [`Policy::watch_idle`] is begun anew, on a new connection. That is how
//! a member is found out that hangs, is cut off or gone: the new wait gets no head within
//! [`Policy::wait_head`], and the next endpoint is asked. It keeps a quiet key within the history, too,
//! and it brings to light what open waits are not told of.
//!
//! # Streams
//!
//! With [`Wait::stream`], a wait that follows a change which happened while the watch was open asks for
//! a stream: the watch is up to date. etcd sends but one change from its history and then, for ever,
//! nothing; so a stream that begins with a change that is not newer than its head is left for a wait. So
//! is one that broke or was silent for too long, and one that told of more indexes than the doubts of
//! `place` could be settled for.

mod debug;
mod place;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use self::place::{Place, STRETCH, Sight};
use self::waiting::{Turn, Waiting};
use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Error, ErrorKind};
use crate::exchange::Exchange;
use crate::jitter::Jitter;
use crate::json::Malformed;
use crate::judge;
use crate::keys::{Change, Get, Wait};
use crate::monitor::Pending;
use crate::policy::Policy;

/// Every change of a key from some index on, in order, each once. Yields changes and errors.
///
/// After an error that may pass it goes on, with growing pauses. Where changes may be missing, the error
/// is a [`Gap`](crate::Gap), after which it goes on, too. After any other error, such as missing
/// rights, it ends.
pub struct Watch {
    wait: Wait,
    route: Route,
    policy: Arc<Policy>,
    jitter: Jitter,
    seed: u64,
    place: Place,
    /// Whether the last change was told as it happened.
    is_up_to_date: bool,
    /// After which index something was told that could not be understood.
    unreadable: Option<u64>,
    /// How many waits in a row came to nothing.
    failures: u32,
    state: State,
}

enum State {
    Idle,
    Waiting(Box<Waiting>),
    /// Looks through a stretch that has been told.
    Checking(Box<Waiting>),
    Looking(Box<Exchange<Get>>, Question),
    Resting {
        until: Duration,
    },
    /// Yields why, then is over.
    Stopped,
    Over,
}

/// What a read is to answer.
#[derive(Clone, Copy)]
enum Question {
    /// Whether the key was touched in the history that is gone, which is up to here.
    WasTouched(u64),
    /// Whether the index of the store went back.
    WentBack,
}

type Step = (State, Option<Result<Change, Error>>);

impl Watch {
    /// A watch that begins with this wait. `seed` makes its pauses differ from those of others.
    #[must_use]
    pub fn new(wait: Wait, route: Route, policy: Arc<Policy>, seed: u64) -> Self {
        let (place, jitter) = (Place::new(wait.index()), Jitter::new(seed));
        let (is_up_to_date, unreadable, failures, state) = (false, None, 0, State::Idle);
        Self {
            wait,
            route,
            policy,
            jitter,
            seed,
            place,
            is_up_to_date,
            unreadable,
            failures,
            state,
        }
    }

    /// The index after which changes have yet to come; none while that is "now".
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        self.place.after()
    }

    /// Whether the member that is asked was not there yet at which the store has been.
    pub(crate) const fn lags(&self) -> bool {
        self.place.lags()
    }

    /// Takes another route from the next wait on.
    pub fn reroute(&mut self, route: Route) {
        self.route = route;
    }

    /// Begins whatever is due.
    fn begin(&mut self, now: Duration) -> State {
        let check = self.place.doubtful_after();
        let stream = std::mem::take(&mut self.is_up_to_date) && check.is_none();
        let stream = stream && self.wait.may_stream();
        let mut wait = self.wait.clone();
        if let Some(after) = check.or_else(|| self.place.after()) {
            wait = wait.after(after);
        }
        if stream {
            wait = wait.streaming();
        }
        let (exchange, limit) = (self.exchange(wait.clone(), now), self.policy.max_answer);
        let waiting = Box::new(Waiting::new(wait, exchange, stream.then_some(limit)));
        if check.is_some() { State::Checking(waiting) } else { State::Waiting(waiting) }
    }

    fn ask(&mut self, question: Question, now: Duration) -> Step {
        let look = self.wait.look();
        (State::Looking(Box::new(self.exchange(look, now)), question), None)
    }

    fn exchange<R: crate::Request>(&mut self, request: R, now: Duration) -> Exchange<R> {
        self.seed = self.seed.wrapping_add(1);
        let route = self.place.guard(&self.route);
        Exchange::new(request, route, Arc::clone(&self.policy), self.seed, now)
    }

    /// A wait that was accepted, with how long it may be silent.
    fn accepted(&mut self, mut waiting: Box<Waiting>) -> Box<Waiting> {
        let patience = self.place.patience(&self.policy);
        waiting.bear(patience.map(|most| most.saturating_sub(self.jitter.up_to(most / 4))));
        waiting
    }

    fn changed(&mut self, now: Duration, waiting: Box<Waiting>, change: Change) -> Step {
        // A stream tells twice that the directory is removed that it is for.
        if waiting.is_stream() && change.index() == self.place.after() {
            return (State::Waiting(waiting), None);
        }
        let Some(index) = change.index().filter(|index| Some(*index) > self.place.after()) else {
            return self.failed(now, None, misplaced());
        };
        let head = waiting.meta();
        self.place.tell(index, &head);
        self.failures = 0;
        let ahead = head.etcd_index.map_or(0, |head| index.saturating_sub(head));
        let goes_on = waiting.is_stream() && (1..STRETCH).contains(&ahead);
        self.is_up_to_date = !waiting.is_stream() && ahead > 0;
        let state = if goes_on { State::Waiting(waiting) } else { State::Idle };
        (state, self.is_told(&change).then_some(Ok(change)))
    }

    fn checked(&mut self, now: Duration, change: &Change) -> Step {
        let after = self.place.doubtful_after();
        let Some(index) = change.index().filter(|index| Some(*index) > after) else {
            return self.failed(now, None, misplaced());
        };
        let gap = self.place.check(index, self.is_told(change));
        (State::Idle, gap.map(|gap| Err(gap.into())))
    }

    /// Whether it is a change that an open wait would be told of.
    fn is_told(&self, change: &Change) -> bool {
        change.key().is_some_and(|key| self.wait.is_for(key))
    }

    fn silent(&mut self, waiting: &Waiting) -> Step {
        if waiting.was_silent() {
            self.place.be_silent(&waiting.meta());
        }
        self.failures = 0;
        (State::Idle, None)
    }

    fn cleared(&mut self, now: Duration, to: u64) -> Step {
        if !self.wait.is_recursive() {
            return self.ask(Question::WasTouched(to), now);
        }
        (State::Idle, Some(Err(self.place.lose(to).into())))
    }

    /// A change could not be understood. The next wait is told it again, or what comes after it if it was
    /// garbled on the way; if it is told the same, only a leap leads on.
    fn unreadable(&mut self, now: Duration, waiting: &Waiting, error: Error) -> Step {
        let after = self.place.after();
        if self.unreadable == after
            && let Some(gap) = self.place.skip(&waiting.meta())
        {
            return (State::Idle, Some(Err(gap.into())));
        }
        self.unreadable = after;
        self.failed(now, None, error)
    }

    /// The key was read at this index and had been modified at that one, if it is there.
    fn looked(&mut self, question: Question, read: Option<u64>, modified: Option<u64>) -> Step {
        let gap = match question {
            Question::WasTouched(cleared) => self.place.look(cleared, read, modified),
            Question::WentBack => self.place.compare(read),
        };
        (State::Idle, gap.map(|gap| Err(gap.into())))
    }

    /// Something came to nothing; a wait may have been silent until then.
    fn failed(&mut self, now: Duration, waiting: Option<&Waiting>, error: Error) -> Step {
        if let Some(waiting) = waiting.filter(|waiting| waiting.was_silent()) {
            self.place.be_silent(&waiting.meta());
            self.failures = 0;
        }
        if let ErrorKind::WrongCluster { expected, .. } = error.kind() {
            self.place.leave_home(*expected);
            return (State::Idle, None);
        }
        if judge::stays(&error) {
            return (State::Over, Some(Err(error)));
        }
        let pause = self.jitter.up_to(self.policy.watch_pause_after(self.failures));
        self.failures = self.failures.saturating_add(1);
        // An empty answer is how some intermediaries end a wait; it only must not make us spin.
        let item = (!matches!(error.kind(), ErrorKind::EmptyBody)).then_some(Err(error));
        (State::Resting { until: now.saturating_add(pause) }, item)
    }
}

impl Conversation for Watch {
    type Item = Result<Change, Error>;

    fn poll(&mut self, now: Duration) -> Action<Self::Item> {
        loop {
            let turn = match &mut self.state {
                State::Waiting(waiting) | State::Checking(waiting) => {
                    waiting.poll(now, self.policy.silence)
                }
                State::Looking(exchange, _) => Turn::of(exchange.poll(now)),
                State::Resting { until } => Turn::Act(Action::Wait(until.saturating_sub(now))),
                State::Idle | State::Stopped => Turn::Due,
                State::Over => return Action::Finish(Ok(())),
            };
            if let Turn::Act(action) = turn {
                return action;
            }
            // What is asked next begins where this ended.
            if !matches!(turn, Turn::Accepted(_))
                && let Some(detour) = self.detour(now)
            {
                self.route.follow(&detour);
            }
            let (state, item) = match (std::mem::replace(&mut self.state, State::Over), turn) {
                (State::Waiting(waiting), Turn::Accepted(head)) => {
                    match self.place.see(now, &head) {
                        Sight::Gap(gap) => (State::Idle, Some(Err(gap.into()))),
                        Sight::Doubtful => (State::Idle, None),
                        Sight::Clear => (State::Waiting(self.accepted(waiting)), None),
                    }
                }
                (State::Checking(waiting), Turn::Accepted(head)) => {
                    match self.place.see(now, &head) {
                        Sight::Gap(gap) => (State::Idle, Some(Err(gap.into()))),
                        _ => (State::Checking(self.accepted(waiting)), None),
                    }
                }
                (State::Waiting(waiting), Turn::Changed(change)) => {
                    self.changed(now, waiting, change)
                }
                (State::Checking(_), Turn::Changed(change)) => self.checked(now, &change),
                (State::Waiting(_) | State::Checking(_), Turn::Silent) if self.place.lags() => {
                    self.ask(Question::WentBack, now)
                }
                (State::Waiting(waiting), Turn::Silent) => self.silent(&waiting),
                (State::Checking(_), Turn::Silent) => (State::Idle, None),
                (State::Waiting(_), Turn::Failed(error)) if error.is_history_cleared() => {
                    self.cleared(now, error.etcd().map_or(0, |refusal| refusal.index))
                }
                (State::Checking(_), Turn::Failed(error)) if error.is_history_cleared() => {
                    (State::Idle, Some(Err(self.place.check_failed().into())))
                }
                (State::Waiting(waiting), Turn::Failed(error)) if is_unreadable(&error) => {
                    self.unreadable(now, &waiting, error)
                }
                (State::Looking(_, question), Turn::Changed(change)) => {
                    // A directory keeps its index when it gets another ttl, so it proves nothing.
                    let file = change.node().filter(|node| node.is_file());
                    let modified = file.and_then(|file| file.modified_index());
                    self.looked(question, change.etcd_index(), modified)
                }
                (State::Looking(_, question), Turn::Failed(error)) if error.is_key_not_found() => {
                    // One that broke off does not tell its index.
                    let read = error.etcd().map(|refusal| refusal.index).filter(|read| *read > 0);
                    self.looked(question, read, None)
                }
                (State::Waiting(waiting), Turn::Failed(error)) => {
                    self.failed(now, Some(&waiting), error)
                }
                (State::Checking(_) | State::Looking(..), Turn::Failed(error)) => {
                    self.failed(now, None, error)
                }
                (State::Stopped, _) => (State::Over, Some(Err(ErrorKind::Stopped.into()))),
                // Nothing else comes of a state.
                _ => (self.begin(now), None),
            };
            self.state = state;
            if let Some(item) = item {
                return Action::Yield(item);
            }
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Waiting(waiting) | State::Checking(waiting) => waiting.handle(now, event),
            State::Looking(exchange, _) => exchange.handle(now, event),
            State::Resting { .. } => {
                let stopped = matches!(&event, Event::Failed(f) if f.cause() == Cause::Stopped);
                self.state = if stopped { State::Stopped } else { State::Idle };
            }
            State::Idle | State::Stopped | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Waiting(waiting) | State::Checking(waiting) => waiting.detour(now),
            State::Looking(exchange, _) => exchange.detour(now),
            _ => None,
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match &self.state {
            State::Waiting(waiting) | State::Checking(waiting) => waiting.pending(),
            State::Looking(exchange, _) => exchange.pending(),
            _ => None,
        }
    }
}

fn is_unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Malformed(_))
}

fn misplaced() -> Error {
    Malformed::new(0, "a change after the index that was asked for").into()
}
