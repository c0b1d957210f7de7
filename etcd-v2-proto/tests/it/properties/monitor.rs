//! A monitor beside any attempts and any findings.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_v2_proto::monitor::{Duty, Liveness, Monitor, Pending, Ticket};
use etcd_v2_proto::{AbandonReason, Cluster, Endpoint, Interrupt, Policy, Purpose, Reason, Route};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

use super::cases;

/// What happens next, some time later.
#[derive(Clone, Debug)]
enum Step {
    /// An attempt begins at this endpoint.
    Begin(usize, Purpose),
    /// One of those under way gets its head, hears something, or ends.
    Head(usize),
    Hear(usize),
    End(usize, bool),
    /// How an endpoint answers probes from now on.
    Turn(usize, Kind),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Alive(u8),
    NoLeader,
    Dead,
    Unclear,
}

fn step() -> impl Strategy<Value = Step> {
    let endpoint = || 0..ENDPOINTS;
    let purpose = proptest::sample::select(vec![
        Purpose::Read,
        Purpose::QuorumRead,
        Purpose::Write,
        Purpose::GuardedWrite,
        Purpose::Wait,
    ]);
    let kind = prop_oneof![
        3 => (0..2_u8).prop_map(Kind::Alive),
        2 => Just(Kind::NoLeader),
        2 => Just(Kind::Dead),
        1 => Just(Kind::Unclear),
    ];
    prop_oneof![
        3 => (endpoint(), purpose).prop_map(|(at, purpose)| Step::Begin(at, purpose)),
        1 => any::<usize>().prop_map(Step::Head),
        1 => any::<usize>().prop_map(Step::Hear),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, answered)| Step::End(at, answered)),
        2 => (endpoint(), kind).prop_map(|(at, kind)| Step::Turn(at, kind)),
        4 => Just(Step::Nothing),
    ]
}

const ENDPOINTS: usize = 3;

/// What is sent to a leader that is gone is left so long after there is another one, at the earliest.
const SETTLED: Duration = Duration::from_millis(500);

/// An attempt under way.
struct Attempt {
    ticket: Ticket,
    interrupt: Interrupt,
    endpoint: usize,
    began: Duration,
    /// Whether it has to be proposed to a leader.
    is_proposal: bool,
    has_head: bool,
    /// When its endpoint first changed since then.
    changed: Option<Duration>,
    times_left: u32,
}

/// The world around a monitor.
struct World {
    monitor: Monitor,
    policy: Policy,
    endpoints: Vec<Endpoint>,
    route: Route,
    now: Duration,
    kinds: [Kind; ENDPOINTS],
    attempts: BTreeMap<u64, Attempt>,
    begun: u64,
    probes: [Vec<Duration>; ENDPOINTS],
    /// What each endpoint answered to which probe, as far as it answered.
    found: [Vec<(Duration, Kind)>; ENDPOINTS],
}

impl World {
    fn new() -> Self {
        let cluster = Cluster::parse(["http://a:1,http://b:1,http://c:1"]).expect("endpoints");
        Self {
            monitor: Monitor::new(),
            policy: Policy::default(),
            endpoints: cluster.endpoints().to_vec(),
            route: cluster.route(),
            now: Duration::ZERO,
            kinds: [Kind::Alive(0); ENDPOINTS],
            attempts: BTreeMap::new(),
            begun: 0,
            probes: [const { Vec::new() }; ENDPOINTS],
            found: [const { Vec::new() }; ENDPOINTS],
        }
    }

