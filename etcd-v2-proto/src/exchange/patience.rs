//! How one deadline is split over endpoints and passes.
//!
//! How long an attempt waits for its head, before the deadline has a say:
//!
//! | purpose | first pass | later passes |
//! |---|---|---|
//! | local read | [`Policy::read_head`] | four times as much each time |
//! | local listing | [`Policy::listing_head`] | four times as much each time |
//! | quorum read | [`Policy::quorum_head`] | five times as much; as a write once an election would be over |
//! | quorum listing | that of a listing and that of a quorum read together | the same |
//! | wait | [`Policy::wait_head`] | the same |
//! | write | [`Policy::write_head`] | the same |
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

use crate::policy::Policy;
use crate::request::Purpose;

/// How much of a call is over when an attempt begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// How many passes over the endpoints are complete.
    pub(super) pass: u32,
    /// How many endpoints have their turn after this one in the same pass.
    pub(super) others: usize,
    /// For how long the call has been going on.
    pub(super) spent: Duration,
    /// What is left of its deadline, if it has one.
    pub(super) left: Option<Duration>,
}

/// A proposal to a leader that is gone is lost. After so much time everybody knows that it is gone: two
/// election timeouts by default, and the vote.
const ELECTION: Duration = Duration::from_millis(2500);

/// Each endpoint's part of the shortest pass; a second has ten of them.
const LEAST_A_TURN: Duration = Duration::from_millis(100);

/// What an attempt of a write leaves to each endpoint after it.
const LITTLE: Duration = Duration::from_millis(100);

/// The longest that an attempt waits for its head. `auth`: whether the server has a password to check.
pub(super) fn of_attempt(
    policy: &Policy,
    purpose: Purpose,
    auth: bool,
    standing: Standing,
) -> Option<Duration> {
    let limit = within_pass(policy, purpose, auth, standing);
    let (Some(limit), Some(left)) = (limit, standing.left) else { return limit.or(standing.left) };
    let most = limit.min(left);
    if standing.pass > 0 || standing.others == 0 {
        return Some(most);
    }
    let others = u32::try_from(standing.others).unwrap_or(u32::MAX);
    let share = if purpose.writes() { most.min(LITTLE) } else { most };
    let spare = left.saturating_sub(share.saturating_mul(others));
    Some(if most <= spare { most } else { spare.max(left / others.saturating_add(1)) })
}

/// The same, whatever is left.
fn within_pass(
    policy: &Policy,
    purpose: Purpose,
    auth: bool,
    standing: Standing,
) -> Option<Duration> {
    let Standing { pass, spent, .. } = standing;
    let allowance = if auth { policy.auth_allowance } else { Duration::ZERO };
    let growing = |limit: Option<Duration>| {
        Some(limit?.saturating_add(allowance).saturating_mul(4_u32.saturating_pow(pass)))
    };
    let quorum = || {
        let short = policy.quorum_head?.saturating_mul(if pass == 0 { 1 } else { 5 });
        let short = short.saturating_add(allowance);
        if pass == 0 || spent < ELECTION {
            Some(short)
        } else {
            Some(short.max(policy.write_head?))
        }
    };
    match purpose {
        Purpose::Read => growing(policy.read_head),
        Purpose::Listing => growing(policy.listing_head),
        Purpose::QuorumRead => quorum(),
        Purpose::QuorumListing => Some(growing(policy.listing_head)?.saturating_add(quorum()?)),
        Purpose::Wait => policy.wait_head,
        Purpose::GuardedWrite | Purpose::Write => policy.write_head,
    }
}

/// The longest silence within a body; `pass` counts from 0.
pub(super) fn within_body(policy: &Policy, purpose: Purpose, pass: u32) -> Option<Duration> {
    const SECOND: Duration = Duration::from_secs(1);
    let most = policy.silence?;
    let patience = match purpose {
        Purpose::Wait | Purpose::GuardedWrite | Purpose::Write => most,
        Purpose::Read | Purpose::QuorumRead => {
            policy.read_head.map_or(most, |head| head.saturating_mul(4_u32.saturating_pow(pass)))
        }
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
