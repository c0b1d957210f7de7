//! Telling hung, cut off and leaderless members from slow ones, while somebody waits for them.
//!
//! A write is patient, because giving up on it leaves its outcome unknown; so is, after a while, a quorum
//! read; and a watch waits for as long as nothing happens. None of them can tell a server that works from
//! one that never will. A [`Monitor`] can: it knows the attempts under way, says which endpoints are to be
//! [probed](Probe) when, takes what the probes find, and says whose drivers have to leave, by their
//! [`Interrupt`]. What follows is a failure like any other: the conversation goes on at the next endpoint
//! if it may.
//!
//! An endpoint is probed while
//!
//! - the head of a write, of a patient quorum read or of a wait is [late](Policy::late), or after the head of a write or
//!   a quorum read the first piece of its body, and every half second as long as it is;
//! - watches at it are idle, once in each [`Policy::watch_probe`], however many there are;
//! - a request timed out there, and it has not responded since: at once, and if that probe fails, again after 1, 2 and
//!   4 seconds and then every 5 seconds, as long as calls begin;
//! - it said that it has no leader and somebody waits for it, every half second, and so are the other
//!   endpoints then, until one of them has a leader.
//! - an endpoint that somebody waits for names a leader: then one other endpoint is probed, to compare the leaders
//!   that they name. That is done after each probe for a late head, and once in ten [`Policy::watch_probe`] for idle
//!   watches. If the two disagree, all endpoints are probed again half a second later.
//!
//! No endpoint is probed more than twice within a second, and none while answers come in time and no
//! watch is idle. Other reads have short timeouts of their own; their endpoints are probed only after a timeout. Quorum
//! reads are meant where writes are named in what follows.
//!
//! | a probe finds | then |
//! |---|---|
//! | alive | nothing |
//! | no leader | writes are left when they have taken [`Policy::no_leader`] in all: what was sent to a leader that is gone is never answered |
//! | alive again after that, or led by another one than before | the same; and writes that were sent before are left after half a second |
//! | no leader again, while another endpoint has one | all are left |
//! | another leader than one other endpoint names; half a second later still the same leader, while a majority of all endpoints names the other one | all that have waited since before the first disagreement are left: the member is cut off from its peers |
//! | another leader than a minority of the endpoints names, or fewer than three endpoints are known | nothing: a leader that is cut off looks the same |
//! | dead, and nobody has heard from it since the probe began | all are left |
//! | unclear, or dead, but that was noticed late | nothing |
//!
//! A dead endpoint is the last choice until a probe or a request succeeds there. Two other endpoints count as dead: one
//! where a request timed out and that has no leader, and one where three requests of a class have timed out in a row
//! although its probes succeed; the latter is used again after the fifth probe. An endpoint that is alive regains its
//! position ([`Cluster::apply_probe_results`](crate::Cluster::apply_probe_results)).
//!
//! A head is late after [`Policy::late`], or after its expected response time if that is longer. A probe takes
//! [`Policy::probe`] at most, or two expected round trips if that is longer, or four times the configured value at an
//! endpoint that was never reached. Each probe that times out doubles that, up to eight times.
//!
//! A leader that is cut off from its peers does not step down before etcd 3.0, and names itself for as long as that
//! lasts. That is why leaders are compared. Members disagree for a moment during each election, too; so the same
//! disagreement has to be found twice. Members of different clusters are not compared.
//!
//! Whoever has the head has been answered by a leader, and is left only by those that are dead.
//!
//! An [`AbandonReason`] says why an attempt is abandoned. It is in the error of the attempt.
//!
//! *All* are those that were under way when the probe began: nobody is left who has not waited for as long
//! as the probe. Each is told once.
//!
//! The clients of `etcd-v2-client` have one each. A driver of your own may do without; then a server that
//! hangs holds up a write for [`Policy::write_head`] and a watch for [`Policy::watch_idle`]. This
//! is all there is to it:
//!
//! ```
//! use std::time::Duration;
//! use etcd_v2_proto::monitor::{Duty, Liveness, Monitor, Pending};
//! use etcd_v2_proto::{AbandonReason, Cluster, Interrupt, Policy, Purpose, Reason};
//!
//! let ms = Duration::from_millis;
//! let (mut monitor, policy, interrupt) = (Monitor::new(), Policy::default(), Interrupt::new());
//! let cluster = Cluster::parse(["http://10.0.0.1:2379"])?;
//! let (route, endpoint) = (cluster.route(), cluster.pinned().clone());
//! let pending = Pending::new(&endpoint, Purpose::Write, &policy);
//!
//! let ticket = monitor.begin(ms(0), &pending, &interrupt).unwrap();
//! let Duty::Rest(Some(pause)) = monitor.next(ms(0), &route) else { panic!("nothing is late") };
//! assert_eq!(pause, ms(250));
//! let Duty::Probe { endpoint, .. } = monitor.next(ms(250), &route) else { panic!("it is late") };
//!
//! monitor.learn(ms(500), &route, &endpoint, Liveness::Dead);
//! let Duty::Leave(interrupts) = monitor.next(ms(500), &route) else { panic!("it is dead") };
//! interrupts.iter().for_each(|(interrupt, reason)| interrupt.abandon_attempt(*reason));
//! assert_eq!(interrupt.take(), Some(Reason::Leave(AbandonReason::Unresponsive)));
//! monitor.end(ms(500), ticket, false);
//! # Ok::<(), etcd_v2_proto::Error>(())
//! ```

