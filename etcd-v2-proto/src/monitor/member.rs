//! What probes have found out about an endpoint.

use std::time::Duration;

use super::disagreement::Disagreement;
use crate::endpoint::Endpoint;
use crate::request::ClusterId;

/// An endpoint that has been asked something of late.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) endpoint: Endpoint,
    /// When the last probe began, and the one before it.
    pub(super) last: Option<Duration>,
    before: Option<Duration>,
    /// How long the last probe may take.
    limit: Duration,
    /// How many probes in a row have failed.
    pub(super) failures: u32,
    /// When somebody last got an answer from it.
    pub(super) heard: Option<Duration>,
    /// When the last probe began that said that there is a leader.
    pub(super) led: Option<Duration>,
    /// Who leads, as far as that was said.
    leader: Option<String>,
    /// When the last probe began that named the leader.
    named: Option<Duration>,
    /// The cluster that its last response was from, if it said so.
    cluster: Option<ClusterId>,
    /// How many times another one began to lead, or nobody did.
    pub(super) reign: u32,
    pub(super) vacancy: Option<Vacancy>,
    /// When another endpoint was last probed to compare it with this one.
    pub(super) compared: Option<Duration>,
    /// Whether another endpoint names another leader.
    pub(super) disagreement: Option<Disagreement>,
}

/// That an endpoint says that there is no leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacancy {
    /// When it said so first.
    pub(super) since: Duration,
    /// How many times in a row it has.
    pub(super) times: u32,
}

impl Member {
    pub(super) const fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            last: None,
            before: None,
            limit: Duration::ZERO,
            failures: 0,
            heard: None,
            led: None,
            leader: None,
            named: None,
            cluster: None,
            reign: 0,
            vacancy: None,
            compared: None,
            disagreement: None,
        }
    }

    /// Begins a probe.
    pub(super) const fn ask(&mut self, now: Duration, limit: Duration) {
        self.before = self.last;
        (self.last, self.limit) = (Some(now), limit);
    }

    /// Somebody has heard from it.
    pub(super) const fn hear(&mut self, now: Duration) {
        self.heard = Some(now);
    }

    /// Whether it ought to have answered the last probe by now, and nobody has heard from it since. If
    /// that was noticed late, there was no time for us either, and it may be our own fault.
    pub(super) fn is_dead(&self, now: Duration) -> bool {
        let Some(last) = self.last else { return false };
        let latest = self.limit.saturating_add(self.limit / 5);
        now.saturating_sub(last) <= latest && self.heard.is_none_or(|heard| heard < last)
    }

    /// The earliest time for a probe that is due then: there are never more than two within a second.
    pub(super) fn not_before(&self, due: Duration) -> Duration {
        self.before.map_or(due, |before| due.max(before.saturating_add(RATE)))
    }

    /// A probe that began then says that there is a leader.
    pub(super) fn is_led(
        &mut self,
        began: Duration,
        leader: Option<String>,
        cluster: Option<ClusterId>,
    ) {
        self.cluster = cluster;
        if leader.is_some() {
            self.named = Some(began);
        }
        let is_known = self.leader.is_some() && leader.is_some();
        if is_known && self.leader != leader {
            self.reign = self.reign.wrapping_add(1);
        }
        self.leader = leader.or_else(|| self.leader.take());
        (self.led, self.vacancy) = (Some(began), None);
    }

    /// The leader, if its last probe named one.
    pub(super) fn named_leader(&self) -> Option<&str> {
        self.leader.as_deref().filter(|_| self.named.is_some() && self.named == self.last)
    }

    /// Whether both may be members of one cluster, as far as they say which they belong to.
    pub(super) fn may_be_peer_of(&self, other: &Self) -> bool {
        self.cluster.zip(other.cluster).is_none_or(|(own, other)| own == other)
    }

    /// It says now that there is no leader; returns how many times in a row.
    pub(super) fn is_vacant(&mut self, now: Duration) -> Vacancy {
        if self.vacancy.is_none() {
            self.reign = self.reign.wrapping_add(1);
        }
        let vacancy = self.vacancy.get_or_insert(Vacancy { since: now, times: 0 });
        vacancy.times = vacancy.times.saturating_add(1);
        *vacancy
    }

    /// Whether what is known of it is too old to matter.
    pub(super) fn is_stale(&self, now: Duration) -> bool {
        self.last.max(self.heard).is_none_or(|last| now.saturating_sub(last) > STALE)
    }
}

/// Within this time there are two probes of an endpoint at most.
const RATE: Duration = Duration::from_secs(1);

/// How long an endpoint is remembered that nobody waits for.
const STALE: Duration = Duration::from_secs(600);
