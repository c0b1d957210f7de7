//! Finding out who the members are, again and again.
//!
//! | state | action or event | next |
//! |---|---|---|
//! | due | | yield that a sync begins, beginning |
//! | beginning | | syncing, with the route as it is now |
//! | syncing | the sync is answered | yield the membership, resting for the interval |
//! | syncing | the sync fails | yield the error, resting for a pause that grows |
//! | syncing | the sync is stopped | over |
//! | resting | elapsed, failed otherwise | due |
//! | resting | failed, because stopped | over |
//!
//! An error is no end: whoever relies on the members being known would otherwise go on with old ones and
//! not know it. The pause after a first error is the interval, or one second if that is shorter; it doubles
//! with each further error, up to the interval, or 10 seconds if that is longer. A random part makes it up to
//! twice as long, so that clients do not come back all at once. So errors never make it ask more often than
//! the interval does, or than once a second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Error, Invalid};
use crate::jitter::Jitter;
use crate::policy::Policy;
use crate::start::Start;
use crate::sync::{Membership, Sync};

/// Asks who the members are, pauses, and asks again. Yields [`Turn`]s, and ends only when it is stopped.
///
/// Go's documentation recommends an interval of 10 seconds to 1 minute, which is little work for the
/// servers and catches up with changes in time. It is a pause, counted from the end of one sync to the
/// beginning of the next.
pub struct AutoSync {
    start: Start,
    interval: Duration,
    leader_wanted: bool,
    jitter: Jitter,
    /// How many syncs in a row have failed.
    failures: u32,
    state: State,
}

/// What [`AutoSync`] has to tell.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a sync begins and ends")]
pub enum Turn {
    /// A sync is about to begin: the time for [`AutoSync::reroute`].
    Begins,
    /// What it came to.
    Ended(Result<Membership, Error>),
}

enum State {
    Due,
    Beginning,
    Syncing(Box<Sync>),
    Resting { until: Duration },
    Over,
}

impl AutoSync {
    /// The shortest interval, 100 milliseconds.
    pub const SHORTEST: Duration = Duration::from_millis(100);

    /// Asks who the members are at once, then with pauses of `interval`, and, if that is wanted, who leads
    /// them.
    ///
    /// A sync has the deadline of reads. If the policy has none it gets one here, the interval but no less
    /// than the default, so that one silent endpoint cannot hold it up for ever.
    ///
    /// # Errors
    /// An interval that is shorter than [`SHORTEST`](Self::SHORTEST).
    pub fn new(mut start: Start, interval: Duration, leader_wanted: bool) -> Result<Self, Invalid> {
        if interval < Self::SHORTEST {
            let reason = format!(
                "{interval:?} is shorter than {:?}; 10 seconds to 1 minute are usual",
                Self::SHORTEST
            );
            return Err(Invalid::new("interval", reason));
        }
        if start.policy.read_deadline.is_none() {
            let default = Policy::default().read_deadline;
            Arc::make_mut(&mut start.policy).read_deadline = default.max(Some(interval));
        }
        let jitter = Jitter::new(start.seed);
        Ok(Self { start, interval, leader_wanted, jitter, failures: 0, state: State::Due })
    }

    /// Takes another route from the next sync on.
    pub fn reroute(&mut self, route: Route) {
        self.start.route = route;
    }

    fn sync(&mut self, now: Duration) -> Sync {
        /// A sync uses a few seeds, one for each of its requests.
        const SEEDS: u64 = 8;
        self.start.seed = self.start.seed.wrapping_add(SEEDS);
        self.start.now = now;
        Sync::new(self.start.clone(), self.leader_wanted)
    }

    /// How long to rest after a sync that came to this.
    fn pause_after(&mut self, end: &Result<Membership, Error>) -> Duration {
        const FIRST: Duration = Duration::from_secs(1);
        const LONG: Duration = Duration::from_secs(10);
        if end.is_ok() {
            self.failures = 0;
            return self.interval;
        }
        let (first, most) = (self.interval.min(FIRST), self.interval.max(LONG));
        let least = first.saturating_mul(2_u32.saturating_pow(self.failures)).min(most);
        self.failures = self.failures.saturating_add(1);
        least.saturating_add(self.jitter.up_to(least)).min(most)
    }
}