mod disagreement;
mod entry;
mod member;
mod probe;
#[cfg(test)]
mod tests;

pub use probe::{Liveness, Probe};

use std::mem;
use std::time::Duration;

use self::disagreement::Disagreement;
use self::entry::{AGAIN, Entry, Phase};
use self::member::Member;
use crate::cluster::{Health, Route};
use crate::endpoint::Endpoint;
use crate::interrupt::{AbandonReason, Interrupt};
use crate::policy::Policy;
use crate::request::Purpose;

/// An attempt that is about to wait for its server; see [`Conversation::pending`](crate::Conversation::pending).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Pending<'a> {
    /// Who is asked.
    pub endpoint: &'a Endpoint,
    /// What for.
    pub purpose: Purpose,
    /// How patiently.
    pub policy: &'a Policy,
    /// How long it is expected to take at most, connecting included. The endpoint is not probed before.
    pub expected: Duration,
}

impl<'a> Pending<'a> {
    /// Such an attempt.
    #[must_use]
    pub const fn new(endpoint: &'a Endpoint, purpose: Purpose, policy: &'a Policy) -> Self {
        Self { endpoint, purpose, policy, expected: Duration::ZERO }
    }

    /// The same attempt, expected to take this long at most.
    #[must_use]
    pub const fn expecting(mut self, expected: Duration) -> Self {
        self.expected = expected;
        self
    }
}

/// Stands for an attempt that a [`Monitor`] knows of, until it is handed back.
#[derive(Debug)]
#[must_use = "the attempt is watched over until this is handed back"]
pub struct Ticket {
    place: usize,
}

/// What whoever drives a [`Monitor`] has to do next.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever drives it has to know every duty")]
pub enum Duty {
    /// Use [`Interrupt::abandon_attempt`] on each of these with its reason, and ask again.
    Leave(Vec<(Interrupt, AbandonReason)>),
    /// Probe this endpoint, say what was [found](Monitor::learn), and ask again.
    Probe {
        /// Whom to probe.
        endpoint: Endpoint,
        /// The longest that it may take.
        limit: Duration,
    },
    /// Ask again after that long, or if there is none, when an attempt begins or a wait becomes idle.
    Rest(Option<Duration>),
}

