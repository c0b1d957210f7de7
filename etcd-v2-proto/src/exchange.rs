//! One request and its answer, with failover, redirects and time limits.
//!
//! | state | event | next |
//! |---|---|---|
//! | vetting | head from another cluster, or 503 where there has to be a leader | *not sent* |
//! | vetting | any other head | vetted |
//! | vetted | chunk | vetted; too much: asking |
//! | vetted | end | asking the same endpoint |
//! | vetting, vetted | failed, elapsed | *not sent* |
//! | asking | head 301, 302, 307, 308 | asking the target, or *rejected* |
//! | asking | head from another cluster | *unknown* if it is a success, else *rejected* or *unknown* by its status |
//! | asking | head that is older than what was seen | *rejected* |
//! | asking | any other head | reading |
//! | asking | failed before sending | *not sent* |
//! | asking | failed after sending, elapsed | *unknown* |
//! | reading | chunk | reading; the last of a known length: as the end; too large: as the end, or *applied* or *unknown* if it is a success |
//! | reading | end of a success | answered; about another key or action: *unknown*; undecodable: *applied* or *unknown*; an error response all the same: *rejected* or *unknown*, by its code |
//! | reading | end of a refusal | *rejected* or *unknown*, by status and body |
//! | reading | failed, elapsed | as the end, or *applied* or *unknown* if it is a success |
//! | resting | elapsed, failed otherwise | asking whose turn it is |
//! | any | failed, because stopped | over |
//! | vetting, vetted, asking, reading | polled after the deadline | as elapsed; over, if nobody was asked yet |
//! | asking, a write | polled again without an event | *unknown* |
//!
//! Asking begins with vetting, which is the question whether the endpoint has a leader, where
//! [`Policy::require_leader`] is set, and for writes that may not be repeated once all endpoints were asked in vain: a
//! server that has just been started takes connections before it answers. A head that is older than what was seen is one only where the policy asks
//! for [monotonic](crate::Consistency::Monotonic) reads; where a whole pass brought none that is newer, the next
//! pass is made of quorum reads.
//!
//! A success that cannot be read is *applied* only if etcd is known to have sent it: by the header
//! `X-Etcd-Index` or `X-Etcd-Cluster-Id`, or because an action or a key that suits the request was decoded
//! before the body broke (for other APIs than that of the keys: a valid document). Otherwise it is *unknown*.
//!
//! A label in italics ends an attempt, and what follows depends on what the request is for:
//!
//! | label | read | wait | write by `prevIndex` | other write |
//! |---|---|---|---|---|
//! | *not sent* | next endpoint | next endpoint | next endpoint | next endpoint |
//! | *rejected* by 501, 421, 425, 429, a bare 404, a refused redirect or for its age | next endpoint | next endpoint | next endpoint | next endpoint |
//! | *rejected* otherwise | over | over | over; after an *unknown* one: over, *unknown* | over |
//! | *unknown* | next endpoint | next endpoint | next endpoint | over, unless [`Policy::at_least_once`] |
//! | *applied* | next endpoint; too large: over | over | over | over, unless [`Policy::at_least_once`] |
//!
//! A write on the condition of the index may be repeated, because a late copy can only fail. But if it is
//! refused then, that may be the work of its own earlier copy: the error is
//! [`Unresolved`](ErrorKind::Unresolved), and a [`Call`](crate::Call) finds out.
//!
//! An endpoint that answers 429 or 503 with `Retry-After` has no turn before that. Where every endpoint rests,
//! so does the call, if there is time for it. That is the one case in which a write that was rejected is sent
//! to the same endpoint again. Status 408 counts as a connection that broke: the outcome is *unknown*.
//!
//! After the last endpoint a read, or a write by `prevIndex`, rests and begins another pass, until its
//! deadline or [`Policy::passes`]. It rests before each further endpoint, too, once the calls of the client
//! have spent what they may on [asking again](Policy::retry_pause). A read whose connection broke before a
//! head came is asked once more at once if there is only one endpoint: a kept-alive connection may have
//! turned out dead. A wait whose head has come is not repeated here, since the [watch](crate::watch) knows
//! better from which index on.

