//! What the calls and probes of a client have found out about one endpoint.
//!
//! | kind of request | its response time consists of |
//! |---|---|
//! | [network](Class::Network): connecting, probes, the question for the leader | one round trip |
//! | local read, listing | the same, and the work of the server |
//! | quorum read, write | the same, and the round trips between the members |
//!
//! Where the last sample of the network is newer than that of a kind, both count: the endpoint may be farther away
//! than it was. Requests with credentials are kinds of their own, since the server hashes the password for each.
//!
//! | standing | begins with | ends with |
//! |---|---|---|
//! | fine | | a timeout: slow; a probe that fails: dead |
//! | slow | a timeout; a probe is pending | a response or a probe that succeeds: fine; a probe that fails, or finds no leader: dead |
//! | dead | a probe that fails | a response or a probe that finds a leader: fine |

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::estimate::SharedEstimate;
use crate::request::Purpose;

/// The response times and the standing of an endpoint, shared by all clones of a client.
#[derive(Debug, Default)]
pub(crate) struct EndpointState {
    standing: AtomicU8,
    /// Whether a call began since the endpoint was last probed.
    is_in_use: AtomicBool,
    /// How many samples there were.
    samples: AtomicU32,
    /// The response times by kind, each without and with credentials.
    times: [[SharedEstimate; 2]; KINDS],
    /// The configured timeout of a probe in microseconds, of the last policy that was in use when a request timed out.
    probe: AtomicU64,
}

/// Whether an endpoint is a good choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// As far as anybody knows.
    Fine,
    /// A request timed out, and whether the endpoint is dead has yet to be found out.
    Slow,
    /// It did not answer a probe: the last choice.
    Dead,
}

/// What response times are kept for.
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

/// How long an attempt at an endpoint is expected to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// For a response of its kind, in microseconds; 0 before the first one.
    response: u32,
    /// For a round trip, in microseconds; 0 before the first contact.
    network: u32,
    /// How often the timeout for the response is doubled.
    pub(crate) doublings: u32,
    /// Whether the response times are of requests with credentials, if this one has some.
    pub(crate) is_complete: bool,
    /// Whether the endpoint has responded to a request of any kind.
    pub(crate) is_reached: bool,
}

impl Expected {
    /// How long a response is expected to take at the most, from the connection being ready; none before the first
    /// one.
    pub(crate) fn response(&self) -> Option<Duration> {
        (self.response != 0).then(|| Duration::from_micros(self.response.into()))
    }

    /// The same for a round trip; none before the first contact.
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
        let is_reached = response.is_some();
        let (response, network) = (micros(response), micros(network));
        Self { response, network, doublings, is_complete, is_reached }
    }
}

const KINDS: usize = 6;

impl EndpointState {
    pub(crate) fn standing(&self) -> Standing {
        match self.standing.load(Ordering::Relaxed) {
            0 => Standing::Fine,
            1 => Standing::Slow,
            _ => Standing::Dead,
        }
    }

    /// Whether there has been a response from it.
    pub(crate) fn was_reached(&self) -> bool {
        self.samples.load(Ordering::Relaxed) > 0
    }

    /// How long an attempt may take that begins now.
    pub(crate) fn expected(&self, class: Class, auth: bool) -> Expected {
        let (shared_network, mut own) = (self.network().get(), self.kind(class, auth).get());
        let is_complete = !auth || own.last() != 0;
        if !is_complete {
            own = self.kind(class, false).get();
        }
        let (mut network, mut response) = (shared_network.timeout(), own.timeout());
        let mut is_reached = true;
        if response == 0 {
            let least = self.least_response();
            (network, is_reached) = (network.max(least), least != 0);
        }
        if response != 0 && shared_network.last() > own.last() {
            response = response.max(network);
        }
        Expected { response, network, doublings: own.doublings(), is_complete, is_reached }
    }

    /// Connecting took this long.
    pub(crate) fn connect(&self, took: Duration) {
        self.network().blend(took, self.number());
    }