/// Knows who waits for which endpoint, and finds out which of them wait in vain; see the
/// [module](self). `now` is the time since any moment in the past; it never goes back.
#[derive(Debug, Default)]
pub struct Monitor {
    entries: Vec<Option<Entry>>,
    /// Where entries are free.
    free: Vec<usize>,
    members: Vec<Member>,
    leaving: Vec<(Interrupt, AbandonReason)>,
    /// The endpoints with which the one that is being probed is compared.
    comparing: Vec<Endpoint>,
}

impl Monitor {
    /// One that knows of no attempt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches over an attempt that is sent now, unless its policy is against it or it is for a local read.
    pub fn begin(
        &mut self,
        now: Duration,
        pending: &Pending<'_>,
        interrupt: &Interrupt,
    ) -> Option<Ticket> {
        let entry = Entry::new(now, pending, interrupt)?;
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place] = Some(entry);
                place
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        };
        Some(Ticket { place })
    }

    /// When its endpoint is to be probed on behalf of this attempt, if it goes on like that. To be asked
    /// after it began or became idle: whoever drives the monitor must not rest for longer.
    #[must_use]
    pub fn due(&self, ticket: &Ticket) -> Option<Duration> {
        self.entries.get(ticket.place)?.as_ref()?.due(None)
    }

    /// When the first slow or dead endpoint is to be probed, if there is one.
    #[must_use]
    pub fn unhealthy_probe_due(&self, now: Duration, route: &Route) -> Option<Duration> {
        self.first_unhealthy(now, route).map(|(due, _)| due)
    }

    /// The head of the answer is there. A write or a quorum read is watched over until the first piece of its
    /// body, while a wait is idle from now on.
    pub fn head(&mut self, now: Duration, ticket: Ticket) -> Option<Ticket> {
        let entry = self.entry(&ticket)?;
        let endpoint = entry.endpoint.clone();
        entry.has_head(now);
        self.member(&endpoint).hear(now);
        Some(ticket)
    }

    /// A piece of the answer is there. Only waits are watched over after that.
    pub fn hear(&mut self, now: Duration, ticket: Ticket) -> Option<Ticket> {
        let entry = self.entry(&ticket)?;
        if entry.phase != Phase::Idle {
            self.end(now, ticket, true);
            return None;
        }
        entry.since = now;
        let endpoint = entry.endpoint.clone();
        self.member(&endpoint).hear(now);
        Some(ticket)
    }

    /// The attempt is over, with an answer or without.
    pub fn end(&mut self, now: Duration, ticket: Ticket, answered: bool) {
        let Some(entry) = self.entries.get_mut(ticket.place).and_then(Option::take) else { return };
        self.free.push(ticket.place);
        if answered {
            self.member(&entry.endpoint).hear(now);
        }
    }

    /// What has to be done now. `route` has the endpoints of the cluster: slow and dead ones are probed, and if one has no
    /// leader, so are the others.
    pub fn next(&mut self, now: Duration, route: &Route) -> Duty {
        for entry in self.entries.iter_mut().flatten() {
            if !entry.is_left && entry.ends().is_some_and(|end| end <= now) {
                let reason = entry.reason(now);
                self.leaving.push(entry.leave(reason));
            }
        }
        let endpoints = sorted(route);
        self.settle_disagreements(&endpoints);
        if !self.leaving.is_empty() {
            return Duty::Leave(mem::take(&mut self.leaving));
        }
        self.forget(now);
        let due = self.first_due(&endpoints).into_iter().chain(self.first_unhealthy(now, route));
        match due.min_by_key(|(at, _)| *at) {
            Some((at, endpoint)) if at <= now => {
                self.begin_comparisons(now, &endpoint, &endpoints);
                let configured = self.waiting().map(|entry| entry.patience.probe).max();
                let state = route.state_of(&endpoint).cloned().unwrap_or_default();
                let limit = state.probe_timeout(configured.unwrap_or_default());
                state.begin_probe();
                self.member(&endpoint).ask(now, limit);
                Duty::Probe { endpoint, limit }
            }
            due => {
                let ends = self.waiting().filter_map(Entry::ends);
                let next = due.into_iter().map(|(at, _)| at).chain(ends).min();
                Duty::Rest(next.map(|next| next.saturating_sub(now)))
            }
        }
    }

    /// Takes the result of the last probe of this endpoint, which is over now, and changes the health of the endpoint in
    /// `route`. [`Cluster::apply_probe_results`](crate::Cluster::apply_probe_results) has to follow.
    pub fn learn(&mut self, now: Duration, route: &Route, endpoint: &Endpoint, found: Liveness) {
        let Some(at) = self.members.iter().position(|member| member.endpoint == *endpoint) else {
            return;
        };
        let Some(began) = self.members[at].last else { return };
        let has_answered = matches!(found, Liveness::Alive { .. } | Liveness::NoLeader);
        let is_dead = matches!(found, Liveness::Dead) && self.members[at].is_dead(now);
        let is_without_leader = matches!(found, Liveness::NoLeader);
        let before = self.members[at].vacancy;
        let is_left = match found {
            Liveness::Alive { leader, cluster } => {
                self.members[at].is_led(began, leader, cluster);
                false
            }
            Liveness::NoLeader => {
                let vacancy = self.members[at].is_vacant(now);
                let is_led = |member: &Member| {
                    member.led.is_some_and(|led| (vacancy.since..began).contains(&led))
                };
                vacancy.times > 1 && self.members.iter().any(is_led)
            }
            Liveness::Dead => is_dead,
            Liveness::Unclear => false,
        };
        let member = &mut self.members[at];
        if has_answered {
            member.hear(now);
        }
        if let Some(state) = route.state_of(endpoint) {
            let is_unhealthy = state.health() != Health::Healthy;
            // If requests keep timing out, a successful probe means little.
            let is_unreliable = member.failures < PROBES_BEFORE_RETRY && state.keeps_timing_out();
            if is_dead || (is_unhealthy && (is_without_leader || (has_answered && is_unreliable))) {
                member.failures = member.failures.saturating_add(1);
                state.mark_dead();
            } else if has_answered {
                member.failures = 0;
                state.mark_healthy();
            }
        }
        let (reign, is_vacant) = (member.reign, member.vacancy.is_some());
        let vacancy = before.or(member.vacancy).map(|vacancy| vacancy.since);
        self.compare(endpoint);
        for entry in self.entries.iter_mut().flatten() {
            if entry.is_left || entry.since > began || entry.endpoint != *endpoint {
                continue;
            }
            if has_answered {
                entry.note(now, reign, vacancy, is_vacant);
            }
            if is_left && (entry.phase != Phase::Reading || !has_answered) {
                let reason = if is_without_leader {
                    AbandonReason::NoLeader { waited: now.saturating_sub(entry.since) }
                } else {
                    AbandonReason::Unresponsive
                };
                self.leaving.push(entry.leave(reason));
            }
        }
    }

    /// Those who wait and have not been told to leave.
    fn waiting(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten().filter(|entry| !entry.is_left)
    }

    fn entry(&mut self, ticket: &Ticket) -> Option<&mut Entry> {
        self.entries.get_mut(ticket.place)?.as_mut()
    }

    fn known(&self, endpoint: &Endpoint) -> Option<&Member> {
        self.members.iter().find(|member| member.endpoint == *endpoint)
    }

    fn member(&mut self, endpoint: &Endpoint) -> &mut Member {
        let at = self.members.iter().position(|member| member.endpoint == *endpoint);
        let at = at.unwrap_or_else(|| {
            self.members.push(Member::new(endpoint.clone()));
            self.members.len() - 1
        });
        &mut self.members[at]
    }

    /// Forgets what is of no use of endpoints for which nobody waits.
    fn forget(&mut self, now: Duration) {
        let mut members = mem::take(&mut self.members);
        members.retain_mut(|member| {
            let is_wanted = self.waiting().any(|entry| entry.endpoint == member.endpoint);
            // Whoever comes next finds out anew.
            member.vacancy = member.vacancy.filter(|_| is_wanted);
            member.disagreement = member.disagreement.take().filter(|_| is_wanted);
            is_wanted || !member.is_stale(now)
        });
        self.members = members;
    }

    /// Which slow or dead endpoint is to be probed first, and when: a slow one at once, a dead one with growing pauses
    /// and only if a call has begun since its last probe.
    fn first_unhealthy(&self, now: Duration, route: &Route) -> Option<(Duration, Endpoint)> {
        let due = route.unhealthy().filter_map(|(endpoint, state)| {
            let member = self.known(endpoint);
            let last = member.and_then(|member| member.last);
            let due = match (state.health(), last) {
                (Health::Dead, _) if !state.is_probe_requested() => return None,
                (Health::Dead, Some(last)) => {
                    let failures = member.map_or(0, |member| member.failures);
                    let pause = AGAIN.saturating_mul(2_u32.saturating_pow(failures));
                    last.saturating_add(pause.min(LONGEST_PAUSE))
                }
                _ => now,
            };
            Some((member.map_or(due, |member| member.not_before(due)), endpoint))
        });
        let first = due.min_by_key(|(at, _)| *at);
        first.map(|(at, endpoint)| (at, endpoint.clone()))
    }

    /// Which endpoint is to be probed first, and when.
    fn first_due(&self, endpoints: &[Endpoint]) -> Option<(Duration, Endpoint)> {
        let mut first: Option<(Duration, &Endpoint)> = None;
        for entry in self.waiting() {
            let member = self.known(&entry.endpoint);
            let last = member.and_then(|member| member.last);
            let vacancy = member.and_then(|member| member.vacancy);
            let disagreed = member.and_then(|member| member.disagreement.as_ref());
            let repeat = disagreed.map(Disagreement::again);
            let again = last.filter(|_| vacancy.is_some()).map(|last| last.saturating_add(AGAIN));
            let own = entry.due(last).into_iter().chain(again).min();
            let own = repeat.filter(|_| last < repeat).or(own).map(|due| (due, &entry.endpoint));
            let others = || endpoints.iter().filter(|other| **other != entry.endpoint);
            // Somebody else may have a leader.
            let led = vacancy.iter().flat_map(|vacancy| {
                others()
                    .filter_map(|other| Some((self.due_elsewhere(other, vacancy.since)?, other)))
            });
            let repeats = repeat.into_iter().flat_map(|repeat| {
                let is_due = move |other: &&Endpoint| {
                    self.known(other).and_then(|it| it.last) < Some(repeat)
                };
                others().filter(is_due).map(move |other| (repeat, other))
            });
            let comparison = self.comparison_due(entry, endpoints);
            let all = own.into_iter().chain(led).chain(repeats).chain(comparison);
            for (due, endpoint) in all {
                let at = self.known(endpoint).map_or(due, |member| member.not_before(due));
                if first.is_none_or(|(first, _)| at < first) {
                    first = Some((at, endpoint));
                }
            }
        }
        first.map(|(at, endpoint)| (at, endpoint.clone()))
    }

    /// When to ask an endpoint whether it has a leader, if that is not known for this time.
    fn due_elsewhere(&self, endpoint: &Endpoint, since: Duration) -> Option<Duration> {
        let Some(member) = self.known(endpoint) else { return Some(since) };
        let again = member.last.map_or(since, |last| since.max(last.saturating_add(AGAIN)));
        (member.led < Some(since)).then_some(again)
    }
}

/// All endpoints, in an order that does not depend on the pin.
fn sorted(route: &Route) -> Vec<Endpoint> {
    let mut endpoints = route.endpoints().to_vec();
    endpoints.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    endpoints
}

/// After how many successful probes an endpoint is used again where requests have timed out several times in a row.
const PROBES_BEFORE_RETRY: u32 = 4;

/// The longest pause between two probes of a dead endpoint.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
