//! A local copy of a subtree that is kept up to date: listed once, then watched.
//!
//! | state | action or event | next |
//! |---|---|---|
//! | telling | something to tell is left | yield the update, telling |
//! | telling | all is told | the state that it was in |
//! | idle | | listing |
//! | listing | answered, or there is no such key | telling the difference, then watching |
//! | listing | answered by a member that is behind what is known | listing, through consensus |
//! | listing | only members of another cluster answer, after the first listing | resting, or idle at the first time |
//! | listing | fails, for now | yield the error, resting |
//! | listing | fails, for good | yield the error, over |
//! | watching | a change | telling it, watching |
//! | watching | a change that tells of a past that was not told | resting, or idle at the first time |
//! | watching | changes may be missing | resting, or idle at the first time |
//! | watching | any other error | yield it, watching |
//! | watching | the watch is over | over |
//! | watching | more than an answer may have | yield the error, over |
//! | resting | elapsed | idle |
//! | resting | failed, because stopped | yield the error, over |
//!
//! # What it guarantees
//!
//! - At each moment the [`Snapshot`] is the subtree as it was at one index: the listing's, or that of a
//!   change after it. The watch begins after the listing's index, and tells no change that is not above the
//!   last one, so none is lost and none applied twice.
//! - It never goes back. After a gap, a listing by a member whose index is below what the mirror has, or
//!   below the end of the gap, is thrown away, and the cluster is asked through consensus
//!   ([`Get::quorum`]), which knows all that was ever acknowledged. Only that answer is believed with a
//!   lower index: the store itself went back then, as after a restore from a backup.
//! - Where the changes themselves are not to be had, the difference of two listings is told as ordinary
//!   updates, followed by [`Update::Resynced`]. So is it when a change tells that a file was another one
//!   before than the mirror has: a member that was caught up with a copy of the store says nothing else of
//!   what it left out.
//! - Where all endpoints lead to another cluster than before, it is the copy of that one from then on, and
//!   the difference is told, although the client still refuses the answers of that cluster to other calls.
//! - The first listing may be as old as the member that answers, unless it is asked through consensus; the
//!   watch makes up for that.
//!
//! # What is in it
//!
//! The key itself and all that is below it, directories included, which are told when they come to be
//! because something is written below them. The key may be a file: then that is all. It may be missing:
//! then the mirror is empty until it is written. Keys with an underscore in front are left out, as etcd's
//! listings do. Refreshes are not told by etcd; the index and the expiration of a node that is refreshed
//! are those of its last write, or of the last listing. Where only these differ in a listing, the node is
//! brought up to date, and nothing is told.

mod apply;
mod debug;
mod order;
mod snapshot;
mod status;
mod store;
mod telling;
mod update;

pub use snapshot::{Nodes, Snapshot};
pub use status::Status;
pub use update::Update;

use std::time::Duration;

use self::apply::Applied;
use self::telling::Telling;
use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Error, ErrorKind, Gap, GapReason};
use crate::exchange::Exchange;
use crate::jitter::Jitter;
use crate::json::Malformed;
use crate::judge;
use crate::keys::{Change, Get, Wait};
use crate::monitor::Pending;
use crate::start::Start;
use crate::watch::{self, Watch};

/// Keeps a copy of a subtree, the [`Snapshot`], and yields each [`Update`] of it, and errors.
///
/// After an error that may pass it goes on; after any other, such as missing rights, it ends. The copy is
/// changed when an update is yielded, so whoever does not ask for the next one holds the mirror up.
pub struct Mirror {
    get: Get,
    wait: Wait,
    start: Start,
    /// Whether it is of another cluster than the route that it was given.
    moved: bool,
    jitter: Jitter,
    snapshot: Snapshot,
    /// The key that all that is mirrored is within, once it is known.
    base: Option<String>,
    status: Status,
    /// When a server last gave a sign of life.
    heard: Option<Duration>,
    /// Below which index a listing is too old.
    floor: u64,
    /// Why the next listing is needed, unless it is the first.
    gap: Option<Gap>,
    /// How many listings in a row came to nothing, or were followed by no change.
    fruitless: u32,
    telling: Option<Box<Telling>>,
    /// An error that is to be yielded next.
    error: Option<Error>,
    state: State,
}

enum State {
    Idle,
    Listing { exchange: Box<Exchange<Get>>, quorum: bool },
    Watching(Box<Watch>),
    Resting { until: Duration },
    Over,
}

