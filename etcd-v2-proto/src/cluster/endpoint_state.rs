//! Response times and health of one endpoint, from the calls and probes of a client.
//!
//! | class | its response time consists of |
//! |---|---|
//! | [network](Class::Network): connects, probes, the request for the leader, heads of waits | one round trip |
//! | local read, listing | one round trip, and the work of the server |
//! | quorum read, write | one round trip, and the round trips between the members |
//!
//! If the last network sample is newer than the last sample of a class, the larger estimate of both counts: the distance
//! may have changed. Requests with credentials have estimates of their own, because the server hashes the password for
//! each of them.
//!
//! | health | begins with | ends with |
//! |---|---|---|
//! | healthy | the start, a response, a successful probe | a timeout: slow; a failed probe: dead |
//! | slow | a timeout; a probe is pending | a response or a successful probe: healthy; a failed probe, or one that finds no leader: dead |
//! | dead | a failed probe | a response, or a probe that finds a leader: healthy |

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::estimate::SharedEstimate;
use crate::request::Purpose;

/// The response times and the health of an endpoint, shared by all clones of a client.
#[derive(Debug, Default)]
pub(crate) struct EndpointState {
    health: AtomicU8,
    /// Whether a call began since the endpoint was last probed.
    probe_requested: AtomicBool,
    /// How many samples there were.
    samples: AtomicU32,
    /// The response times by class, each without and with credentials.
    times: [[SharedEstimate; 2]; CLASSES],
    /// The configured timeout of a probe, in microseconds, from the policy of the last request that timed out.
    probe: AtomicU64,
}

/// Whether requests should go to an endpoint. The order is the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// No request has timed out since the last response.
    Healthy,
    /// A request timed out, and a probe is pending.
    Slow,
    /// A probe failed: the last choice.
    Dead,
}

/// The kinds of requests that have response times of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Connecting, and requests that cost the server nothing, without credentials.
    Network,
    Read,
    Listing,
    Quorum,
    QuorumListing,
    Write,
}

/// How long an attempt at an endpoint is expected to take, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The response, in microseconds; 0 before the first response of this class.
    response: u32,
    /// A round trip, in microseconds; 0 before the first contact.
    network: u32,
    /// How many times the timeout of the response is doubled.
    pub(crate) doublings: u32,
    /// Whether the estimate includes the time for credentials, if the request has any.
    pub(crate) is_complete: bool,
    /// Whether the endpoint has responded to a request of any kind.
    pub(crate) has_responded: bool,
}

impl Expected {
    /// How long a response is expected to take at most, from the moment when the connection is ready; none before the
    /// first response of this class.
    pub(crate) fn response(&self) -> Option<Duration> {
        (self.response != 0).then(|| Duration::from_micros(self.response.into()))
    }

    /// How long a round trip is expected to take at most; none before the first contact.
    pub(crate) fn network(&self) -> Option<Duration> {
        (self.network != 0).then(|| Duration::from_micros(self.network.into()))
    }

