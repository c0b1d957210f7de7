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
//! | waiting | the history is gone, but not beyond what is known | looking where the store is |
//! | waiting | the history is gone, for a single key | looking whether the key was touched |
//! | waiting, checking | the history is gone | yield the gap, idle |
//! | looking | the key, or that there is none | yield the gap if there is one, idle |
//! | waiting | no change, for the second time here | yield the gap, idle |
//! | waiting, checking, looking | all members are of another cluster | idle; from the third time on resting |
//! | waiting, checking, looking | failed for good, or stopped | yield the error, over |
//! | waiting | no head in time, of a stream | idle, without streams from now on |
//! | waiting | no head in time | looking whether the endpoints respond |
//! | idle | a removal may be hidden | identifying, or looking whether the key was removed |
//! | identifying | stopped | yield the error, over |
//! | identifying | any other end | idle |
//! | idle | no progress for a few requests | resting |
//! | waiting, checking, looking | ended empty | resting |
//! | waiting, checking, looking | failed for now | yield the error, resting |
//! | resting | elapsed, failed | idle |
//! | resting | failed, because stopped | yield the error, over |
//!
//! *Idle* only stands between two others: it lasts no time. What is known of the indexes, and why
//! nothing is lost between two waits, is in `place`; a single wait is in `waiting`; pauses without progress
//! are in `backoff`, removals that old servers hide in `ancestors`.
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

mod ancestors;
mod backoff;
mod debug;
mod ends;
mod place;
mod question;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::ends::is_final;

use self::ancestors::{Ancestors, Missing};
use self::backoff::Backoff;
use self::ends::{is_headless, is_unreadable, misplaced};
use self::place::{Place, STRETCH, Sight};
use self::question::Question;
use self::waiting::{Turn, Waiting};
use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::exchange::Exchange;
use crate::jitter::Jitter;
use crate::keys::{Change, ChangeKind, Get, Relevance, Wait};
use crate::monitor::Pending;
use crate::policy::{Policy, Timeout};
use crate::request::Meta;
use crate::server::{GetVersion, Version};

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
    backoff: Backoff,
    ancestors: Ancestors,
    /// Whether something in between holds the head of a wait back until the first change, as far as known.
    holds_heads: bool,
    state: State,
}

enum State {
    Idle,
    Waiting(Box<Waiting>),
    /// Looks through a stretch that has been told.
    Checking(Box<Waiting>),
    Looking(Box<Exchange<Get>>, Question),
    /// Asks this endpoint for its version.
    Identifying(Box<Exchange<GetVersion>>, Endpoint),
    Resting {
        until: Duration,
    },
    /// Yields why, then is over.
    Stopped,
    Over,
}

type Step = (State, Option<Result<Change, Error>>);

impl Watch {
    /// A watch that begins with this wait. `seed` makes its pauses differ from those of others.
    #[must_use]
    pub fn new(wait: Wait, route: Route, policy: Arc<Policy>, seed: u64) -> Self {
        let (place, jitter) = (Place::new(wait.index(), route.index()), Jitter::new(seed));
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
            backoff: Backoff::default(),
            ancestors: Ancestors::default(),
            holds_heads: false,
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

    /// Whether responses come, but bring no progress: history that is gone each time, or events about other
    /// keys.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.backoff.is_active()
    }

    /// Takes another route from the next wait on.
    pub fn reroute(&mut self, route: Route) {
        self.route = route;
    }

    /// Begins whatever is due.
    fn begin(&mut self, now: Duration) -> State {
        if let Some(until) = self.backoff.until(now, &self.policy, &mut self.jitter) {
            return State::Resting { until };
        }
        match self.ancestors.missing(now, self.route.endpoint(0)) {
            Missing::Nothing => {}
            Missing::Key => return self.ask(Question::WasRemoved, now).0,
            Missing::Version => {
                let endpoint = self.route.endpoint(0).clone();
                self.backoff.begin(now);
                let (route, policy) = (self.route.only(endpoint.clone()), Arc::clone(&self.policy));
                let exchange = Exchange::new(GetVersion, route, policy, self.seed, now);
                return State::Identifying(Box::new(exchange), endpoint);
            }
        }
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
        let mut waiting = Waiting::new(wait, exchange, stream.then_some(limit));
        if stream {
            waiting.limit_head(self.policy.wait_head.into_iter().chain([STREAM_HEAD]).min());
        } else if self.holds_heads {
            waiting.limit_head(self.place.patience(&self.policy));
        }
        let waiting = Box::new(waiting);
        if check.is_some() { State::Checking(waiting) } else { State::Waiting(waiting) }
    }

