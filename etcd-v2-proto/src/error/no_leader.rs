//! Whether a cluster has no leader.

use http::StatusCode;

use super::{Attempt, Code, ErrorKind};
use crate::conversation::{Cause, Stage};
use crate::interrupt::AbandonReason;

impl ErrorKind {
    /// Whether it says that there is no leader.
    pub(crate) fn is_no_leader(&self) -> bool {
        match self {
            Self::NoLeader => true,
            Self::Etcd(response) => response.code == Code::LEADER_ELECT,
            Self::Api(response) => response.status == StatusCode::SERVICE_UNAVAILABLE,
            Self::Unexpected(response) => response.is_no_leader(),
            Self::Failed(failure) => {
                matches!(failure.abandon_reason(), Some(AbandonReason::NoLeader { .. }))
            }
            _ => false,
        }
    }

    /// Whether the time was over before the endpoint had responded, which does not say why.
    fn is_mere_timeout(&self) -> bool {
        match self {
            Self::Failed(failure) => {
                failure.cause() == Cause::TimedOut && failure.stage() == Stage::AfterSend
            }
            _ => false,
        }
    }
}

/// The attempts that say best what is wrong with each endpoint, latest first: the last one at it. If the
/// deadline cut that short, the one before it that found no leader.
pub(super) fn telling(attempts: &[Attempt]) -> Vec<&Attempt> {
    let mut telling: Vec<&Attempt> = Vec::new();
    for attempt in attempts.iter().rev() {
        match telling.iter_mut().find(|later| later.endpoint == attempt.endpoint) {
            None => telling.push(attempt),
            Some(later) => {
                if later.kind.is_mere_timeout() && attempt.kind.is_no_leader() {
                    *later = attempt;
                }
            }
        }
    }
    telling
}
