//! The monitor, on its own.

mod disagreements;
mod elections;

use std::sync::Arc;

use super::*;
use crate::cluster::{Class, Cluster};
use crate::interrupt::{AbandonReason, Reason};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A monitor with the default policy and some endpoints.
struct Play {
    monitor: Monitor,
    policy: Policy,
    endpoints: Vec<Endpoint>,
    cluster: Cluster,
}

impl Play {
    fn new() -> Self {
        Self::with(&["http://a:1", "http://b:1", "http://c:1"])
    }

    /// The same with these endpoints.
    fn with(urls: &[&str]) -> Self {
        let cluster = Cluster::parse(urls).unwrap();
        let endpoints = cluster.endpoints().to_vec();
        let (monitor, policy) = (Monitor::new(), Policy::default());
        let mut play = Self { monitor, policy, endpoints, cluster };
        // They answer at once.
        for endpoint in 0..urls.len() {
            let (ticket, _) = play.begin(0, endpoint, Purpose::Write);
            play.monitor.end(ms(0), ticket.unwrap(), true);
            play.respond(endpoint, 1);
        }
        play
    }

    fn begin(&mut self, at: u64, endpoint: usize, purpose: Purpose) -> (Option<Ticket>, Interrupt) {
        let interrupt = Interrupt::new();
        let pending = Pending::new(&self.endpoints[endpoint], purpose, &self.policy);
        (self.monitor.begin(ms(at), &pending, &interrupt), interrupt)
    }

    /// Connecting to this endpoint and a response take so many milliseconds.
    fn respond(&self, endpoint: usize, millis: u64) {
        let route = self.cluster.route();
        let state = route.state_of(&self.endpoints[endpoint]).unwrap();
        state.connect(ms(millis));
        state.respond(Class::Network, false, ms(millis));
    }

    /// A watch that is idle.
    fn idle(&mut self, at: u64, endpoint: usize) -> (Ticket, Interrupt) {
        let (ticket, interrupt) = self.begin(at, endpoint, Purpose::Wait);
        let ticket = self.monitor.head(ms(at), ticket.unwrap());
        (ticket.unwrap(), interrupt)
    }

    /// What is to be done then, in words.
    fn next(&mut self, at: u64) -> String {
        match self.monitor.next(ms(at), &self.cluster.route()) {
            Duty::Leave(interrupts) => {
                interrupts.iter().for_each(|(it, reason)| it.abandon_attempt(*reason));
                format!("leave {}", interrupts.len())
            }
            Duty::Probe { endpoint, limit } => {
                format!("probe {} within {}", &endpoint.as_str()[7..8], limit.as_millis())
            }
            Duty::Rest(Some(pause)) => format!("rest {}", pause.as_millis()),
            Duty::Rest(None) => "nothing".to_owned(),
        }
    }

    fn learn(&mut self, at: u64, endpoint: usize, found: Liveness) {
        let route = self.cluster.route();
        self.monitor.learn(ms(at), &route, &self.endpoints[endpoint], found);
    }

    fn alive(&mut self, at: u64, endpoint: usize, leader: &str) {
        self.learn(
            at,
            endpoint,
            Liveness::Alive { leader: Some(leader.to_owned()), cluster: None },
        );
    }
}

#[test]
fn reads_and_impatient_policies_are_no_affair_of_it() {
    let mut play = Play::new();
    for purpose in [Purpose::Read, Purpose::Listing] {
        assert!(play.begin(0, 0, purpose).0.is_none());
    }
    play.policy = Policy::go_limits();
    for purpose in [Purpose::Write, Purpose::GuardedWrite, Purpose::Wait, Purpose::QuorumRead] {
        assert!(play.begin(0, 0, purpose).0.is_none());
    }
    assert_eq!(play.next(0), "nothing");
}

#[test]
fn nobody_is_probed_while_answers_come_in_time() {
    let mut play = Play::new();
    for at in (0..10_000).step_by(100) {
        let (ticket, _) = play.begin(at, 0, Purpose::Write);
        assert!(play.next(at + 90).starts_with("rest"));
        let ticket = play.monitor.head(ms(at + 98), ticket.unwrap());
        assert!(play.monitor.hear(ms(at + 99), ticket.unwrap()).is_none());
        assert_eq!(play.next(at + 99), "nothing");
    }
}

