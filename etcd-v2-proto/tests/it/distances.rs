//! Clients that are far from their cluster, in virtual time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::keys::{Get, Set};
use etcd_v2_proto::monitor::{Duty, Monitor, Probe};
use etcd_v2_proto::{
    Action, Call, Cluster, Connected, Conversation, Event, Failure, Interrupt, Policy, Request,
    Stage, Start, Timing, http,
};
use proptest::prelude::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three members as a client sees them.
struct World {
    cluster: Cluster,
    policy: Arc<Policy>,
    monitor: Monitor,
    now: Duration,
    /// The round trip to each member.
    trips: [Duration; 3],
    /// The round trip between the members.
    between: Duration,
    stopped: [bool; 3],
    /// The members with an open connection.
    connected: BTreeSet<usize>,
    /// The connection of the last request, if it was new.
    new: Option<Connected>,
    requests: usize,
    timeouts: usize,
    probes: usize,
}

impl World {
    fn new(trip: u64, between: u64) -> Self {
        Self {
            cluster: Cluster::parse(["http://m0:1,http://m1:1,http://m2:1"]).expect("endpoints"),
            policy: Arc::default(),
            monitor: Monitor::new(),
            now: Duration::ZERO,
            trips: [ms(trip); 3],
            between: ms(between),
            stopped: [false; 3],
            connected: BTreeSet::new(),
            new: None,
            requests: 0,
            timeouts: 0,
            probes: 0,
        }
    }

    /// Makes one call. Returns whether it succeeded, and how long it took.
    fn call<R: Request>(&mut self, request: R) -> (bool, Duration) {
        let route = self.cluster.route();
        if route.has_unhealthy_endpoints() {
            route.request_probes();
        }
        let start = Start::new(route, Arc::clone(&self.policy), 1, Duration::ZERO);
        let (began, interrupt) = (self.now, Interrupt::new());
        let mut call = Call::new(request, start);
        let mut body = Bytes::new();
        let is_ok = loop {
            let at = self.now - began;
            let event = match call.poll(at) {
                Action::Send { request, timing } => {
                    let pending = call.pending();
                    let ticket = pending
                        .and_then(|pending| self.monitor.begin(self.now, &pending, &interrupt));
                    let (event, answer) = self.send(&request, timing);
                    body = answer;
                    if let Some(ticket) = ticket {
                        // A probe that was due meanwhile would have been sent.
                        let due = self.monitor.due(&ticket);
                        self.probes += usize::from(due.is_some_and(|due| due < self.now));
                        self.monitor.end(self.now, ticket, matches!(event, Event::Head(_)));
                    }
                    self.requests += 1;
                    if let Some(new) = self.new.take() {
                        call.handle(at, Event::Connected(new));
                    }
                    event
                }
                Action::Read { .. } if body.is_empty() => Event::End,
                Action::Read { .. } => Event::Chunk(std::mem::take(&mut body)),
                Action::Wait(pause) => {
                    self.now += pause;
                    Event::Elapsed
                }
                Action::Yield(_) => break true,
                Action::Finish(_) => break false,
            };
            let at = self.now - began;
            call.handle(at, event);
            if let Some(detour) = call.detour(at) {
                self.cluster.follow(&detour);
            }
        };
        (is_ok, self.now - began)
    }

    /// Sends all probes that are due.
    fn probe(&mut self) {
        let (before, timeouts) = (self.now, self.timeouts);
        while let Duty::Probe { endpoint, limit } =
            self.monitor.next(self.now, &self.cluster.route())
        {
            self.probes += 1;
            let (route, began) = (self.cluster.route(), self.now);
            let mut probe = Probe::new(&route, endpoint.clone(), limit, &self.policy, began);
            let mut body = Bytes::new();
            let found = loop {
                let event = match probe.poll(self.now) {
                    Action::Send { request, timing } => {
                        let (event, answer) = self.send(&request, timing);
                        body = answer;
                        if let Some(new) = self.new.take() {
                            probe.handle(began, Event::Connected(new));
                        }
                        event
                    }
                    Action::Read { .. } if body.is_empty() => Event::End,
                    Action::Read { .. } => Event::Chunk(std::mem::take(&mut body)),
                    Action::Yield(found) => break found,
                    _ => panic!("a probe ends with what it found"),
                };
                probe.handle(self.now, event);
            };
            self.monitor.learn(self.now, &route, &endpoint, found);
            self.cluster.apply_probe_results();
            assert!(self.now - before < ms(60_000), "the probes do not end");
        }
        // Only timeouts of calls count.
        self.timeouts = timeouts;
    }

    /// Sends a request, with the timeouts of a transport.
    fn send(&mut self, request: &http::Request<Bytes>, timing: Timing) -> (Event, Bytes) {
        let host = request.uri().host().expect("an endpoint");
        let member: usize = host[1..].parse().expect("a number");
        let trip = self.trips[member];
        let is_new = self.connected.insert(member);
        let connecting = if is_new { trip } else { Duration::ZERO };
        let limit = timing.connect.into_iter().chain(timing.head).min().unwrap_or(Duration::MAX);
        if connecting > limit {
            return self.time_out(member, limit, Stage::BeforeSend);
        }
        let response = if is_new { timing.response_after(connecting) } else { timing.response };
        let response = response.map(|limit| limit.saturating_add(connecting));
        let limit = response.into_iter().chain(timing.head).min().unwrap_or(Duration::MAX);
        let target = request.uri().to_string();
        let is_proposal = target.contains("quorum=true") || request.method() != http::Method::GET;
        // A follower forwards it to the leader, and learns of the commit a round trip later.
        let work = if is_proposal { self.between * 2 } else { Duration::ZERO };
        let took = connecting + trip + work;
        if self.stopped[member] || took > limit {
            return self.time_out(member, limit, Stage::AfterSend);
        }
        self.now += took;
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.headers.insert("x-etcd-index", http::HeaderValue::from_static("7"));
        if is_new {
            self.new = Some(Connected::new(connecting, connecting));
        }
        let body = if target.ends_with("/v2/members/leader") {
            r#"{"id":"1","name":"m1","peerURLs":[],"clientURLs":[]}"#
        } else if request.method() == http::Method::GET {
            r#"{"action":"get","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}"#
        } else if String::from_utf8_lossy(request.body()).contains("prevIndex") {
            r#"{"action":"compareAndSwap","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":6},"prevNode":{"key":"/k","value":"u","modifiedIndex":6,"createdIndex":6}}"#
        } else {
            r#"{"action":"set","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}"#
        };
        (Event::Head(head), Bytes::from_static(body.as_bytes()))
    }

