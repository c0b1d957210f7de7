//! Finding out what became of a write whose answer was lost.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | reading | a write by `prevIndex`, and the index is still that one | *not yet* |
//! | reading | a write by `prevIndex`, and the index became another one before the call | *not applied* |
//! | reading | another write, and nothing has changed since before the call | *not yet* |
//! | reading | a push, and one child is as it would be | *applied* |
//! | reading | otherwise, or there is no such key | walking from the last index known before the call |
//! | walking | a write by `prevIndex`: the first change of that index is ours, or is not | *applied*, *not applied* |
//! | walking | another write: a change up to the index that was read | walking after it, keeping it if it is ours |
//! | walking | code 401 | walking through the history that is left, then *history gone* |
//! | walking | beyond the index that was read, or quiet | one of ours: *applied*; several, or a deletion: *ambiguous*; none: *not yet* |
//! | any | failed | failed |
//! | any | polled after the deadline | failed |
//!
//! The read goes through consensus, so the member that answers it has the history up to the index that it
//! tells; the waits go to the same member, which answers from that history at once. A *write by
//! `prevIndex`* can only have been carried out as the first change after that index, so what the first one
//! is decides. A deletion has nothing to tell it from a rival's, though: it is *ambiguous* unless its success
//! had been announced. Any other write is looked for by its value among all changes, and if it is not there yet, it
//! may still come: a member that was stopped carries out what it had received when it wakes up.

use std::fmt;
use std::mem;
use std::time::Duration;

use crate::cluster::Detour;
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Code, Error, ErrorKind, EtcdError, Invalid, Outcome};
use crate::exchange::Exchange;
use crate::keys::{Change, Get, Mark, Wait, previous_index};
use crate::monitor::Pending;
use crate::request::{Document, Encoded, Request};
use crate::start::Start;

/// What became of a write whose answer was lost.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth possibility")]
pub enum Resolution {
    /// It was carried out: this is its change, as the answer would have told it. None if the success had
    /// been announced, but the history does not tell which change it is.
    Applied(Option<Change>),
    /// It was not carried out, and never will be. If another change came first, this is it, as far as it
    /// is known.
    NotApplied(Option<Change>),
    /// Nobody knows, or not yet.
    Unknown(Doubt),
}

/// Why nobody knows what became of a write.
#[derive(Debug)]
#[non_exhaustive]
pub enum Doubt {
    /// It has not been carried out so far, but a member that was stopped or cut off may still do so.
    NotYet,
    /// There is a change such as the write would have made, but nothing tells whether it is ours: it has
    /// no value, as a deletion, or there are several. This is the last one.
    Ambiguous(Change),
    /// The history that would tell is gone: the servers keep the last 1000 changes of the whole store.
    HistoryGone,
    /// The history does not tell of such a write, which is so for a refresh.
    Untold,
}

/// Finds out what became of a write whose answer was lost. Yields once, or finishes with an error.
pub struct Resolve {
    start: Start,
    mark: Option<Mark>,
    /// Whether a success had been announced.
    announced: bool,
    deadline: Option<Duration>,
    /// A change like ours, and what it was decoded from.
    found: Option<Found>,
    /// Whether there was another one before.
    several: bool,
    /// Whether some of the history that was wanted is gone.
    gone: bool,
    state: State,
}

/// A change, and the document that says so.
pub(crate) type Found = (Change, Document);

enum State {
    Reading(Box<Exchange<Get>>),
    /// `after` is where the wait began, `upto` where the walk ends.
    Walking {
        exchange: Box<Exchange<Recorded>>,
        after: u64,
        upto: u64,
    },
    Done(Result<Resolution, Error>),
    Over,
}

impl Resolve {
    /// Finds out what became of the write that failed with this error. It takes no longer than a write
    /// may, counted from now.
    #[must_use]
    pub fn new(error: &Error, start: Start) -> Self {
        let limit = start.policy.write_deadline;
        let deadline = limit.map(|limit| start.now.saturating_add(limit));
        Self::until(error, start, deadline)
    }

    /// The same with another deadline.
    pub(crate) fn until(error: &Error, mut start: Start, deadline: Option<Duration>) -> Self {
        let state = match error.mark() {
            Some(mark) => State::Reading(read(&mut start, mark, deadline)),
            None if error.outcome() == Outcome::NotSent || was_refused(error) => {
                State::Done(Ok(Resolution::NotApplied(None)))
            }
            None => State::Done(Err(not_a_write().into())),
        };
        let announced = error.outcome() == Outcome::Applied;
        let mark = error.mark().cloned();
        Self { start, mark, announced, deadline, found: None, several: false, gone: false, state }
    }