mod attempt;
mod head;
mod learned;
mod limits;
mod part;
mod patience;
mod refused;
mod retry_after;
mod state;
mod times;
mod turns;
mod vetting;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use http::response::Parts;

use crate::cluster::{Class, Detour, Progress, Route};
use crate::conversation::{Action, Cause, Conversation, Event, Failure, Stage};
use crate::error::{Error, ErrorKind, Outcome};
use crate::framing::{Framer, Overflow, body_length};
use crate::hop::{self, Hop};
use crate::judge::{self, Verdict};
use crate::monitor::Pending;
use crate::policy::{Consistency, Policy};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::tally::Tally;

use head::Head;
use learned::Learned;
use limits::Limits;
use state::State;
use turns::{Next, Turns};

/// One request and its answer. Yields once, or finishes with an error.
pub struct Exchange<R: Request> {
    request: R,
    encoded: Encoded,
    /// The class of its response times; none for waits.
    class: Option<Class>,
    route: Route,
    policy: Arc<Policy>,
    limits: Limits,
    turns: Turns,
    tally: Tally,
    learned: Learned,
    state: State<R::Output>,
}

impl<R: Request> Exchange<R> {
    /// An exchange that begins `now`. `seed` makes its pauses differ from those of other clients.
    pub fn new(request: R, route: Route, policy: Arc<Policy>, seed: u64, now: Duration) -> Self {
        let (mut route, encoded) = (
            route.expecting(policy.cluster_id),
            request.encode_with(policy.consistency).map_err(ErrorKind::from),
        );
        let encoded = encoded.and_then(|encoded| route.log_in().map(|()| encoded));
        let (encoded, invalid) = match encoded {
            Ok(encoded) => (encoded, None),
            Err(kind) => (Encoded::nothing(), Some(State::Failed(Error::new(kind)))),
        };
        let (purpose, auth) = (encoded.purpose, route.credentials().is_some());
        let body = encoded.body.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let mut exchange = Self {
            limits: Limits::new(Arc::clone(&policy), purpose, auth, body, now),
            turns: Turns::new(Arc::clone(&policy), purpose, route.len(), seed, now),
            tally: Tally::new(purpose.writes()),
            learned: Learned::default(),
            state: State::Over,
            class: Class::of(purpose),
            request,
            encoded,
            route,
            policy,
        };
        exchange.state = invalid.unwrap_or_else(|| exchange.ask());
        exchange
    }

    fn read(&mut self, now: Duration, hop: &Hop, parts: Parts) -> State<R::Output> {
        let at = self.place(hop);
        (self.learned.preferred, self.learned.is_foreign) = (at, hop.position.is_none());
        let head = Head::read(&parts, self.request.accepts(parts.status));
        let limit = if head.accepted { self.policy.max_answer } else { self.policy.max_error_body };
        let seen = match self.route.foreign(&head.meta) {
            None => self.route.progress(),
            Some(_) if self.policy.any_cluster => Progress::default(),
            Some(foreign) => return self.fail(now, at, judge::foreign(head.status, foreign)),
        };
        if let Err(stale) = self.learned.note(&head, self.encoded.consistency, seen) {
            return self.fail(now, at, Verdict::rejected(stale));
        }
        let body = Framer::new(limit, body_length(&parts.headers));
        State::Reading { at, head, body, heard: now }
    }