    /// The head of a response took this long from the moment when the connection was ready.
    pub(crate) fn respond(&self, class: Class, auth: bool, took: Duration) {
        if self.standing() != Standing::Fine {
            self.recover();
            // Requests of other kinds take as long now.
            self.network().sample(took, self.number());
        }
        self.kind(class, auth).sample(took, self.number());
    }

    /// A request of this kind timed out: none, where it was connecting.
    pub(crate) fn time_out(&self, class: Option<(Class, bool)>) {
        match class {
            Some((class, auth)) => self.kind(class, auth).time_out(),
            None => self.network().time_out(),
        }
    }

    /// A request timed out: whether it is dead is for a probe to find out, whose configured timeout is this.
    pub(crate) fn suspect(&self, probe: Duration) {
        let probe = u64::try_from(probe.as_micros()).unwrap_or(u64::MAX);
        self.probe.store(probe, Ordering::Relaxed);
        let (fine, slow) = (Standing::Fine as u8, Standing::Slow as u8);
        let _ = self.standing.compare_exchange(fine, slow, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether requests of some kind have timed out again and again without a response in between, so that it says
    /// little that probes succeed.
    pub(crate) fn keeps_timing_out(&self) -> bool {
        const OFTEN: u32 = 3;
        self.times.iter().flatten().any(|kind| kind.get().doublings() >= OFTEN)
    }

    /// A probe succeeded, or a response came.
    pub(crate) fn recover(&self) {
        self.standing.store(Standing::Fine as u8, Ordering::Relaxed);
    }

    /// A probe failed.
    pub(crate) fn fail(&self) {
        self.standing.store(Standing::Dead as u8, Ordering::Relaxed);
    }

    /// A call begins that would use the endpoint if it were not dead.
    pub(super) fn want(&self) {
        self.is_in_use.store(true, Ordering::Relaxed);
    }

    /// Whether a call began since the last time that this was cleared.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_in_use.load(Ordering::Relaxed)
    }

    /// A probe begins.
    pub(crate) fn begin_probe(&self) {
        self.is_in_use.store(false, Ordering::Relaxed);
    }

    /// How long a probe may take, connecting included, where it is configured to be at least as long as that. The
    /// configured value of requests that timed out counts as well.
    pub(crate) fn probe_timeout(&self, configured: Duration) -> Duration {
        /// An endpoint that was never reached may be anywhere.
        const UNKNOWN: u32 = 4;
        const MOST: u32 = 8;
        let network = self.network().get();
        // Where something on the way takes the connections, the server is farther away than connecting tells.
        let round_trip = network.timeout().max(self.least_response());
        let configured = configured.max(Duration::from_micros(self.probe.load(Ordering::Relaxed)));
        let doubled = 2_u32.saturating_pow(network.doublings()).min(MOST);
        match u64::from(round_trip) {
            0 => configured.saturating_mul(UNKNOWN.max(doubled)),
            trip => configured.max(Duration::from_micros(trip * 2)).saturating_mul(doubled),
        }
    }

    /// The number of the next sample. Of two samples at the same time, both may have it.
    fn number(&self) -> u32 {
        let number = self.samples.load(Ordering::Relaxed).saturating_add(1);
        self.samples.store(number, Ordering::Relaxed);
        number
    }

    fn kind(&self, class: Class, auth: bool) -> &SharedEstimate {
        &self.times[class as usize][usize::from(auth)]
    }

    /// The shortest estimate of all kinds of requests, in microseconds: a round trip takes no longer. 0 before the first
    /// response.
    #[cold]
    fn least_response(&self) -> u32 {
        let kinds = self.times.iter().skip(1).flatten().map(|kind| kind.get().timeout());
        kinds.filter(|time| *time != 0).min().unwrap_or_default()
    }

    fn network(&self) -> &SharedEstimate {
        self.kind(Class::Network, false)
    }
}

impl Class {
    /// The kind of a request for this; none for waits, which have no response time of their own.
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
