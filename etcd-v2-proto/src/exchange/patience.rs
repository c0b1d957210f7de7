//! How one deadline is split over endpoints and passes.
//!
//! How long an attempt waits for its head, before the deadline has a say:
//!
//! | purpose | timeout | at an endpoint without an estimate | later passes |
//! |---|---|---|---|
//! | local read | [`Policy::read_head`] | that of a round trip; half a second before the first response | four times as much each time |
//! | local listing | [`Policy::listing_head`] | the same, or the floor | four times as much each time |
//! | quorum read | [`Policy::quorum_head`] | 1 second and a round trip | five times as much; as a write once an election would be over |
//! | quorum listing | that of a listing and that of a quorum read together | 1 second and a round trip | four times as much each time, or as a write |
//! | wait | [`Policy::wait_head`] | | the same |
//! | write by `prevIndex` | [`Policy::guarded_head`] | 1 second and a round trip | twice as much each time |
//! | other write | [`Policy::write_head`] | | the same |
//!
//! A fixed timeout counts from the start of the attempt and includes connecting. An adaptive one is the estimate for
//! the endpoint, between floor and ceiling, and doubled after timeouts; it counts from the moment when the connection is
//! ready, and connecting has a timeout of its own: the estimate for a round trip, or [`Policy::connect`] before the
//! first contact. It is doubled in the first pass only, since later passes have more time anyway. Neither the doubling nor later passes lengthen the wait at an endpoint that is slow or dead while
//! there is another one that is not.
//!
//! Within a body there may be silence for [`Policy::silence`]. But reads may ask elsewhere: one of a single key bears as
//! much as it would for the head of a local read, and a listing begins with a tenth of that limit, or a second if that is
//! more, and bears twice as much with each pass.
//!
//! Of what is left of the deadline, an attempt of the first pass leaves a share to each endpoint whose turn
//! is yet to come: as much as it has itself, for reads, and for writes, which are patient, a little. So
//! everybody is asked. Later passes take what is left, since nobody was left out.
//!
//! A pass takes no less time than [`LEAST_A_TURN`] for each endpoint, and a pause at random besides, so that
//! a call sends no more than ten attempts a second while all endpoints are down. Where the client has spent its
//! [budget](crate::budget), a call rests before each attempt of a later pass, for between half of
//! [`Policy::retry_pause`] and one and a half times as much. A read whose pause would last until its deadline is
//! asked once more shortly before that instead.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::cluster::Expected;
use crate::policy::{Policy, Timeout};
use crate::request::Purpose;

/// How much of a call is over when an attempt begins, and what is expected of its endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// How many passes over the endpoints are complete.
    pub(super) pass: u32,
    /// How many endpoints have their turn after this one in the same pass.
    pub(super) others: usize,
    /// For how long the call has been going on.
    pub(super) spent: Duration,
    /// What is left of its deadline, if it has one.
    pub(super) left: Option<Duration>,
    pub(super) expected: Expected,
    /// Whether the wait may be lengthened by doubling and passes.
    pub(super) may_grow: bool,
}

/// The timeouts of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Patience {
    /// Until the connection is made.
    pub(super) connect: Option<Duration>,
    /// Until the head is complete, from the start of the attempt.
    pub(super) head: Option<Duration>,
    /// Until the head is complete, from the connection being ready, where the timeout adapts.
    pub(super) response: Option<Duration>,
}

impl Patience {
    /// How long the head may take, from the start of an attempt on an open connection.
    pub(super) fn open(&self) -> Option<Duration> {
        self.response.into_iter().chain(self.head).min()
    }
}

/// A proposal to a leader that is gone is lost. After so much time everybody knows that it is gone: two
/// election timeouts by default, and the vote.
const ELECTION: Duration = Duration::from_millis(2500);

/// Each endpoint's part of the shortest pass; a second has ten of them.
const LEAST_A_TURN: Duration = Duration::from_millis(100);

/// What an attempt of a write leaves to each endpoint after it.
const LITTLE: Duration = Duration::from_millis(100);

/// How long an endpoint without an estimate is waited for, where response times depend on how far the members are
/// from each other: the first timeout of RFC 6298.
pub(super) const UNKNOWN: Duration = Duration::from_secs(1);