impl Mirror {
    /// A mirror of all that is at and below the key that this reads, each time through consensus if it
    /// [says so](Get::quorum).
    #[must_use]
    pub fn new(get: impl Into<Get>, start: Start) -> Self {
        let get = get.into().recursive();
        Self {
            wait: get.watch(),
            base: get.key().map(|key| key.as_str().to_owned()),
            jitter: Jitter::new(start.seed),
            get,
            start,
            moved: false,
            snapshot: Snapshot::default(),
            status: Status::default(),
            heard: None,
            floor: 0,
            gap: None,
            fruitless: 0,
            telling: None,
            error: None,
            state: State::Idle,
        }
    }

    /// The copy as it is now; empty before the first listing.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How it is doing.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// When a server last gave a sign of life, by the driver's clock: the copy was up to date with that
    /// server then, but for the [lag](Status::lag).
    #[must_use]
    pub const fn heard(&self) -> Option<Duration> {
        self.heard
    }

    /// Whether it has ended: the [last error](Status::last_error) says why.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over) && self.error.is_none()
    }

    /// Takes another route from the next request on.
    pub fn reroute(&mut self, mut route: Route) {
        if self.moved {
            route = route.to_cluster(self.start.route.cluster_id());
        }
        self.start.route = route.clone();
        if let State::Watching(watch) = &mut self.state {
            watch.reroute(route);
        }
    }

    fn list(&mut self, now: Duration, quorum: bool) -> State {
        let quorum = quorum || self.get.is_quorum();
        let get = if quorum { self.get.clone().quorum() } else { self.get.clone() };
        State::Listing { exchange: Box::new(self.start.exchange(get, now)), quorum }
    }

    /// What is next after a listing, in which the key may be missing.
    fn listed(&mut self, now: Duration, quorum: bool, end: Result<Change, Error>) -> State {
        let (index, change) = match end {
            Err(error) if matches!(error.kind(), ErrorKind::WrongCluster { .. }) => {
                return self.moved(now, error);
            }
            Ok(change) => (change.etcd_index(), Some(change)),
            Err(error) => match error.etcd() {
                Some(refusal) if error.is_key_not_found() => {
                    (Some(refusal.index).filter(|index| *index > 0), None)
                }
                _ => return self.failed(now, error),
            },
        };
        let Some(index) = index else {
            let missing = Malformed::new(0, "an X-Etcd-Index in the head of the answer");
            return self.failed(now, missing.into());
        };
        if index < self.floor && !quorum {
            return self.list(now, true);
        }
        let listed = change.as_ref().and_then(Change::node);
        if let Some(root) = listed {
            self.base = Some(root.key().to_owned());
        }
        let after = apply::list(&self.snapshot.store, listed);
        let before = std::mem::replace(&mut self.snapshot.store, after.clone());
        self.status.resyncs += u64::from(self.snapshot.index.is_some());
        self.snapshot.index = Some(index);
        (self.status.connected, self.status.lag, self.heard) = (true, 0, Some(now));
        self.floor = index;
        let telling = Telling::of_listing(before, after, index, self.gap.take());
        self.telling = Some(Box::new(telling));
        let wait = self.wait.clone().after(index);
        let Start { route, policy, .. } = self.start.clone();
        self.start.seed = self.start.seed.wrapping_add(1);
        State::Watching(Box::new(Watch::new(wait, route, policy, self.start.seed)))
    }

    /// What is next after a change that a watch has told; none if the watch goes on.
    fn changed(&mut self, now: Duration, change: &Change) -> Option<State> {
        let (Some(reached), Some(index)) = (self.snapshot.index, change.index()) else {
            return None;
        };
        let missed = Gap::new(reached + 1, index, GapReason::CaughtUp);
        // Without a listing that shows it, nobody knows what the keys begin with.
        let Some(base) = &self.base else { return Some(self.missed(now, missed)) };
        let limit = self.start.policy.max_answer;
        match apply::apply(&mut self.snapshot.store, base, change, limit) {
            Applied::Contradiction => return Some(self.missed(now, missed)),
            Applied::TooLarge => {
                return Some(self.failed(now, ErrorKind::TooLarge { limit }.into()));
            }
            Applied::Different(telling) => {
                self.telling = Some(Box::new(telling));
                self.fruitless = 0;
            }
            Applied::Nothing => {}
        }
        self.snapshot.index = Some(index);
        self.status.lag = change.etcd_index().unwrap_or_default().saturating_sub(index);
        self.floor = self.floor.max(index);
        None
    }

    /// Changes may be missing, so all is listed again.
    fn missed(&mut self, now: Duration, gap: Gap) -> State {
        self.status.connected = false;
        if gap.reason == GapReason::ClusterChanged {
            // The watch has made sure of it, so the listing follows.
            self.moved = true;
            self.start.route = self.start.route.to_cluster(None);
        }
        self.floor = match gap.reason {
            GapReason::ClusterChanged | GapReason::IndexWentBack => gap.to,
            _ => self.floor.max(gap.to),
        };
        self.gap = Some(gap);
        self.fruitless = self.fruitless.saturating_add(1);
        if self.fruitless <= 1 { State::Idle } else { self.rest(now) }
    }

    /// What is next after a listing that only members of another cluster answered.
    fn moved(&mut self, now: Duration, error: Error) -> State {
        // Where nothing was listed yet, the cluster is the caller's choice.
        let Some(reached) = self.snapshot.index else { return self.failed(now, error) };
        let state = self.missed(now, Gap::new(1, reached, GapReason::ClusterChanged));
        self.floor = 0;
        state
    }

    /// What is next after an error that ended the listing or the watch.
    fn failed(&mut self, now: Duration, error: Error) -> State {
        let is_over = judge::stays(&error);
        self.error = Some(error);
        self.fruitless = self.fruitless.saturating_add(1);
        if is_over { State::Over } else { self.rest(now) }
    }

    fn rest(&mut self, now: Duration) -> State {
        let pause = self.jitter.up_to(self.start.policy.watch_pause_after(self.fruitless));
        State::Resting { until: now.saturating_add(pause) }
    }

    /// What there is to yield before anything else is done.
    fn told(&mut self) -> Option<Result<Update, Error>> {
        if let Some(telling) = &mut self.telling {
            if let Some(update) = telling.next() {
                match &update {
                    Update::Upserted { .. } => self.status.upserts += 1,
                    Update::Removed { .. } => self.status.removals += 1,
                    Update::Resynced { .. } => {}
                }
                return Some(Ok(update));
            }
            self.telling = None;
        }
        let error = self.error.take()?;
        self.status.connected = false;
        self.status.errors += 1;
        self.status.last_error = Some(error.clone());
        Some(Err(error))
    }
}