    /// One of the attempts, if there is any.
    fn pick(&self, number: usize) -> Option<u64> {
        let count = self.attempts.len();
        self.attempts.keys().nth(number.checked_rem(count)?).copied()
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin(endpoint, purpose) => {
                let interrupt = Interrupt::new();
                let pending = Pending::new(&self.endpoints[endpoint], purpose, &self.policy);
                let ticket = self.monitor.begin(self.now, &pending, &interrupt);
                let is_proposal = !matches!(purpose, Purpose::Read | Purpose::Wait);
                assert_eq!(ticket.is_some(), purpose != Purpose::Read);
                if let Some(ticket) = ticket {
                    let (began, changed, times_left) = (self.now, None, 0);
                    let attempt = Attempt {
                        ticket,
                        interrupt,
                        endpoint,
                        began,
                        is_proposal,
                        has_head: false,
                        changed,
                        times_left,
                    };
                    self.attempts.insert(self.begun, attempt);
                    self.begun += 1;
                }
            }
            Step::Head(number) => {
                let Some((key, mut attempt)) =
                    self.pick(number).and_then(|key| self.attempts.remove_entry(&key))
                else {
                    return;
                };
                let ticket = self.monitor.head(self.now, attempt.ticket);
                attempt.ticket = ticket.expect("something is still to come");
                (attempt.has_head, attempt.began) = (true, self.now);
                self.attempts.insert(key, attempt);
            }
            Step::Hear(number) => {
                let Some((key, mut attempt)) =
                    self.pick(number).and_then(|key| self.attempts.remove_entry(&key))
                else {
                    return;
                };
                let is_idle = !attempt.is_proposal && attempt.has_head;
                let ticket = self.monitor.hear(self.now, attempt.ticket);
                assert_eq!(ticket.is_some(), is_idle);
                if let Some(ticket) = ticket {
                    attempt.ticket = ticket;
                    self.attempts.insert(key, attempt);
                }
            }
            Step::End(number, answered) => {
                if let Some(attempt) = self.pick(number).and_then(|key| self.attempts.remove(&key))
                {
                    self.monitor.end(self.now, attempt.ticket, answered);
                }
            }
            Step::Turn(endpoint, kind) => {
                if self.kinds[endpoint] != kind {
                    self.kinds[endpoint] = kind;
                    let (now, all) = (self.now, self.attempts.values_mut());
                    for attempt in all.filter(|attempt| attempt.endpoint == endpoint) {
                        attempt.changed = attempt.changed.or(Some(now));
                    }
                }
            }
            Step::Nothing => {}
        }
    }

    /// Drives the monitor until then.
    fn drive(&mut self, until: Duration) {
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 1000, "it spins");
            match self.monitor.next(self.now, &self.route) {
                Duty::Leave(interrupts) => {
                    assert!(!interrupts.is_empty());
                    interrupts.iter().for_each(|(it, reason)| it.abandon_attempt(*reason));
                    self.leave();
                }
                Duty::Probe { endpoint, limit } => self.probe(&endpoint, limit, until),
                Duty::Rest(pause) => {
                    assert_ne!(pause, Some(Duration::ZERO), "there is something to do");
                    let next = pause.map_or(until, |pause| self.now + pause);
                    self.now = self.now.max(next.min(until));
                    if next >= until {
                        return;
                    }
                }
            }
        }
    }

    fn probe(&mut self, endpoint: &Endpoint, limit: Duration, until: Duration) {
        let at = self.endpoints.iter().position(|own| own == endpoint);
        let at = at.expect("it is one of the cluster");
        assert!(!self.attempts.is_empty(), "nobody waits");
        let probes = &mut self.probes[at];
        if let [.., before, _] = probes[..] {
            assert!(self.now - before >= Duration::from_secs(1), "a third one within a second");
        }
        probes.push(self.now);
        let began = self.now;
        let found = match self.kinds[at] {
            // Those that do not answer may take up all of the time.
            _ if self.now > until => Liveness::Unclear,
            Kind::Alive(leader) => {
                Liveness::Alive { leader: Some(leader.to_string()), cluster: None }
            }
            Kind::NoLeader => Liveness::NoLeader,
            Kind::Dead => {
                self.now += limit;
                Liveness::Dead
            }
            Kind::Unclear => Liveness::Unclear,
        };
        if matches!(found, Liveness::Alive { .. } | Liveness::NoLeader) {
            self.found[at].push((began, self.kinds[at]));
        }
        self.monitor.learn(self.now, &self.route, endpoint, found);
    }

    /// Those who were told leave, and each had a reason.
    fn leave(&mut self) {
        for attempt in self.attempts.values_mut() {
            let Some(Reason::Leave(told)) = attempt.interrupt.take() else { continue };
            attempt.times_left += 1;
            assert_eq!(attempt.times_left, 1, "told twice");
            let (at, waited) = (attempt.endpoint, self.now - attempt.began);
            let settled = attempt.changed.map(|at| self.now - at) >= Some(SETTLED);
            let overdue = Some(waited) >= self.policy.no_leader;
            let election = attempt.is_proposal && !attempt.has_head && (overdue || settled);
            let reason = match self.kinds[at] {
                Kind::Dead => waited >= self.policy.probe,
                Kind::NoLeader => !(attempt.is_proposal && attempt.has_head),
                Kind::Alive(_) | Kind::Unclear => false,
            };
            let outvoted = told == AbandonReason::OtherLeader;
            assert!(election || reason || outvoted, "{:?}, after {waited:?}", self.kinds[at]);
            match told {
                AbandonReason::NoLeader { waited: told } => assert!(told <= waited, "{told:?}"),
                AbandonReason::LeaderChanged => assert!(election),
                AbandonReason::OtherLeader => {
                    assert!(is_outvoted(at, &self.found), "{:?}", self.found);
                    assert!(waited >= SETTLED && !(attempt.is_proposal && attempt.has_head));
                }
                _ => assert!(matches!(self.kinds[at], Kind::Dead)),
            }
        }
    }
}