/// How long a local read waits at an endpoint that has not responded to anything yet. Connecting tells how far it is
/// only where nothing on the way takes the connections in its place, as proxies and tunnels do.
const UNREACHED: Duration = Duration::from_millis(500);

/// The timeouts of an attempt. `auth`: whether the server has a password to check.
pub(super) fn of_attempt(
    policy: &Policy,
    purpose: Purpose,
    auth: bool,
    situation: Situation,
) -> Patience {
    let limit = within_pass(policy, purpose, auth, situation);
    // What an attempt takes that does not reuse a connection.
    let wanted = match limit.response {
        Some(response) => limit.connect.map(|connect| response.saturating_add(connect)),
        None => limit.head,
    };
    let most = match situation.left {
        Some(left) if situation.pass == 0 && situation.others > 0 => {
            Some(wanted.map_or(left, |wanted| share(purpose, wanted, left, situation.others)))
        }
        left => left,
    };
    let head = match limit.response {
        // On a slow line, what it may take is a multiple of what connecting takes.
        Some(_) => most,
        None => shorter(limit.head, most),
    };
    let response = limit.response.map(|limit| head.map_or(limit, |head| limit.min(head)));
    Patience { connect: limit.connect, head, response }
}

/// What an attempt may take of the rest of the deadline, so that there is enough for the endpoints after it.
fn share(purpose: Purpose, wanted: Duration, left: Duration, others: usize) -> Duration {
    let least = if purpose.writes() { wanted.min(LITTLE) } else { wanted }.min(left);
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    let spare = left.saturating_sub(least.saturating_mul(others));
    // Where it is not enough for all of them, each has an equal part.
    if spare >= least { spare } else { spare.max(left / others.saturating_add(1)) }
}

/// The shorter one, where there is one.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The timeouts of an attempt, whatever is left.
fn within_pass(policy: &Policy, purpose: Purpose, auth: bool, situation: Situation) -> Patience {
    let allowance = if auth { policy.auth_allowance } else { Duration::ZERO };
    let timeout = match purpose {
        Purpose::Wait => return fixed(policy, policy.wait_head),
        Purpose::Write => return fixed(policy, policy.write_head),
        Purpose::Read => policy.read_head,
        Purpose::Listing => policy.listing_head,
        Purpose::GuardedWrite => policy.guarded_head,
        Purpose::QuorumRead => policy.quorum_head,
        Purpose::QuorumListing => {
            policy.listing_head.zip(policy.quorum_head).map(|(one, other)| together(one, other))
        }
    };
    match timeout {
        None => fixed(policy, None),
        Some(Timeout::Fixed(limit)) => {
            let allowance = if purpose.writes() { Duration::ZERO } else { allowance };
            let limit = grown(limit.saturating_add(allowance), purpose, situation);
            fixed(policy, finally(policy, purpose, situation, limit))
        }
        Some(Timeout::Adaptive { floor, ceiling }) => {
            let allowance = if situation.expected.is_complete { Duration::ZERO } else { allowance };
            let least = floor.saturating_add(allowance);
            adaptive(policy, purpose, situation, (least, ceiling.max(least)), allowance)
        }
    }
}

/// A timeout that adapts, between these bounds.
fn adaptive(
    policy: &Policy,
    purpose: Purpose,
    situation: Situation,
    (least, most): (Duration, Duration),
    allowance: Duration,
) -> Patience {
    let Situation { expected, may_grow, pass, .. } = situation;
    let usual = expected.response().or_else(|| expected.network()).map_or(least, |time| {
        let time = if allowance.is_zero() { time } else { time.saturating_add(allowance) };
        time.clamp(least, most)
    });
    let mut response = usual;
    if expected.response().is_none() {
        let network = expected.network().unwrap_or_default();
        let unknown = match purpose {
            Purpose::Read | Purpose::Listing if expected.is_reached => Duration::ZERO,
            Purpose::Read | Purpose::Listing => UNREACHED,
            _ => UNKNOWN.saturating_add(network),
        };
        response = response.max(unknown).min(most);
    }
    // Later passes are longer for themselves.
    if expected.doublings > 0 && may_grow && pass == 0 {
        let doubled = response.saturating_mul(2_u32.saturating_pow(expected.doublings));
        response = doubled.min(most.max(response));
    }
    response = response.max(grown(usual, purpose, situation));
    let connect = match (expected.network(), policy.connect) {
        (Some(network), Some(most)) => {
            Some(grown(network.max(least.min(SHORT)), purpose, situation).min(most))
        }
        (_, most) => most,
    };
    Patience { connect, head: None, response: finally(policy, purpose, situation, response) }
}