#[test]
fn a_write_whose_body_does_not_come_leaves_a_dead_endpoint_but_none_without_a_leader() {
    let mut play = Play::new();
    let (write, interrupt) = play.begin(0, 0, Purpose::Write);
    let ticket = play.monitor.head(ms(10), write.unwrap());
    assert_eq!(play.next(10), "rest 250");
    for (at, found) in [(260, Liveness::NoLeader), (760, Liveness::NoLeader)] {
        assert_eq!(play.next(at), "probe a within 250");
        play.learn(at, 0, found);
        // So are the others then, of which one has a leader.
        while play.next(at).starts_with("probe") {
            play.alive(at, 1, "1");
            play.alive(at, 2, "1");
        }
        assert_eq!(interrupt.take(), None);
    }
    assert!(play.next(1260).starts_with("probe a"));
    play.learn(1510, 0, Liveness::Dead);
    assert_eq!(play.next(1510), "leave 1");
    assert_eq!(interrupt.take(), UNRESPONSIVE);
    play.monitor.end(ms(1510), ticket.unwrap(), false);
}

#[test]
fn a_late_write_has_its_endpoint_probed_every_half_second_and_waits_while_that_is_alive() {
    let mut play = Play::new();
    let (_ticket, interrupt) = play.begin(100, 0, Purpose::Write);
    assert_eq!(play.next(100), "rest 250");
    for at in (350..6900).step_by(500) {
        assert_eq!(play.next(at), "probe a within 250");
        play.alive(at + 1, 0, "1");
        // Another one, too, to compare the leaders that they name.
        let other = if (at - 350) % 1000 == 0 { (1, "b") } else { (2, "c") };
        assert_eq!(play.next(at + 1), format!("probe {} within 250", other.1));
        play.alive(at + 1, other.0, "1");
        assert_eq!(play.next(at + 1), "rest 499");
    }
    assert_eq!(interrupt.take(), None);
}

#[test]
fn everybody_at_a_dead_endpoint_is_told_to_leave_once() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    let (_watch, watch) = play.idle(0, 0);
    let (_other, other) = play.begin(0, 1, Purpose::GuardedWrite);
    assert_eq!(play.next(250), "probe a within 250");
    let (_late, late) = play.begin(251, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe b within 250");
    play.alive(251, 1, "1");
    play.learn(500, 0, Liveness::Dead);
    assert_eq!(play.next(500), "leave 2");
    assert_eq!((write.take(), watch.take()), (UNRESPONSIVE, UNRESPONSIVE));
    assert_eq!((other.take(), late.take()), (None, None), "they have not waited for that long");
    assert_eq!(play.next(501), "probe c within 250", "to compare it with the second one");
    play.alive(501, 2, "1");
    assert_eq!(play.next(501), "probe a within 250", "for the one who came later");
    play.learn(751, 0, Liveness::Dead);
    assert_eq!(play.next(751), "leave 1");
    assert_eq!((write.take(), watch.take()), (None, None));
}

#[test]
fn an_answer_that_somebody_got_meanwhile_counts_more_than_a_probe_without_one() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    let (quick, _) = play.begin(249, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe a within 250");
    play.monitor.end(ms(300), quick.unwrap(), true);
    play.learn(500, 0, Liveness::Dead);
    assert_eq!(play.next(500), "rest 250");
    assert_eq!(play.next(750), "probe a within 250");
    play.learn(1000, 0, Liveness::Dead);
    assert_eq!(play.next(1000), "leave 1");
    assert_eq!(write.take(), UNRESPONSIVE);
}

#[test]
fn idle_watches_have_their_endpoint_probed_once_a_second_however_many_they_are() {
    let mut play = Play::new();
    let watches: Vec<_> = (0..100).map(|at| play.idle(at * 9, 0)).collect();
    for at in (1000..10_000).step_by(1000) {
        assert_eq!(play.next(at), "probe a within 250");
        play.alive(at, 0, "1");
        assert_eq!(play.next(at), "rest 1000");
    }
    assert_eq!(play.next(10_000), "probe a within 250");
    play.learn(10_250, 0, Liveness::Dead);
    assert_eq!(play.next(10_250), "leave 100");
    assert!(watches.iter().all(|(_, interrupt)| interrupt.take() == UNRESPONSIVE));
}