    /// The document of the change that was found.
    pub(crate) fn take_document(&mut self) -> Option<Document> {
        self.found.take().map(|(_, document)| document)
    }

    /// What is there now tells what became of the write, or how far to walk.
    fn look(&mut self, now: Duration, mark: &Mark, node: Result<Change, Error>) -> State {
        let (begins, is_there) = (mark.begins(), node.is_ok());
        let upto = match node {
            Ok(read) if mark.is_in_order() => {
                if let Some(child) = read.node().and_then(|directory| mark.only_child(directory)) {
                    return found(read.creation_of(child));
                }
                read.etcd_index()
            }
            Ok(read) => read.index(),
            Err(error) => match error.etcd() {
                Some(refusal) if is_missing(refusal) => Some(refusal.index),
                _ => return State::Done(Err(error)),
            },
        };
        // Without an index, the walk ends where nothing more comes.
        let upto = upto.filter(|index| *index > 0).unwrap_or(u64::MAX);
        match mark.guard() {
            Some(guard) if is_there && upto <= guard => self.unknown(Doubt::NotYet),
            _ if !mark.is_told() => self.unknown(Doubt::Untold),
            Some(_) if upto <= begins => State::Done(Ok(Resolution::NotApplied(None))),
            None if upto <= begins => self.unknown(Doubt::NotYet),
            _ => self.walk(now, mark, begins, upto),
        }
    }

    fn walk(&mut self, now: Duration, mark: &Mark, after: u64, upto: u64) -> State {
        let exchange = self.start.exchange(Recorded(mark.wait(after)), now).until(self.deadline);
        State::Walking { exchange: Box::new(exchange), after, upto }
    }

    /// What follows from a change in the history.
    fn step(
        &mut self,
        now: Duration,
        mark: &Mark,
        (after, upto): (u64, u64),
        change: Result<Found, Error>,
    ) -> State {
        let (change, document) = match change {
            Ok(found) => found,
            Err(error) if error.is_history_cleared() => {
                return self.skip(now, mark, (after, upto), &error);
            }
            Err(error) => return State::Done(Err(error)),
        };
        // A change that is not after the index that was asked for would make the walk endless.
        let Some(index) = change.index().filter(|index| *index > after) else {
            return self.end(mark);
        };
        let concerns = mark.wait(after).is_certainly_for(&change);
        if mark.is_of(&change) {
            self.several |= self.found.is_some();
            self.found = Some((change, document));
            if mark.guard().is_some() {
                return self.end(mark);
            }
        } else if let Some(guard) = mark.guard()
            && concerns
            && (!self.gone || previous_index(&change) == Some(guard))
        {
            return State::Done(Ok(Resolution::NotApplied(Some(change))));
        }
        if index < upto { self.walk(now, mark, index, upto) } else { self.end(mark) }
    }

    /// Goes on with the history that is left, once.
    fn skip(
        &mut self,
        now: Duration,
        mark: &Mark,
        (after, upto): (u64, u64),
        error: &Error,
    ) -> State {
        /// How far the history reaches back, less some for what is written meanwhile.
        const REACH: u64 = 950;
        let index = error.etcd().map_or(0, |refusal| refusal.index);
        let oldest = index.saturating_sub(REACH);
        if mem::replace(&mut self.gone, true) || oldest <= after || oldest >= upto {
            return self.end(mark);
        }
        self.walk(now, mark, oldest, upto)
    }

    /// The history is at its end.
    fn end(&mut self, mark: &Mark) -> State {
        let is_certain = mark.has_value() || self.announced;
        match &self.found {
            Some((change, _)) if !self.several && is_certain => found(change.clone()),
            Some((change, _)) => {
                let doubt = Doubt::Ambiguous(change.clone());
                self.unknown(doubt)
            }
            None if self.gone => self.unknown(Doubt::HistoryGone),
            None if mark.guard().is_some() => self.unknown(Doubt::Untold),
            None => self.unknown(Doubt::NotYet),
        }
    }

    /// Nothing tells, though a success that was announced is one.
    fn unknown(&self, doubt: Doubt) -> State {
        State::Done(Ok(if self.announced {
            Resolution::Applied(None)
        } else {
            Resolution::Unknown(doubt)
        }))
    }