    #[cfg(test)]
    pub(crate) fn new(
        response: Option<Duration>,
        network: Option<Duration>,
        doublings: u32,
        is_complete: bool,
    ) -> Self {
        let micros = |time: Option<Duration>| {
            time.map_or(0, |time| u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
        };
        let has_responded = response.is_some();
        let (response, network) = (micros(response), micros(network));
        Self { response, network, doublings, is_complete, has_responded }
    }
}

/// How many classes there are.
const CLASSES: usize = 6;

impl EndpointState {
    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            0 => Health::Healthy,
            1 => Health::Slow,
            _ => Health::Dead,
        }
    }

    /// Whether a connection to it was made, or it has responded.
    pub(crate) fn was_contacted(&self) -> bool {
        self.samples.load(Ordering::Relaxed) > 0
    }

    /// How long an attempt is expected to take that begins now.
    pub(crate) fn expected(&self, class: Class, auth: bool) -> Expected {
        let (shared_network, mut own) = (self.network().get(), self.class(class, auth).get());
        let is_complete = !auth || own.last() != 0;
        if !is_complete {
            own = self.class(class, false).get();
        }
        let (mut network, mut response) = (shared_network.timeout(), own.timeout());
        let mut has_responded = true;
        if response == 0 {
            let least = self.least_response();
            (network, has_responded) = (network.max(least), least != 0);
        }
        if response != 0 && shared_network.last() > own.last() {
            response = response.max(network);
        }
        Expected { response, network, doublings: own.doublings(), is_complete, has_responded }
    }

    /// Connecting took this long.
    pub(crate) fn connect(&self, took: Duration) {
        self.network().blend(took, self.number());
    }

    /// The head of a response took this long from the moment when the connection was ready.
    pub(crate) fn respond(&self, class: Class, auth: bool, took: Duration) {
        if self.health() != Health::Healthy {
            self.mark_healthy();
            // Requests of other classes may take as long now.
            self.network().sample(took, self.number());
        }
        self.class(class, auth).sample(took, self.number());
    }

    /// A request of this class timed out.
    pub(crate) fn time_out(&self, class: Class, auth: bool) {
        self.class(class, auth).time_out();
    }

    /// A request timed out, so the endpoint is to be probed. `probe` is the configured timeout of a probe.
    pub(crate) fn mark_slow(&self, probe: Duration) {
        let probe = u64::try_from(probe.as_micros()).unwrap_or(u64::MAX);
        self.probe.store(probe, Ordering::Relaxed);
        let (healthy, slow) = (Health::Healthy as u8, Health::Slow as u8);
        let _ = self.health.compare_exchange(healthy, slow, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether requests of one class have timed out several times in a row. A successful probe means little then.
    pub(crate) fn keeps_timing_out(&self) -> bool {
        const OFTEN: u32 = 3;
        let mut classes = self.times.iter().skip(1).flatten();
        classes.any(|class| class.get().doublings() >= OFTEN)
    }

    /// A probe succeeded, or a response came.
    pub(crate) fn mark_healthy(&self) {
        self.health.store(Health::Healthy as u8, Ordering::Relaxed);
    }

    /// A probe failed.
    pub(crate) fn mark_dead(&self) {
        self.health.store(Health::Dead as u8, Ordering::Relaxed);
    }

    /// A call begins, so it is useful to know whether the endpoint is still dead.
    pub(super) fn request_probe(&self) {
        self.probe_requested.store(true, Ordering::Relaxed);
    }

    /// Whether a call has begun since the last probe.
    pub(crate) fn is_probe_requested(&self) -> bool {
        self.probe_requested.load(Ordering::Relaxed)
    }

    /// A probe begins.
    pub(crate) fn begin_probe(&self) {
        self.probe_requested.store(false, Ordering::Relaxed);
    }

    /// The timeout of a probe, connecting included: the configured value, or twice the expected round trip if that is
    /// longer. It doubles with each probe that times out.
    pub(crate) fn probe_timeout(&self, configured: Duration) -> Duration {
        /// The distance of an endpoint that was never reached is not known.
        const UNKNOWN: u32 = 4;
        const MOST: u32 = 8;
        let network = self.network().get();
        // Behind a proxy or a tunnel, connecting takes less time than a round trip to the server.
        let round_trip = network.timeout().max(self.least_response());
        let configured = configured.max(Duration::from_micros(self.probe.load(Ordering::Relaxed)));
        let doubled = 2_u32.saturating_pow(network.doublings()).min(MOST);
        match u64::from(round_trip) {
            0 => configured.saturating_mul(UNKNOWN.max(doubled)),
            trip => configured.max(Duration::from_micros(trip * 2)).saturating_mul(doubled),
        }
    }

    /// The number of the next sample. Two samples at the same time may get the same number.
    fn number(&self) -> u32 {
        let number = self.samples.load(Ordering::Relaxed).saturating_add(1);
        self.samples.store(number, Ordering::Relaxed);
        number
    }

    fn class(&self, class: Class, auth: bool) -> &SharedEstimate {
        &self.times[class as usize][usize::from(auth)]
    }

    /// The shortest estimate of all classes but the network, in microseconds: a round trip takes no longer. 0 before the
    /// first response.
    #[cold]
    fn least_response(&self) -> u32 {
        let classes = self.times.iter().skip(1).flatten().map(|class| class.get().timeout());
        classes.filter(|time| *time != 0).min().unwrap_or_default()
    }

    fn network(&self) -> &SharedEstimate {
        self.class(Class::Network, false)
    }
}

impl Class {
    /// The class of a request with this purpose; none for waits, which have no response time of their own.
    pub(crate) const fn of(purpose: Purpose) -> Option<Self> {
        Some(match purpose {
            Purpose::Read => Self::Read,
            Purpose::Listing => Self::Listing,
            Purpose::QuorumRead => Self::Quorum,
            Purpose::QuorumListing => Self::QuorumListing,
            Purpose::GuardedWrite | Purpose::Write => Self::Write,
            Purpose::Wait => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// An endpoint whose reads, writes and connects take this long.
    fn known(millis: u64) -> EndpointState {
        let state = EndpointState::default();
        for _ in 0..40 {
            state.connect(ms(millis));
            state.respond(Class::Read, false, ms(millis));
            state.respond(Class::Write, false, ms(millis));
        }
        state
    }

    #[test]
    fn connects_and_probes_raise_the_timeouts_of_all_classes() {
        for is_connect in [true, false] {
            let state = known(5);
            for class in [Class::Read, Class::Write] {
                assert!(state.expected(class, false).response() < Some(ms(60)));
            }
            match is_connect {
                true => state.connect(ms(400)),
                false => state.respond(Class::Network, false, ms(400)),
            }
            for class in [Class::Read, Class::Write] {
                assert!(state.expected(class, false).response() > Some(ms(400)), "{class:?}");
            }
            state.respond(Class::Read, false, ms(5));
            assert!(state.expected(Class::Read, false).response() < Some(ms(60)), "it is newer");
        }
    }

    #[test]
    fn a_connect_does_not_end_the_doubling_and_a_response_does() {
        let state = known(5);
        state.time_out(Class::Network, false);
        state.connect(ms(5));
        assert_eq!(state.probe_timeout(ms(250)), ms(500));
        state.respond(Class::Network, false, ms(5));
        assert_eq!(state.probe_timeout(ms(250)), ms(250));
    }

    #[test]
    fn a_probe_of_a_far_endpoint_behind_a_near_proxy_has_time_for_two_round_trips() {
        let state = EndpointState::default();
        state.connect(ms(0));
        (0..40).for_each(|_| state.respond(Class::Read, false, ms(300)));
        assert!(state.probe_timeout(ms(250)) >= ms(600));
    }

    #[test]
    fn credentials_have_estimates_of_their_own() {
        let state = known(5);
        assert!(!state.expected(Class::Read, true).is_complete);
        state.respond(Class::Read, true, ms(70));
        let (with, without) =
            (state.expected(Class::Read, true), state.expected(Class::Read, false));
        assert!(with.is_complete && with.response() == Some(ms(210)), "{with:?}");
        assert!(without.response() < Some(ms(60)));
    }

    #[test]
    fn a_late_response_after_a_timeout_raises_the_timeouts_of_other_classes() {
        let state = known(5);
        state.mark_slow(ms(250));
        state.respond(Class::Write, false, ms(300));
        assert_eq!(state.health(), Health::Healthy);
        assert!(state.expected(Class::Read, false).response() > Some(ms(300)));
    }

    #[test]
    fn a_dead_endpoint_stays_dead_until_it_responds() {
        let state = known(5);
        state.mark_dead();
        state.mark_slow(ms(250));
        assert_eq!(state.health(), Health::Dead);
        state.respond(Class::Read, false, ms(5));
        assert_eq!(state.health(), Health::Healthy);
    }
}