#[test]
fn a_watch_that_is_told_something_is_not_idle() {
    let mut play = Play::new();
    let (mut ticket, _) = play.idle(0, 0);
    for at in (900..9000).step_by(900) {
        ticket = play.monitor.hear(ms(at), ticket).unwrap();
        assert_eq!(play.next(at), "rest 1000");
    }
}

#[test]
fn a_write_without_a_leader_is_left_after_three_seconds_in_all() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    let (_watch, watch) = play.idle(0, 0);
    let mut asked = Vec::new();
    for at in (250..3000).step_by(250) {
        while let next @ ("probe a within 250" | "probe b within 250" | "probe c within 250") =
            play.next(at).as_str()
        {
            let endpoint = usize::from(next.as_bytes()[6] - b'a');
            asked.push((at, endpoint));
            play.learn(at, endpoint, Liveness::NoLeader);
        }
    }
    for endpoint in 0..3 {
        let times: Vec<_> = asked.iter().filter(|ask| ask.1 == endpoint).map(|ask| ask.0).collect();
        assert_eq!(times, [250, 750, 1250, 1750, 2250, 2750], "{endpoint}");
    }
    assert_eq!(play.next(2999), "rest 1");
    assert_eq!(play.next(3000), "leave 1");
    assert_eq!((write.take(), watch.take()), (no_leader(3000), None));
}

#[test]
fn a_member_without_a_leader_is_left_when_another_one_has_one() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::GuardedWrite);
    let (_watch, watch) = play.idle(0, 0);
    assert_eq!(play.next(250), "probe a within 250");
    play.learn(251, 0, Liveness::NoLeader);
    assert_eq!(play.next(251), "probe b within 250");
    play.learn(501, 1, Liveness::Dead);
    assert_eq!(play.next(501), "probe c within 250");
    play.alive(502, 2, "1");
    assert_eq!(play.next(502), "rest 248", "it may just not have heard of the new one");
    assert_eq!(play.next(750), "probe a within 250");
    play.learn(751, 0, Liveness::NoLeader);
    assert_eq!(play.next(751), "leave 2");
    assert_eq!((write.take(), watch.take()), (no_leader(751), no_leader(751)));
}