/// Whether this endpoint has named the same leader for half a second, and the two others name the same other one.
fn is_outvoted(at: usize, found: &[Vec<(Duration, Kind)>; ENDPOINTS]) -> bool {
    let last = |at: usize| found[at].last().map(|(_, kind)| *kind).filter(is_named);
    let others: Vec<_> = (0..ENDPOINTS).filter(|other| *other != at).map(last).collect();
    let same: Vec<_> =
        found[at].iter().rev().take_while(|(_, kind)| Some(*kind) == last(at)).collect();
    let is_twice = same[0].0 - same[same.len() - 1].0 >= SETTLED;
    last(at).is_some()
        && is_twice
        && others[0].is_some()
        && others[0] == others[1]
        && others[0] != last(at)
}

const fn is_named(kind: &Kind) -> bool {
    matches!(kind, Kind::Alive(_))
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_monitor_probes_seldom_and_has_nobody_leave_without_a_reason_or_twice(
        steps in vec((step(), 0..900_u64), 1..120),
    ) {
        let mut world = World::new();
        for (step, pause) in steps {
            world.take(step);
            let until = world.now + Duration::from_millis(pause);
            world.drive(until);
        }
    }

    #[test]
    fn nobody_stays_at_a_dead_endpoint(
        steps in vec((step(), 0..900_u64), 1..60),
        purposes in vec(proptest::sample::select(vec![Purpose::Write, Purpose::Wait]), 1..9),
    ) {
        let mut world = World::new();
        for (step, pause) in steps {
            world.take(step);
            let until = world.now + Duration::from_millis(pause);
            world.drive(until);
        }
        let first = world.begun;
        for purpose in purposes {
            world.take(Step::Begin(0, purpose));
        }
        let waits: Vec<_> = world.attempts.keys().copied().filter(|key| *key >= first).collect();
        for at in 0..ENDPOINTS {
            world.take(Step::Turn(at, Kind::Dead));
        }
        // Probes of the others may come before, and each may take up to two seconds.
        world.drive(world.now + Duration::from_secs(9));
        for key in waits {
            assert_eq!(world.attempts[&key].times_left, 1, "it waits for ever");
        }
    }

    #[test]
    fn nothing_stays_at_an_endpoint_that_the_majority_contradicts(
        steps in vec((step(), 0..900_u64), 1..60),
        purposes in vec(proptest::sample::select(vec![Purpose::Write, Purpose::Wait]), 1..9),
        cut_off in 0..ENDPOINTS,
        head in any::<bool>(),
    ) {
        let mut world = World::new();
        for (step, pause) in steps {
            world.take(step);
            let until = world.now + Duration::from_millis(pause);
            world.drive(until);
        }
        // What went before is over.
        while !world.attempts.is_empty() {
            world.take(Step::End(0, false));
        }
        for at in 0..ENDPOINTS {
            world.take(Step::Turn(at, Kind::Alive(u8::from(at == cut_off))));
        }
        for purpose in &purposes {
            world.take(Step::Begin(cut_off, *purpose));
            if head && *purpose == Purpose::Wait {
                world.take(Step::Head(world.attempts.len() - 1));
            }
        }
        for other in (0..ENDPOINTS).filter(|at| *at != cut_off) {
            world.take(Step::Begin(other, Purpose::Wait));
        }
        world.drive(world.now + Duration::from_secs(15));
        for attempt in world.attempts.values() {
            assert_eq!(attempt.times_left, u32::from(attempt.endpoint == cut_off));
        }
    }
}