    fn ask(&mut self, question: Question, now: Duration) -> Step {
        let exchange = match question {
            Question::IsAlive { .. } => {
                let head = Some(Timeout::Fixed(LIFE_SIGN));
                let policy = (*self.policy).clone();
                let policy = Policy { passes: Some(1), read_head: head, ..policy };
                self.exchange_with(self.wait.read(), Arc::new(policy), now)
            }
            _ => self.exchange(self.wait.look(), now),
        };
        (State::Looking(Box::new(exchange), question), None)
    }

    fn exchange<R: crate::Request>(&mut self, request: R, now: Duration) -> Exchange<R> {
        self.exchange_with(request, Arc::clone(&self.policy), now)
    }

    fn exchange_with<R: crate::Request>(
        &mut self,
        request: R,
        policy: Arc<Policy>,
        now: Duration,
    ) -> Exchange<R> {
        self.seed = self.seed.wrapping_add(1);
        self.backoff.begin(now);
        Exchange::new(request, self.place.guard(&self.route), policy, self.seed, now)
    }

    /// A wait with this head was accepted for what comes after that index, if it is known.
    fn accept(&mut self, now: Duration, waiting: &Waiting, head: &Meta) {
        if let (Some(after), Some(head)) = (waiting.index(), head.etcd_index)
            && self.wait.has_directories_above()
        {
            let at = waiting.detour(now).map(|detour| detour.to().clone());
            let endpoint = at.unwrap_or_else(|| self.route.endpoint(0).clone());
            self.ancestors.accept(now, &endpoint, after, head);
        }
    }

    /// A request for the version of an endpoint ended.
    fn identified(
        &mut self,
        now: Duration,
        endpoint: &Endpoint,
        end: Result<Version, Error>,
    ) -> Step {
        match end {
            Err(error) if error.is_stopped() => self.failed(now, None, error),
            end => {
                self.ancestors.identify(now, endpoint, &end);
                (State::Idle, None)
            }
        }
    }

    /// A wait that was accepted, with how long it may be silent.
    fn accepted(&mut self, mut waiting: Box<Waiting>) -> Box<Waiting> {
        /// After how long a silent wait shows that all is well again.
        const SOON: Duration = Duration::from_secs(1);
        let soon = Some(SOON).filter(|_| self.is_stuck());
        let soon = soon.into_iter().chain(self.ancestors.patience());
        let patience = self.place.patience(&self.policy).into_iter().chain(soon).min();
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
        let relevance = self.wait.relevance(&change);
        self.place.tell(index, &head, relevance == Relevance::Wanted);
        self.note(relevance, &change);
        let ahead = head.etcd_index.map_or(0, |head| index.saturating_sub(head));
        let goes_on =
            waiting.is_stream() && (1..STRETCH).contains(&ahead) && relevance != Relevance::Foreign;
        self.is_up_to_date = !waiting.is_stream() && ahead > 0;
        let state = if goes_on { State::Waiting(waiting) } else { State::Idle };
        (state, (relevance == Relevance::Wanted).then_some(Ok(change)))
    }

    /// Takes note of what an event meant for the watch.
    fn note(&mut self, relevance: Relevance, change: &Change) {
        match relevance {
            // What was read is no change, as from a proxy that drops the query.
            Relevance::Wanted if *change.kind() == ChangeKind::Get => {}
            Relevance::Wanted => {
                self.failures = 0;
                self.backoff.progress();
                let successor = change.node().filter(|_| change.previous().is_some());
                self.ancestors.report(successor.and_then(|node| node.created_index()));
            }
            Relevance::Skipped => self.backoff.skip(),
            Relevance::Foreign => {}
        }
    }