    /// The body is as complete as it gets: is it an answer?
    fn judge(&mut self, now: Duration, at: usize, head: Head, body: Vec<u8>) -> State<R::Output> {
        if !head.accepted {
            let verdict = self.refused(now, &head, body, false);
            return self.fail(now, at, verdict);
        }
        let Head { status, meta, content_type, is_encoded, .. } = head;
        if let Some(refusal) = judge::disguised(status, &body) {
            return self.fail(now, at, refusal);
        }
        // Nothing is encoded in an empty body, such as that of a removal, whatever the header says.
        if is_encoded && !body.is_empty() {
            let kind = judge::unexpected(status, &content_type, &body);
            let is_etcds = meta.is_etcds();
            return self.fail(now, at, judge::unreadable(self.encoded.purpose, kind, is_etcds));
        }
        let page = judge::page(status, &content_type, &body);
        let is_under_path = self.route.endpoint(at).has_path();
        match self.request.decode(Document { status, meta, body, is_under_path }) {
            Ok(answer) => {
                self.turns.succeed(self.route.budget());
                State::Answered(answer)
            }
            Err(own) => {
                let is_etcds = judge::is_etcds(&meta, &own);
                let kind = page.unwrap_or_else(|| head::with_type(own, content_type));
                self.fail(now, at, judge::unreadable(self.encoded.purpose, kind, is_etcds))
            }
        }
    }

    /// Judges a success whose body breaks off after this, for this reason.
    fn cut(&self, at: usize, head: Head, mut body: Vec<u8>, why: ErrorKind) -> Verdict {
        /// What tells whose it is comes first.
        const ENOUGH: usize = 64 << 10;
        let Head { status, meta, .. } = head;
        if let Some(refusal) = judge::disguised_and_cut(status, &body) {
            return match why {
                ErrorKind::Failed(failure) => refusal.broken_off(failure),
                _ => refusal,
            };
        }
        // What there is of the body may be enough to know that it is etcd's.
        body.truncate(ENOUGH);
        let is_etcds = if body.is_empty() {
            meta.is_etcds()
        } else {
            let is_under_path = self.route.endpoint(at).has_path();
            match self.request.decode(Document { status, meta, body, is_under_path }) {
                Ok(_) => true,
                Err(own) => judge::is_etcds(&meta, &own),
            }
        };
        judge::unreadable(self.encoded.purpose, why, is_etcds)
    }

    /// An attempt at the endpoint `at` came to nothing: on to whatever is next.
    fn fail(&mut self, now: Duration, at: usize, verdict: Verdict) -> State<R::Output> {
        let mut verdict = self.presentable(verdict);
        let endpoint = self.route.endpoint(at).clone();
        if verdict.cause() == Some(Cause::Stopped) {
            verdict.kind = ErrorKind::Stopped;
            return State::Failed(self.tally.conclude(None, verdict));
        }
        if verdict.is_the_endpoints_fault() {
            self.learned.leave(at);
        }
        let may_repeat = self.policy.may_repeat(self.encoded.purpose, verdict.outcome);
        if !verdict.ask_others || !may_repeat {
            if verdict.outcome == Outcome::Rejected {
                self.route.budget().give();
            }
            return State::Failed(self.tally.conclude(Some(endpoint), verdict));
        }
        let broke = verdict.ended_the_connection();
        let may_change = verdict.may_change();
        self.tally.count(endpoint, self.limits.spent(now), verdict);
        if self.limits.are_over(now) {
            return State::Failed(self.tally.too_late());
        }
        let left = self.limits.left(now);
        let pass = self.turns.pass();
        let next = self.turns.after(now, may_change, broke, left, &self.route);
        let was_everybody_asked = self.turns.pass() > pass || matches!(next, Next::Nobody);
        if was_everybody_asked && !self.learned.is_answered {
            self.route.budget().set_down(true);
        }
        // Where no endpoint has what was seen, consensus decides: members may lag behind, or what was seen may
        // never have been true.
        if self.turns.pass() > pass
            && mem::take(&mut self.learned.was_stale)
            && let Ok(encoded) = self.request.encode_with(Consistency::Quorum)
        {
            self.class = Class::of(encoded.purpose);
            self.encoded = encoded;
        }
        match next {
            Next::Ask => self.ask(),
            Next::Rest(pause) => State::Resting { until: now.saturating_add(pause) },
            Next::Nobody => State::Failed(self.tally.nobody()),
        }
    }