impl Conversation for Mirror {
    type Item = Result<Update, Error>;

    fn poll(&mut self, now: Duration) -> Action<Self::Item> {
        loop {
            if let Some(item) = self.told() {
                return Action::Yield(item);
            }
            let next = match &mut self.state {
                State::Idle => self.list(now, false),
                State::Listing { exchange, quorum } => {
                    let end = match exchange.poll(now).ended() {
                        Ok(end) => end,
                        Err(action) => return action,
                    };
                    self.start.follow(exchange, now);
                    let quorum = *quorum;
                    self.listed(now, quorum, end)
                }
                State::Watching(watch) => {
                    let action = watch.poll(now);
                    self.status.connected &= !watch.lags() && !watch.is_stuck();
                    let next = match action {
                        Action::Send { request, timing } => {
                            return Action::Send { request, timing };
                        }
                        Action::Read { timeout } => return Action::Read { timeout },
                        Action::Wait(pause) => return Action::Wait(pause),
                        Action::Yield(Ok(change)) => self.changed(now, &change),
                        Action::Yield(Err(error)) => match error.gap() {
                            Some(gap) => Some(self.missed(now, gap.clone())),
                            None if watch::is_final(&error) => Some(self.failed(now, error)),
                            None => {
                                self.error = Some(error);
                                None
                            }
                        },
                        Action::Finish(_) => Some(State::Over),
                    };
                    let Some(next) = next else { continue };
                    next
                }
                State::Resting { until } => return Action::Wait(until.saturating_sub(now)),
                State::Over => return Action::Finish(Ok(())),
            };
            self.state = next;
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Listing { exchange, .. } => exchange.handle(now, event),
            State::Watching(watch) => {
                let alive = match &event {
                    Event::Head(head) => head.status.is_success(),
                    Event::Chunk(_) => self.status.connected,
                    _ => false,
                };
                if alive {
                    (self.status.connected, self.heard) = (true, Some(now));
                }
                watch.handle(now, event);
            }
            State::Resting { .. } => {
                self.state = match &event {
                    Event::Failed(failure) if failure.cause() == Cause::Stopped => {
                        self.error = Some(ErrorKind::Stopped.into());
                        State::Over
                    }
                    _ => State::Idle,
                };
            }
            State::Idle | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Listing { exchange, .. } => exchange.detour(now),
            State::Watching(watch) => watch.detour(now),
            _ => None,
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match &self.state {
            State::Listing { exchange, .. } => exchange.pending(),
            State::Watching(watch) => watch.pending(),
            _ => None,
        }
    }
}
