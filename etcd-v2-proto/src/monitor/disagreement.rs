//! Members that name different leaders.
//!
//! A leader that is cut off from its peers does not step down before etcd 3.0: it names itself for as long as
//! the cut lasts. Only the other members tell that there is another leader. So when an endpoint that is waited
//! for names a leader, one other endpoint is probed as well. If the two disagree, all endpoints are probed again
//! half a second later, since members disagree for a moment during each election.

use std::mem;
use std::time::Duration;

use super::Monitor;
use super::entry::{AGAIN, Entry, Phase};
use super::member::Member;
use crate::endpoint::Endpoint;
use crate::interrupt::AbandonReason;

/// Another endpoint named another leader than the endpoint that is waited for.
#[derive(Debug)]
pub(super) struct Disagreement {
    /// When the probe of the other endpoint began.
    since: Duration,
    /// The reign of the endpoint that is waited for: whether it has named the same leader ever since.
    reign: u32,
    /// The leader that the other endpoint named.
    rival: String,
}

impl Disagreement {
    /// When all endpoints are probed again.
    pub(super) const fn again(&self) -> Duration {
        self.since.saturating_add(AGAIN)
    }
}

impl Monitor {
    /// Which other endpoint to probe on behalf of this attempt, and when, to compare the leaders that they name.
    /// Where fewer than three endpoints are known, no majority could contradict one of them.
    pub(super) fn comparison_due<'a>(
        &self,
        entry: &Entry,
        endpoints: &'a [Endpoint],
    ) -> Option<(Duration, &'a Endpoint)> {
        if endpoints.len() < 3 {
            return None;
        }
        let member = self.known(&entry.endpoint)?;
        member.named_leader().filter(|_| member.disagreement.is_none())?;
        let due = entry.comparison_due(member.last?, member.compared)?;
        // Each one in turn: some may be cut off together with this one.
        let others = endpoints.iter().filter(|other| **other != entry.endpoint);
        let other = others.min_by_key(|other| self.known(other).and_then(|other| other.last))?;
        Some((due, other))
    }

    /// A probe of this endpoint begins. It is compared with all those for which that is due.
    pub(super) fn begin_comparisons(
        &mut self,
        now: Duration,
        other: &Endpoint,
        endpoints: &[Endpoint],
    ) {
        let is_due = |endpoint: &&Endpoint| {
            let mut entries = self.waiting().filter(|entry| entry.endpoint == **endpoint);
            entries.any(|entry| {
                let due = self.comparison_due(entry, endpoints);
                due.is_some_and(|(due, probed)| due <= now && probed == other)
            })
        };
        let known = self.members.iter().map(|member| &member.endpoint);
        self.comparing = known.filter(is_due).cloned().collect();
        for member in &mut self.members {
            if self.comparing.contains(&member.endpoint) {
                member.compared = Some(now);
            }
        }
    }

    /// The probe of this endpoint is over. Takes note of disagreements.
    pub(super) fn compare(&mut self, other: &Endpoint) {
        let compared = mem::take(&mut self.comparing);
        let Some(other) = self.members.iter().position(|member| member.endpoint == *other) else {
            return;
        };
        for at in 0..self.members.len() {
            let (member, other) = (&self.members[at], &self.members[other]);
            let (Some(own), Some(rival)) = (member.named_leader(), other.named_leader()) else {
                continue;
            };
            let is_compared = compared.contains(&member.endpoint) && member.may_be_peer_of(other);
            if let Some(since) = other.last.filter(|_| is_compared && own != rival) {
                let (reign, rival) = (member.reign, rival.to_owned());
                self.members[at].disagreement = Some(Disagreement { since, reign, rival });
            }
        }
    }

    /// Ends the disagreements about which all endpoints have been probed again. Where an endpoint still names
    /// its leader and a majority of all endpoints the other one, it is abandoned.
    pub(super) fn settle_disagreements(&mut self, endpoints: &[Endpoint]) {
        for at in 0..self.members.len() {
            let member = &self.members[at];
            let Some(disagreement) = &member.disagreement else { continue };
            let again = Some(disagreement.again());
            if member.last < again {
                continue;
            }
            let is_same = member.named_leader().is_some() && member.reign == disagreement.reign;
            let others = endpoints.iter().filter(|other| **other != member.endpoint);
            let others = others.map(|other| self.known(other).filter(|other| other.last >= again));
            let is_complete = others.clone().all(|other| other.is_some());
            let names_rival = |other: &&Member| {
                other.named_leader() == Some(&disagreement.rival) && member.may_be_peer_of(other)
            };
            let votes = others.flatten().filter(names_rival).count();
            let is_outvoted = is_same && votes * 2 > endpoints.len();
            if is_same && !is_outvoted && !is_complete {
                continue;
            }
            let endpoint = member.endpoint.clone();
            let Some(ended) = self.members[at].disagreement.take() else { continue };
            if is_outvoted {
                self.abandon_outvoted(&endpoint, ended.since);
            }
        }
    }

    /// Abandons what has waited for this endpoint since before the first disagreement.
    fn abandon_outvoted(&mut self, endpoint: &Endpoint, since: Duration) {
        for entry in self.entries.iter_mut().flatten() {
            // Where the head has arrived, a leader has responded.
            let is_answered = entry.phase == Phase::Reading;
            if !entry.is_left && !is_answered && entry.since <= since && entry.endpoint == *endpoint
            {
                self.leaving.push(entry.leave(AbandonReason::OtherLeader));
            }
        }
    }
}