    fn checked(&mut self, now: Duration, change: &Change) -> Step {
        let after = self.place.doubtful_after();
        let Some(index) = change.index().filter(|index| Some(*index) > after) else {
            return self.failed(now, None, misplaced());
        };
        let is_wanted = self.wait.relevance(change) == Relevance::Wanted;
        let gap = self.place.check(index, is_wanted);
        self.backoff.skip();
        (State::Idle, gap.map(|gap| Err(gap.into())))
    }

    fn silent(&mut self, waiting: &Waiting) -> Step {
        if waiting.was_silent() {
            self.settled(waiting);
        }
        self.failures = 0;
        (State::Idle, None)
    }

    /// A wait was silent for long enough after its head, which nothing held back.
    fn settled(&mut self, waiting: &Waiting) {
        self.place.be_silent(&waiting.meta());
        self.backoff.silence();
        self.holds_heads = false;
    }

    /// A wait was silent at a member that lags behind.
    fn lagged(&mut self, now: Duration, waiting: &Waiting) -> Step {
        if waiting.was_silent() {
            self.backoff.silence();
        }
        self.ask(Question::WentBack, now)
    }

    fn cleared(&mut self, now: Duration, error: Error) -> Step {
        let to = error.etcd().map_or(0, |refusal| refusal.index);
        // A server whose history is gone is beyond the index that was asked for.
        if Some(to) <= self.place.after() {
            return self.ask(Question::WhereIsIt(error), now);
        }
        if !self.wait.is_recursive() {
            return self.ask(Question::WasTouched(to), now);
        }
        (State::Idle, Some(Err(self.place.lose(to).into())))
    }

    /// A change could not be understood. The next wait is told it again, or what comes after it if it was
    /// garbled on the way; if it is told the same, only a leap leads on.
    fn unreadable(&mut self, now: Duration, waiting: &Waiting, error: Error) -> Step {
        let after = self.place.after();
        // What is too large stays so, while what was garbled on its way may come well the next time.
        let is_certain = matches!(error.kind(), ErrorKind::TooLarge { .. });
        if (is_certain || self.unreadable == after)
            && let Some(gap) = self.place.skip(&waiting.meta())
        {
            return (State::Idle, Some(Err(gap.into())));
        }
        self.unreadable = after;
        self.failed(now, None, error)
    }

    /// The key was read at this index and had been modified at that one, if it is there.
    fn looked(
        &mut self,
        now: Duration,
        question: Question,
        read: Option<u64>,
        modified: Option<u64>,
        created: Option<u64>,
    ) -> Step {
        let gap = match question {
            Question::WasRemoved => read.and_then(|read| {
                let after = self.ancestors.settle(read, created)?;
                Some(self.place.lose_removal(after, read))
            }),
            Question::WasTouched(cleared) => self.place.look(cleared, read, modified),
            Question::WentBack => self.place.compare(read),
            Question::WhereIsIt(error) => match self.place.locate(read) {
                Some(gap) => Some(gap),
                None => return self.failed(now, None, error),
            },
            Question::IsAlive { cause, was_silent } => {
                let Some(read) = read else { return self.failed(now, None, cause) };
                self.holds_heads = true;
                self.place.survey(now, read, was_silent)
            }
        };
        (State::Idle, gap.map(|gap| Err(gap.into())))
    }

    /// A read failed that was to answer this.
    fn unanswered(&mut self, now: Duration, question: Question, error: Error) -> Step {
        let is_foreign = matches!(error.kind(), ErrorKind::WrongCluster { .. });
        match question {
            // Nothing proves that the key was not touched.
            Question::WasTouched(to) if matches!(error.kind(), ErrorKind::TooLarge { .. }) => {
                (State::Idle, Some(Err(self.place.lose(to).into())))
            }
            // Without the right to read, the error of the read is the one that helps.
            Question::IsAlive { .. } | Question::WhereIsIt(_) if is_foreign || is_final(&error) => {
                self.failed(now, None, error)
            }
            Question::IsAlive { cause, .. } | Question::WhereIsIt(cause) => {
                self.failed(now, None, cause)
            }
            Question::WasTouched(_) | Question::WentBack | Question::WasRemoved => {
                self.failed(now, None, error)
            }
        }
    }