/// A timeout in later passes: so many times as long.
fn grown(limit: Duration, purpose: Purpose, situation: Situation) -> Duration {
    let Situation { pass, may_grow, .. } = situation;
    if pass == 0 || !may_grow {
        return limit;
    }
    limit.saturating_mul(match purpose {
        Purpose::QuorumRead => 5,
        Purpose::GuardedWrite => 2_u32.saturating_pow(pass),
        _ => 4_u32.saturating_pow(pass),
    })
}

/// The timeout that counts: a quorum read waits as long as a write when an election would be over, and a write never
/// longer than others do.
fn finally(
    policy: &Policy,
    purpose: Purpose,
    situation: Situation,
    limit: Duration,
) -> Option<Duration> {
    match purpose {
        Purpose::QuorumRead | Purpose::QuorumListing
            if situation.pass > 0 && situation.spent >= ELECTION =>
        {
            policy.write_head.map(|most| limit.max(most))
        }
        Purpose::GuardedWrite => Some(policy.write_head.map_or(limit, |most| limit.min(most))),
        _ => Some(limit),
    }
}

/// A timeout that includes connecting.
const fn fixed(policy: &Policy, head: Option<Duration>) -> Patience {
    Patience { connect: policy.connect, head, response: None }
}

/// The timeout for what takes as long as both.
fn together(one: Timeout, other: Timeout) -> Timeout {
    match (one, other) {
        (Timeout::Fixed(one), Timeout::Fixed(other)) => Timeout::Fixed(one.saturating_add(other)),
        _ => {
            let (one, other) = (bounds(one), bounds(other));
            Timeout::adaptive(one.0.saturating_add(other.0), one.1.saturating_add(other.1))
        }
    }
}

const fn bounds(timeout: Timeout) -> (Duration, Duration) {
    match timeout {
        Timeout::Fixed(limit) => (limit, limit),
        Timeout::Adaptive { floor, ceiling } => (floor, ceiling),
    }
}

/// The shortest timeout for connecting to an endpoint that was reached before.
const SHORT: Duration = Duration::from_millis(100);

/// The longest silence within a body; `pass` counts from 0. `expected` is the estimate for a response.
pub(super) fn within_body(
    policy: &Policy,
    purpose: Purpose,
    pass: u32,
    expected: Option<Duration>,
) -> Option<Duration> {
    const SECOND: Duration = Duration::from_secs(1);
    let most = policy.silence?;
    let patience = match purpose {
        Purpose::Wait | Purpose::GuardedWrite | Purpose::Write => most,
        Purpose::Read | Purpose::QuorumRead => policy.read_head.map_or(most, |head| {
            let head = match head {
                Timeout::Fixed(limit) => limit,
                Timeout::Adaptive { floor, ceiling } => {
                    expected.map_or(floor, |time| time.max(floor).min(ceiling.max(floor)))
                }
            };
            head.saturating_mul(4_u32.saturating_pow(pass))
        }),
        Purpose::Listing | Purpose::QuorumListing => {
            (most / 10).max(SECOND).saturating_mul(2_u32.saturating_pow(pass))
        }
    };
    Some(patience.min(most))
}

/// How long a pass that took so long is followed by nothing, at the least and at the most. `pass`
/// counts from 0.
pub(super) fn of_pause(pass: u32, endpoints: usize, took: Duration) -> (Duration, Duration) {
    let endpoints = u32::try_from(endpoints).unwrap_or(u32::MAX);
    let least = LEAST_A_TURN.saturating_mul(endpoints).saturating_sub(took);
    (least, least.saturating_add(Policy::pause_after(pass)))
}

/// How long to rest, at the least and at the most, before an attempt for which there is nothing left in the
/// budget.
pub(super) fn of_rest(policy: &Policy) -> (Duration, Duration) {
    let half = policy.retry_pause / 2;
    (half, half.saturating_mul(3))
}