    fn time_out(&mut self, member: usize, limit: Duration, stage: Stage) -> (Event, Bytes) {
        self.connected.remove(&member);
        self.now += limit;
        self.timeouts += 1;
        (Event::Failed(Failure::timed_out(stage)), Bytes::new())
    }

    /// Makes calls until all response times are known.
    fn warm_up(&mut self) {
        for round in 0..40 {
            let _ = self.calls(round);
        }
    }

    /// One call of each kind.
    fn calls(&mut self, round: usize) -> Duration {
        let (is_ok, took) = match round % 4 {
            0 => self.call(Get::new("/k")),
            1 => self.call(Get::new("/k").quorum()),
            2 => self.call(Set::new("/k", "v").if_index(6)),
            _ => self.call(Set::new("/k", "v")),
        };
        assert!(is_ok, "round {round}");
        took
    }
}

#[test]
fn healthy_cluster_gets_no_retry_and_no_probe_at_any_distance() {
    for (trip, between) in
        [(0, 0), (1, 0), (60, 0), (120, 0), (300, 0), (1, 60), (1, 120), (300, 120)]
    {
        for first in 0..4 {
            let mut world = World::new(trip, between);
            for round in 0..40 {
                let took = world.calls(round + first);
                let proposed = if (round + first) % 4 == 0 { 0 } else { 2 * between };
                let connecting = if round == 0 { trip } else { 0 };
                assert_eq!(took, ms(trip + proposed + connecting), "{trip} {between} {round}");
            }
            world.probe();
            let counts = (world.requests, world.timeouts, world.probes);
            assert_eq!(counts, (40, 0, 0), "{trip} ms away, {between} ms apart, from {first} on");
        }
    }
}

#[test]
fn jump_of_the_delay_causes_at_most_three_timeouts() {
    for (near, far) in [(5, 250), (1, 120), (20, 600)] {
        let mut world = World::new(near, 0);
        world.warm_up();
        assert_eq!(world.timeouts, 0);
        for trip in [far, near, far] {
            let before = world.timeouts;
            world.trips[0] = ms(trip);
            for round in 0..40 {
                let _ = world.calls(round);
                world.probe();
                world.now += ms(250);
            }
            let timeouts = world.timeouts - before;
            assert!(timeouts <= 3, "{timeouts} timeouts at {near} and then {trip} ms");
            assert_eq!(
                world.cluster.pinned().as_str(),
                "http://m0:1",
                "it has regained its position"
            );
        }
    }
}

#[test]
fn stopped_member_causes_one_timeout_and_is_the_last_choice_afterwards() {
    for (trip, most) in [(0, 150), (1, 150), (60, 300), (120, 480), (300, 1100)] {
        let mut world = World::new(trip, 0);
        world.warm_up();
        world.stopped[0] = true;
        let (is_ok, took) = world.call(Get::new("/k").quorum());
        assert!(is_ok && took <= ms(most), "{took:?} at {trip} ms");
        let timeouts = world.timeouts;
        assert_eq!(timeouts, 1);
        for round in 0..40 {
            world.probe();
            let _ = world.calls(round);
        }
        let asked = world.requests;
        assert!(world.probes > 0 && asked > 0);
        assert_ne!(world.cluster.pinned().as_str(), "http://m0:1");
        world.stopped[0] = false;
        world.now += ms(10_000);
        assert!(world.call(Get::new("/k")).0);
        world.probe();
        assert!(!world.cluster.route().has_unhealthy_endpoints(), "a probe succeeded");
    }
}

proptest! {
    #[test]
    fn calls_end_within_their_deadline_at_any_distance(
        trips in prop::array::uniform3(0..3000_u64),
        between in 0..2000_u64,
        stopped in prop::array::uniform3(any::<bool>()),
        deadline in 1..9000_u64,
        rounds in prop::collection::vec(0..4_usize, 1..12),
    ) {
        let mut world = World::new(0, between);
        (world.trips, world.stopped) = (trips.map(ms), stopped);
        let policy = Arc::make_mut(&mut world.policy);
        (policy.read_deadline, policy.write_deadline) = (Some(ms(deadline)), Some(ms(deadline)));
        for round in rounds {
            let (_, took) = match round {
                0 => world.call(Get::new("/k")),
                1 => world.call(Get::new("/k").quorum()),
                2 => world.call(Set::new("/k", "v").if_index(6)),
                _ => world.call(Set::new("/k", "v")),
            };
            // No limit is shorter than a millisecond.
            prop_assert!(took <= ms(deadline + 1), "{took:?} of {deadline} ms");
            world.probe();
        }
    }
}