    /// For how much longer the server has nothing to tell, before that is an answer.
    fn patience(&self, now: Duration) -> Option<Duration> {
        /// What a server has in its history, it sends right after the head.
        const QUIET: Duration = Duration::from_secs(1);
        let State::Walking { exchange, .. } = &self.state else { return None };
        let (_, idle) = exchange.head(now)?;
        idle.map(|idle| QUIET.saturating_sub(idle))
    }
}

impl Conversation for Resolve {
    type Item = Resolution;

    fn poll(&mut self, now: Duration) -> Action<Resolution> {
        loop {
            let quiet = self.patience(now);
            let action = match &mut self.state {
                State::Reading(exchange) => exchange.poll(now).ended().map(Heard::Node),
                State::Walking { exchange, .. } => exchange.poll(now).ended().map(Heard::Change),
                State::Done(_) | State::Over => {
                    return match mem::replace(&mut self.state, State::Over) {
                        State::Done(Ok(resolution)) => Action::Yield(resolution),
                        State::Done(Err(error)) => Action::Finish(Err(error)),
                        _ => Action::Finish(Ok(())),
                    };
                }
            };
            let heard = match action {
                Ok(heard) => heard,
                Err(Action::Read { timeout }) => {
                    let timeout = timeout.into_iter().chain(quiet).min();
                    return Action::Read { timeout };
                }
                Err(action) => return action,
            };
            let Some(mark) = self.mark.clone() else {
                return Action::Finish(Ok(()));
            };
            self.state = match (mem::replace(&mut self.state, State::Over), heard) {
                (State::Reading(exchange), Heard::Node(node)) => {
                    // The history is asked for where it is up to date.
                    self.start.follow(&exchange, now);
                    self.look(now, &mark, node)
                }
                (State::Walking { exchange, after, upto }, Heard::Change(change)) => {
                    self.start.follow(&exchange, now);
                    self.step(now, &mark, (after, upto), change)
                }
                (state, _) => state,
            };
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        let quiet = self.patience(now).is_some();
        match &mut self.state {
            State::Reading(exchange) => exchange.handle(now, event),
            State::Walking { .. } if quiet && is_silence(&event) => {
                if let Some(mark) = self.mark.clone() {
                    self.state = self.end(&mark);
                }
            }
            State::Walking { exchange, .. } => exchange.handle(now, event),
            State::Done(_) | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Reading(exchange) => exchange.detour(now),
            State::Walking { exchange, .. } => exchange.detour(now),
            State::Done(_) | State::Over => None,
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match &self.state {
            State::Reading(exchange) => exchange.pending(),
            State::Walking { exchange, .. } => exchange.pending(),
            State::Done(_) | State::Over => None,
        }
    }
}

impl fmt::Debug for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolve").field("mark", &self.mark).finish_non_exhaustive()
    }
}

/// What one of the exchanges came to.
enum Heard {
    Node(Result<Change, Error>),
    Change(Result<Found, Error>),
}

fn read(start: &mut Start, mark: &Mark, deadline: Option<Duration>) -> Box<Exchange<Get>> {
    let now = start.now;
    Box::new(start.exchange(mark.get(), now).until(deadline))
}

/// Whether nothing came in the time that was given.
fn is_silence(event: &Event) -> bool {
    match event {
        Event::Elapsed => true,
        Event::Failed(failure) => failure.cause() == Cause::TimedOut,
        _ => false,
    }
}

/// Whether there is no such key, whatever is in the way of it.
fn is_missing(refusal: &EtcdError) -> bool {
    matches!(refusal.code, Code::KEY_NOT_FOUND | Code::NOT_A_DIRECTORY)
}

fn found(change: Change) -> State {
    State::Done(Ok(Resolution::Applied(Some(change))))
}

fn was_refused(error: &Error) -> bool {
    error.is_of_a_write() && !error.may_have_applied()
}

fn not_a_write() -> Invalid {
    let reason = "is not that of a write to the keys, whose history could tell what became of it";
    Invalid::new("error", reason)
}

/// A wait that keeps the document of its change: it is what the write would have been answered with.
struct Recorded(Wait);

impl Request for Recorded {
    type Output = Found;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.0.encode()
    }

    fn decode(&self, mut document: Document) -> Result<Found, ErrorKind> {
        let change = self.0.decode(document.clone())?.told_as_answered();
        document.meta = *change.meta();
        Ok((change, document))
    }
}