    /// The error that the caller gets: with the means to find out what became of a write, where that is
    /// open.
    fn conclude(&self, error: Error) -> Error {
        let error = if self.turns.was_held_back() { error.held_back() } else { error };
        let error = self.with_login(error);
        if !error.may_have_applied() {
            return error;
        }
        let guarded = self.encoded.purpose == Purpose::GuardedWrite;
        let error = if guarded { error.undecided() } else { error };
        error.marked(self.request.mark().map(|mark| mark.since(self.route.index())))
    }

    /// What becomes of it because it is so late by now, or polled again.
    pub(crate) fn advance(&mut self, now: Duration) {
        let writes = self.encoded.purpose.writes();
        let waits = match self.state {
            State::Asking { sent: Some(_), .. } if writes => {
                self.learned.preferred = self.after_late(now).unwrap_or(self.learned.preferred);
                self.handle(now, Event::Failed(Failure::abandoned()));
                false
            }
            // Nobody has been asked yet, so nobody is to blame.
            State::Asking { began: None, .. } | State::Vetting { began: None, .. }
                if self.limits.are_over(now) =>
            {
                self.state = State::Failed(self.tally.too_late());
                false
            }
            State::Vetting { .. }
            | State::Vetted { .. }
            | State::Asking { .. }
            | State::Reading { .. } => true,
            _ => false,
        };
        if waits && self.limits.are_over(now) {
            self.handle(now, Event::Elapsed);
        }
    }

    /// What to do next.
    pub(crate) fn action(&mut self, now: Duration) -> Action<R::Output> {
        match &mut self.state {
            State::Vetting { question, began } => {
                let began = *began.get_or_insert(now);
                let timing = self.limits.of_vetting(now, &self.turns, began);
                Action::Send { request: question.request(&self.policy), timing }
            }
            State::Vetted { began, .. } => {
                let timing = self.limits.of_vetting(now, &self.turns, *began);
                Action::Read { timeout: timing.response.into_iter().chain(timing.head).min() }
            }
            State::Asking { hop, began, sent } => {
                let (began, sent) = (*began.get_or_insert(now), *sent.get_or_insert(now));
                let request = hop.request(&self.encoded, self.route.credentials(), &self.policy);
                let timing = self.limits.of_attempt(now, &self.turns, began, sent);
                Action::Send { request, timing }
            }
            State::Reading { head, body, heard, .. } => {
                let idle =
                    self.encoded.purpose == Purpose::Wait && head.accepted && body.is_empty();
                let timeout = self.limits.of_read(now, *heard, &self.turns, idle);
                Action::Read { timeout }
            }
            State::Resting { until } => Action::Wait(until.saturating_sub(now)),
            State::Failed(_) => Action::Finish(self.take_error().map_or(Ok(()), Err)),
            State::Answered(_) | State::Over => match mem::replace(&mut self.state, State::Over) {
                State::Answered(answer) => Action::Yield(answer),
                _ => Action::Finish(Ok(())),
            },
        }
    }

    /// Which endpoint of the route a hop leads to.
    fn place(&self, hop: &Hop) -> usize {
        hop.position.unwrap_or_else(|| self.turns.position())
    }
}

impl<R: Request> Conversation for Exchange<R> {
    type Item = R::Output;

    fn poll(&mut self, now: Duration) -> Action<R::Output> {
        self.advance(now);
        self.action(now)
    }

