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
//! A fixed timeout counts from the start of the attempt and includes connecting. An adaptive timeout is the estimate for
//! the endpoint, between floor and ceiling. It counts from the moment when the connection is ready. Connecting has a
//! timeout of its own: the estimate for a round trip, or [`Policy::connect`] before the first contact.
//!
//! In the first pass, timeouts before double an adaptive timeout; later passes are longer anyway. At an endpoint that is
//! slow or dead neither of them lengthens the wait while another endpoint is healthy.
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

/// How far a call is when an attempt begins, and how long the attempt is expected to take.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptContext {
    /// How many passes over the endpoints are complete.
    pub(super) pass: u32,
    /// How many endpoints have their turn after this one in the same pass.
    pub(super) others: usize,
    /// For how long the call has been going on.
    pub(super) spent: Duration,
    /// What is left of its deadline, if it has one.
    pub(super) left: Option<Duration>,
    pub(super) expected: Expected,
    /// Whether timeouts and passes before may lengthen the wait.
    pub(super) may_lengthen: bool,
}

/// The timeouts of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AttemptLimits {
    /// Until the connection is made.
    pub(super) connect: Option<Duration>,
    /// Until the head is complete, from the start of the attempt.
    pub(super) head: Option<Duration>,
    /// Until the head is complete, from the moment when the connection is ready; only for adaptive timeouts.
    pub(super) response: Option<Duration>,
}

impl AttemptLimits {
    /// How long the head may take if the connection is reused.
    pub(super) fn on_open_connection(&self) -> Option<Duration> {
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

/// The timeout before the first response of a class that depends on the distance between the members: the first
/// timeout of RFC 6298.
pub(super) const UNKNOWN: Duration = Duration::from_secs(1);

/// The timeout of a local read at an endpoint that has not responded yet. The time of the connect does not tell the
/// distance if a proxy or a tunnel accepts the connection.
const UNREACHED: Duration = Duration::from_millis(500);

/// The timeouts of an attempt. `auth`: whether the server has a password to check.
pub(super) fn of_attempt(
    policy: &Policy,
    purpose: Purpose,
    auth: bool,
    context: AttemptContext,
) -> AttemptLimits {
    let limit = within_pass(policy, purpose, auth, context);
    // What an attempt on a new connection takes.
    let wanted = match limit.response {
        Some(response) => limit.connect.map(|connect| response.saturating_add(connect)),
        None => limit.head,
    };
    let most = match context.left {
        Some(left) if context.pass == 0 && context.others > 0 => {
            Some(wanted.map_or(left, |wanted| share(purpose, wanted, left, context.others)))
        }
        left => left,
    };
    let head = match limit.response {
        // On a slow network the response may take a multiple of the time of the connect.
        Some(_) => most,
        None => shorter(limit.head, most),
    };
    let response = limit.response.map(|limit| head.map_or(limit, |head| limit.min(head)));
    AttemptLimits { connect: limit.connect, head, response }
}

/// How much of the rest of the deadline an attempt may use, so that enough is left for the endpoints after it.
fn share(purpose: Purpose, wanted: Duration, left: Duration, others: usize) -> Duration {
    let least = if purpose.writes() { wanted.min(LITTLE) } else { wanted }.min(left);
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    let spare = left.saturating_sub(least.saturating_mul(others));
    // If there is not enough for all of them, each gets an equal part.
    if spare >= least { spare } else { spare.max(left / others.saturating_add(1)) }
}

/// The shorter of two timeouts; none means no limit.
fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The timeouts of an attempt, whatever is left.
fn within_pass(
    policy: &Policy,
    purpose: Purpose,
    auth: bool,
    context: AttemptContext,
) -> AttemptLimits {
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
            let limit = grown(limit.saturating_add(allowance), purpose, context);
            fixed(policy, with_write_timeout(policy, purpose, context, limit))
        }
        Some(Timeout::Adaptive { floor, ceiling }) => {
            let allowance = if context.expected.is_complete { Duration::ZERO } else { allowance };
            let least = floor.saturating_add(allowance);
            adaptive(policy, purpose, context, (least, ceiling.max(least)), allowance)
        }
    }
}

/// A timeout that adapts, between these bounds.
fn adaptive(
    policy: &Policy,
    purpose: Purpose,
    context: AttemptContext,
    (least, most): (Duration, Duration),
    allowance: Duration,
) -> AttemptLimits {
    let AttemptContext { expected, may_lengthen, pass, .. } = context;
    let usual = expected.response().or_else(|| expected.network()).map_or(least, |time| {
        let time = if allowance.is_zero() { time } else { time.saturating_add(allowance) };
        time.clamp(least, most)
    });
    let mut response = usual;
    if expected.response().is_none() {
        let network = expected.network().unwrap_or_default();
        let unknown = match purpose {
            Purpose::Read | Purpose::Listing if expected.has_responded => Duration::ZERO,
            Purpose::Read | Purpose::Listing => UNREACHED,
            _ => UNKNOWN.saturating_add(network),
        };
        response = response.max(unknown).min(most);
    }
    // Later passes are longer anyway.
    if expected.doublings > 0 && may_lengthen && pass == 0 {
        let doubled = response.saturating_mul(2_u32.saturating_pow(expected.doublings));
        response = doubled.min(most.max(response));
    }
    response = response.max(grown(usual, purpose, context));
    let connect = match (expected.network(), policy.connect) {
        (Some(network), Some(most)) => {
            Some(grown(network.max(least.min(SHORT)), purpose, context).min(most))
        }
        (_, most) => most,
    };
    AttemptLimits {
        connect,
        head: None,
        response: with_write_timeout(policy, purpose, context, response),
    }
}

/// A timeout, multiplied in later passes.
fn grown(limit: Duration, purpose: Purpose, context: AttemptContext) -> Duration {
    let AttemptContext { pass, may_lengthen, .. } = context;
    if pass == 0 || !may_lengthen {
        return limit;
    }
    limit.saturating_mul(match purpose {
        Purpose::QuorumRead => 5,
        Purpose::GuardedWrite => 2_u32.saturating_pow(pass),
        _ => 4_u32.saturating_pow(pass),
    })
}

/// Applies the write timeout: quorum reads wait as long as writes when an election would be over, and a write by
/// `prevIndex` never waits longer than other writes.
fn with_write_timeout(
    policy: &Policy,
    purpose: Purpose,
    context: AttemptContext,
    limit: Duration,
) -> Option<Duration> {
    match purpose {
        Purpose::QuorumRead | Purpose::QuorumListing
            if context.pass > 0 && context.spent >= ELECTION =>
        {
            policy.write_head.map(|most| limit.max(most))
        }
        Purpose::GuardedWrite => Some(policy.write_head.map_or(limit, |most| limit.min(most))),
        _ => Some(limit),
    }
}

/// A timeout that includes connecting.
const fn fixed(policy: &Policy, head: Option<Duration>) -> AttemptLimits {
    AttemptLimits { connect: policy.connect, head, response: None }
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