impl Conversation for AutoSync {
    type Item = Turn;

    fn poll(&mut self, now: Duration) -> Action<Turn> {
        loop {
            let end = match &mut self.state {
                State::Due => {
                    self.state = State::Beginning;
                    return Action::Yield(Turn::Begins);
                }
                State::Beginning => {
                    self.state = State::Syncing(Box::new(self.sync(now)));
                    continue;
                }
                State::Syncing(sync) => match sync.poll(now).ended() {
                    Ok(end) => end,
                    Err(action) => return action,
                },
                State::Resting { until } => return Action::Wait(until.saturating_sub(now)),
                State::Over => return Action::Finish(Ok(())),
            };
            if end.as_ref().is_err_and(Error::is_stopped) {
                self.state = State::Over;
                continue;
            }
            let pause = self.pause_after(&end);
            self.state = State::Resting { until: now.saturating_add(pause) };
            return Action::Yield(Turn::Ended(end));
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Syncing(sync) => sync.handle(now, event),
            State::Resting { .. } => {
                let stopped = matches!(&event, Event::Failed(f) if f.cause() == Cause::Stopped);
                self.state = if stopped { State::Over } else { State::Due };
            }
            State::Due | State::Beginning | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Syncing(sync) => sync.detour(now),
            _ => None,
        }
    }
}

impl fmt::Debug for AutoSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Due => "due",
            State::Beginning => "beginning",
            State::Syncing(_) => "syncing",
            State::Resting { .. } => "resting",
            State::Over => "over",
        };
        f.debug_struct("AutoSync")
            .field("interval", &self.interval)
            .field("failures", &self.failures)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;

    fn start(policy: Policy) -> Start {
        let route = Cluster::parse(["http://a:1"]).unwrap().route();
        Start::new(route, Arc::new(policy), 1, Duration::ZERO)
    }

    #[test]
    fn an_interval_that_could_only_burden_the_servers_is_refused() {
        for interval in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(99)] {
            let invalid = AutoSync::new(start(Policy::default()), interval, false).unwrap_err();
            assert_eq!(invalid.field, "interval");
            assert!(invalid.reason.contains(&format!("{interval:?}")), "{invalid}");
        }
        for interval in [AutoSync::SHORTEST, Duration::MAX] {
            assert!(AutoSync::new(start(Policy::default()), interval, false).is_ok());
        }
    }

    #[test]
    fn pauses_after_errors_differ_from_client_to_client() {
        let mut pauses = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let start = Start { seed, ..start(Policy::default()) };
            let mut sync = AutoSync::new(start, Duration::from_secs(60), false).unwrap();
            pauses.insert(sync.pause_after(&Err(Error::nobody())));
            for _ in 0..100 {
                assert!(sync.pause_after(&Err(Error::nobody())) <= Duration::from_secs(60));
            }
        }
        assert!(pauses.len() > 15, "{pauses:?}");
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(2));
        assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{pauses:?}");
    }

    #[test]
    fn backs_off_after_errors_and_asks_no_more_often_than_its_interval_allows() {
        let second = Duration::from_secs(1);
        for millis in [100, 150, 500, 999, 1000, 1500, 5000, 10_000, 60_000, u64::MAX] {
            let interval = Duration::from_millis(millis);
            for seed in 0..50 {
                let start = Start { seed, ..start(Policy::default()) };
                let mut sync = AutoSync::new(start, interval, false).unwrap();
                for failures in 0..80 {
                    let pause = sync.pause_after(&Err(Error::nobody()));
                    let first = interval.min(second);
                    let least = first.saturating_mul(2_u32.saturating_pow(failures));
                    let least = least.min(interval.max(10 * second));
                    assert!(pause >= least, "{interval:?} {failures} {pause:?}");
                    assert!(pause <= least.saturating_mul(2).min(interval.max(10 * second)));
                }
                let healthy = Membership {
                    endpoints: Vec::new(),
                    leader: None,
                    refused: Vec::new(),
                    generation: 0,
                };
                assert_eq!(sync.pause_after(&Ok(healthy)), interval);
                assert!(sync.pause_after(&Err(Error::nobody())) <= 2 * second, "it begins again");
            }
        }
    }
}
