//! Limits how fast requests follow each other that bring no progress.
//!
//! Progress is a change that is reported to the caller, or a wait that was silent for long enough to count.
//! Everything else can go on without end: a history that is gone each time, two clusters that respond in
//! turn, events about other keys. So after a few requests without progress, each further one begins no
//! sooner than a growing pause after the one before it.
//!
//! Errors have a pause of their own, which ends with the next request, so they do not count here.

use std::time::Duration;

use super::place::STRETCH;
use super::waiting::SETTLED;
use crate::jitter::Jitter;
use crate::policy::Policy;

/// The requests of a watch since its last progress.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// How many requests began since then.
    requests: u32,
    /// When the last one began.
    began: Duration,
    /// How many events were skipped without a pause, less those that silent waits allow for.
    skipped: u32,
    /// How many times another cluster responded since a wait was silent.
    strays: u32,
    /// The earliest time for the next request, once it is chosen.
    not_before: Option<Duration>,
}

impl Backoff {
    /// Until when the next request has to wait, if it has to.
    pub(super) fn until(
        &mut self,
        now: Duration,
        policy: &Policy,
        jitter: &mut Jitter,
    ) -> Option<Duration> {
        let times = self.requests.checked_sub(FREE)?;
        let until = *self.not_before.get_or_insert_with(|| {
            self.began.saturating_add(jitter.up_to(policy.watch_pause_after(times)))
        });
        (until > now).then_some(until)
    }

    /// A request begins.
    pub(super) const fn begin(&mut self, now: Duration) {
        (self.began, self.not_before) = (now, None);
        self.requests = self.requests.saturating_add(1);
    }

    /// The last request ended with an error, which has a pause of its own.
    pub(super) const fn excuse(&mut self) {
        self.requests = self.requests.saturating_sub(1);
    }

    /// Whether the last request took so long that a change from the history would have come.
    pub(super) fn was_long(&self, now: Duration) -> bool {
        now.saturating_sub(self.began) >= SETTLED
    }

    /// Another cluster responded. Returns until when the next request has to wait, if it has to: a cluster takes
    /// the place of another one, but they do not take turns, whatever they report.
    pub(super) fn stray(
        &mut self,
        now: Duration,
        policy: &Policy,
        jitter: &mut Jitter,
    ) -> Option<Duration> {
        let times = self.strays.checked_sub(2);
        self.strays = self.strays.saturating_add(1);
        Some(now.saturating_add(jitter.up_to(policy.watch_pause_after(times?))))
    }

    /// A change was reported.
    pub(super) const fn progress(&mut self) {
        (self.requests, self.skipped, self.not_before) = (0, 0, None);
    }

    /// A wait was silent for long enough: the watch has caught up. While a wait is open, the store moves on by about
    /// one [`STRETCH`], or two if it gets faster, and all of that may be events to skip.
    pub(super) const fn silence(&mut self) {
        (self.requests, self.strays, self.not_before) = (0, 0, None);
        self.skipped = self.skipped.saturating_sub(2 * STRETCH as u32);
    }

    /// The server found an event in its history that no open wait would have been sent. There may be as many
    /// as the history has events.
    pub(super) const fn skip(&mut self) {
        /// How many events a server keeps.
        const HISTORY: u32 = 1000;
        if self.skipped < HISTORY {
            self.skipped += 1;
            (self.requests, self.not_before) = (0, None);
        }
    }

    /// Whether requests are delayed for lack of progress.
    pub(super) const fn is_active(&self) -> bool {
        self.requests > FREE
    }
}

/// How many requests may begin without a pause: a wait that fails, a question why, and a wait again.
const FREE: u32 = 3;