    /// A wait got no head in time.
    fn headless(&mut self, now: Duration, waiting: &Waiting, error: Error) -> Step {
        if waiting.is_stream() {
            // As behind a proxy that passes a response on when it is complete, or large.
            self.wait = self.wait.clone().without_stream();
            return (State::Idle, None);
        }
        let was_silent = self.backoff.was_long(now);
        if was_silent {
            self.backoff.silence();
        }
        self.ask(Question::IsAlive { cause: error, was_silent }, now)
    }

    /// Something came to nothing; a wait may have been silent until then.
    fn failed(&mut self, now: Duration, waiting: Option<&Waiting>, error: Error) -> Step {
        if let Some(waiting) = waiting.filter(|waiting| waiting.was_silent()) {
            self.settled(waiting);
            self.failures = 0;
        }
        if let ErrorKind::WrongCluster { expected, .. } = error.kind() {
            self.place.leave_home(*expected);
            let until = self.backoff.stray(now, &self.policy, &mut self.jitter);
            return (until.map_or(State::Idle, |until| State::Resting { until }), None);
        }
        if is_final(&error) {
            return (State::Over, Some(Err(error)));
        }
        self.backoff.excuse();
        self.ancestors.cut();
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
                State::Identifying(exchange, _) => match exchange.poll(now).ended() {
                    Ok(end) => Turn::Identified(end),
                    Err(action) => Turn::Act(action),
                },
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
                        Sight::Clear => {
                            self.accept(now, &waiting, &head);
                            (State::Waiting(self.accepted(waiting)), None)
                        }
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
                (State::Waiting(waiting) | State::Checking(waiting), Turn::Silent)
                    if self.place.lags() =>
                {
                    self.lagged(now, &waiting)
                }
                (State::Waiting(waiting), Turn::Silent) => self.silent(&waiting),
                (State::Checking(_), Turn::Silent) => (State::Idle, None),
                (State::Waiting(_), Turn::Failed(error)) if error.is_history_cleared() => {
                    self.cleared(now, error)
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
                    let created = change.node().and_then(|node| node.created_index());
                    self.looked(now, question, change.etcd_index(), modified, created)
                }
                (State::Looking(_, question), Turn::Failed(error)) if error.is_key_not_found() => {
                    // One that broke off does not tell its index.
                    let read = error.etcd().map(|refusal| refusal.index).filter(|read| *read > 0);
                    self.looked(now, question, read, None, None)
                }
                (State::Identifying(_, endpoint), Turn::Identified(end)) => {
                    self.identified(now, &endpoint, end)
                }
                (State::Looking(_, question), Turn::Failed(error)) => {
                    self.unanswered(now, question, error)
                }
                (State::Waiting(waiting), Turn::Failed(error)) if is_headless(&waiting, &error) => {
                    self.headless(now, &waiting, error)
                }
                (State::Waiting(waiting), Turn::Failed(error)) => {
                    self.failed(now, Some(&waiting), error)
                }
                (State::Checking(_), Turn::Failed(error)) => self.failed(now, None, error),
                (State::Stopped, _) => (State::Over, Some(Err(ErrorKind::Stopped.into()))),
                // Nothing else comes of a state.
                _ => (self.begin(now), None),
            };
            self.state = state;
            if let Some(item) = item {
                if matches!(&item, Err(error) if error.gap().is_some()) {
                    self.ancestors.forget();
                }
                return Action::Yield(item);
            }
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Waiting(waiting) | State::Checking(waiting) => waiting.handle(now, event),
            State::Looking(exchange, _) => exchange.handle(now, event),
            State::Identifying(exchange, _) => exchange.handle(now, event),
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

/// How long a stream may take to begin: it is requested while the watch is up to date, so its head comes at
/// once unless something in between holds it back.
const STREAM_HEAD: Duration = Duration::from_secs(1);

/// How long a read may take that shows whether an endpoint responds.
const LIFE_SIGN: Duration = Duration::from_secs(1);