    fn handle(&mut self, now: Duration, event: Event) {
        if matches!(&event, Event::Failed(failure) if failure.cause() == Cause::Stopped) {
            self.learned.preferred = self.after_late(now).unwrap_or(self.learned.preferred);
        }
        match &event {
            Event::Connected(connected) => return self.note_connection(*connected),
            Event::Head(head)
                if matches!(self.state, State::Vetting { .. } | State::Asking { .. }) =>
            {
                self.note_response(now, head);
            }
            Event::Failed(failure) if failure.cause() == Cause::TimedOut => {
                self.note_timeout(now, failure.stage());
            }
            _ => {}
        }
        self.state = match (mem::replace(&mut self.state, State::Over), event) {
            (State::Vetting { began, .. }, Event::Head(head)) => match self.objection(&head) {
                Some(kind) => self.fail(now, self.turns.position(), judge::unasked(kind)),
                None => {
                    let (limit, length) = (self.policy.max_error_body, body_length(&head.headers));
                    let body = Framer::new(limit, length);
                    State::Vetted { began: began.unwrap_or(now), body }
                }
            },
            (State::Vetted { began, mut body }, Event::Chunk(chunk)) => match body.push(&chunk) {
                Ok(()) if !body.is_whole() => State::Vetted { began, body },
                _ => self.ask_vetted(),
            },
            (State::Vetted { .. }, Event::End) => self.ask_vetted(),
            (State::Vetting { .. } | State::Vetted { .. }, Event::Failed(failure)) => {
                self.fail(now, self.turns.position(), judge::unasked(failure))
            }
            (State::Asking { hop, began, .. }, Event::Head(head))
                if hop::is_followable(head.status) =>
            {
                match hop::follow(&head, &hop, &self.encoded, &self.route, &self.policy) {
                    Ok(hop) => {
                        self.expect(hop.position);
                        State::Asking { hop, began, sent: None }
                    }
                    Err(error) => {
                        let at = self.place(&hop);
                        self.fail(now, at, Verdict::rejected(error))
                    }
                }
            }
            (State::Asking { hop, .. }, Event::Head(head)) => self.read(now, &hop, head),
            (State::Asking { hop, .. }, Event::Failed(failure)) => {
                let at = self.place(&hop);
                self.fail(now, at, judge::lost(failure, hop.long_line(&self.encoded)))
            }
            (State::Reading { at, head, mut body, .. }, Event::Chunk(chunk)) => {
                match body.push(&chunk) {
                    Ok(()) if body.is_whole() => self.judge(now, at, head, body.take()),
                    Ok(()) => State::Reading { at, head, body, heard: now },
                    Err(Overflow { limit }) if head.accepted => {
                        let verdict =
                            self.cut(at, head, body.take(), ErrorKind::TooLarge { limit });
                        self.fail(now, at, verdict)
                    }
                    Err(Overflow { .. }) => {
                        let verdict = self.refused(now, &head, body.take(), true);
                        self.fail(now, at, verdict)
                    }
                }
            }
            (State::Reading { at, head, body, .. }, Event::End) => {
                self.judge(now, at, head, body.take())
            }
            (State::Reading { at, head, body, .. }, Event::Failed(failure)) => {
                if head.accepted {
                    let verdict = self.cut(at, head, body.take(), failure.into());
                    self.fail(now, at, verdict)
                } else {
                    let verdict = self.refused(now, &head, body.take(), true);
                    self.fail(now, at, verdict.broken_off(failure))
                }
            }
            (
                state @ (State::Vetting { .. }
                | State::Vetted { .. }
                | State::Asking { .. }
                | State::Reading { .. }),
                Event::Elapsed,
            ) => {
                let is_unsent = matches!(state, State::Asking { sent: None, .. });
                let stage = if is_unsent { Stage::BeforeSend } else { Stage::AfterSend };
                self.state = state;
                return self.handle(now, Event::Failed(Failure::timed_out(stage)));
            }
            (State::Resting { .. }, Event::Elapsed) => self.ask(),
            (State::Resting { .. }, Event::Failed(failure)) => {
                if failure.cause() == Cause::Stopped {
                    self.fail(now, self.turns.position(), judge::lost(failure, None))
                } else {
                    self.ask()
                }
            }
            // No other event follows from a state; a driver that makes one up changes nothing.
            (state, _) => state,
        };
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        let position = self.after_late(now).unwrap_or(self.learned.preferred);
        self.learned.detour(&self.route, position)
    }

    fn pending(&self) -> Option<Pending<'_>> {
        self.under_way()
    }
}

impl<R: Request> fmt::Debug for Exchange<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("request", &self.encoded.path_and_query)
            .field("endpoint", self.route.endpoint(self.turns.position()))
            .finish_non_exhaustive()
    }
}