#[test]
fn that_there_was_no_leader_once_is_no_reason_to_probe_later() {
    let mut play = Play::new();
    let (write, _) = play.begin(0, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe a within 250");
    play.learn(251, 0, Liveness::NoLeader);
    play.monitor.end(ms(252), write.unwrap(), false);
    assert_eq!(play.next(252), "nothing");
    let (_later, _) = play.begin(5000, 0, Purpose::Write);
    assert_eq!(play.next(5000), "rest 250");
}

#[test]
fn a_member_that_finds_the_new_leader_too_is_not_left() {
    let mut play = Play::new();
    let (_watch, watch) = play.idle(0, 0);
    assert_eq!(play.next(1000), "probe a within 250");
    play.learn(1000, 0, Liveness::NoLeader);
    for (endpoint, name) in [(1, "b"), (2, "c")] {
        assert_eq!(play.next(1000), format!("probe {name} within 250"));
        play.alive(1000, endpoint, "2");
    }
    assert_eq!(play.next(1500), "probe a within 250");
    play.alive(1500, 0, "2");
    assert_eq!(play.next(1500), "rest 1000");
    assert_eq!(watch.take(), None);
}

#[test]
fn probes_of_far_and_unknown_endpoints_have_longer_timeouts() {
    let mut play = Play::new();
    play.cluster = Cluster::parse(["http://a:1,http://b:1,http://c:1"]).unwrap();
    let (_write, _) = play.begin(0, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe a within 1000", "nothing is known");
    play.alive(250, 0, "1");
    for (endpoint, took, limit) in [(1, 20, 250), (2, 300, 1500)] {
        play.respond(endpoint, took);
        let at = 10_000 * endpoint as u64;
        let (_write, _) = play.begin(at, endpoint, Purpose::Write);
        let name = ["a", "b", "c"][endpoint];
        let mut next = play.next(at + 250);
        while next.starts_with("probe a") {
            play.alive(at + 250, 0, "1");
            next = play.next(at + 250);
        }
        assert_eq!(next, format!("probe {name} within {limit}"), "connecting and a response");
        play.alive(at + 250, endpoint, "1");
    }
}

#[test]
fn endpoint_is_not_probed_before_the_response_is_expected() {
    let mut play = Play::new();
    let endpoint = play.endpoints[0].clone();
    let pending = Pending::new(&endpoint, Purpose::Write, &play.policy).expecting(ms(700));
    let _ticket = play.monitor.begin(ms(0), &pending, &Interrupt::new()).unwrap();
    assert_eq!(play.next(0), "rest 700");
    assert_eq!(play.next(700), "probe a within 250");
    let hasty = Pending::new(&endpoint, Purpose::Write, &play.policy).expecting(ms(70));
    let ticket = play.monitor.begin(ms(700), &hasty, &Interrupt::new()).unwrap();
    assert_eq!(play.monitor.due(&ticket), Some(ms(950)), "not before the policy's time either");
}

#[test]
fn endpoint_is_probed_at_once_after_a_timeout_and_regains_its_position() {
    let mut play = Play::new();
    let first = play.endpoints[0].clone();
    let state = Arc::clone(play.cluster.route().state_of(&first).unwrap());
    assert_eq!(play.next(0), "nothing");
    state.mark_slow(ms(250));
    assert_eq!(play.cluster.route().endpoint(2), &first, "it is the last choice");
    assert_eq!(play.next(100), "probe a within 250");
    play.alive(150, 0, "1");
    assert_eq!(play.next(150), "nothing");
    assert_eq!(play.cluster.route().endpoint(0), &first);
}

#[test]
fn dead_endpoint_is_probed_with_growing_pauses_while_calls_begin() {
    let mut play = Play::new();
    let first = play.endpoints[0].clone();
    let state = Arc::clone(play.cluster.route().state_of(&first).unwrap());
    state.mark_slow(ms(250));
    let (mut at, mut probes) = (1000, Vec::new());
    while at < 30_000 {
        play.cluster.route().request_probes();
        if play.next(at).starts_with("probe a") {
            probes.push(at);
            play.learn(at + 100, 0, Liveness::Dead);
        }
        at += 100;
    }
    let pauses: Vec<u64> = probes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..4], [1000, 2000, 4000, 5000], "{pauses:?}");
    assert!(pauses[4..].iter().all(|pause| *pause == 5000), "{pauses:?}");
    // No call begins after this probe.
    at = probes.last().unwrap() + 5000;
    assert!(play.next(at).starts_with("probe a"));
    play.learn(at + 100, 0, Liveness::Dead);
    assert_eq!(play.next(at + 100), "nothing", "no call has begun since the last probe");
    assert!(play.cluster.route().is_dead(2));
    play.cluster.route().request_probes();
    assert_eq!(play.next(at + 100), "rest 4900");
}

#[test]
fn a_probe_that_was_noticed_late_proves_nothing() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe a within 250");
    play.learn(551, 0, Liveness::Dead);
    assert_eq!(play.next(551), "rest 199");
    assert_eq!(play.next(750), "probe a within 250");
    play.learn(1050, 0, Liveness::Dead);
    assert_eq!(play.next(1050), "leave 1");
    assert_eq!(write.take(), UNRESPONSIVE);
}

#[test]
fn what_is_unclear_changes_nothing() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    assert_eq!(play.next(250), "probe a within 250");
    play.learn(500, 0, Liveness::Unclear);
    assert_eq!(play.next(500), "rest 250");
    assert_eq!(write.take(), None);
}

#[test]
fn nothing_is_kept_of_what_is_over() {
    let mut play = Play::new();
    for round in 0..100 {
        let at = round * 20_000;
        let tickets: Vec<_> =
            (0..3).map(|endpoint| play.begin(at, endpoint, Purpose::Write).0).collect();
        for _ in 0..3 {
            assert!(play.next(at + 250).starts_with("probe"));
        }
        for ticket in tickets.into_iter().flatten() {
            play.monitor.end(ms(at + 300), ticket, false);
        }
        assert_eq!(play.next(at + 300), "nothing");
        assert_eq!((play.monitor.members.len(), play.monitor.entries.len()), (3, 3));
    }
    assert_eq!(play.next(4_000_000), "nothing");
    assert_eq!(play.monitor.members.len(), 0);
}

const UNRESPONSIVE: Option<Reason> = Some(Reason::Leave(AbandonReason::Unresponsive));
const LEADER_CHANGED: Option<Reason> = Some(Reason::Leave(AbandonReason::LeaderChanged));

fn no_leader(waited: u64) -> Option<Reason> {
    Some(Reason::Leave(AbandonReason::NoLeader { waited: ms(waited) }))
}
