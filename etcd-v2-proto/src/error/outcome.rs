//! What became of a request that did not end well.

use std::fmt;

use http::StatusCode;

use super::ErrorKind;
use crate::conversation::{Failure, Stage};

/// What became of a request that did not end well.
///
/// It is told of reads, too, though it only matters for writes: a read that was stopped after its success
/// had been announced is [applied](Self::Applied), and changed nothing all the same.
///
/// The order is the order of certainty that something happened: of several attempts, the greatest
/// outcome counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "there is no fifth possibility")]
pub enum Outcome {
    /// Nothing reached a server: resolving, connecting or the handshake failed, or the request made
    /// no sense to begin with.
    NotSent,
    /// A server understood the request and refused; nothing was done.
    Rejected,
    /// The request left, but no definite answer came: it may have been carried out, and may even be
    /// carried out later.
    Unknown,
    /// A success was announced, but its details could not be read.
    Applied,
}

impl Outcome {
    pub(crate) fn of_kind(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed(failure) | ErrorKind::RequestLineTooLong { failure, .. } => {
                Self::of(failure)
            }
            ErrorKind::Etcd(refusal) if refusal.is_the_stores() => Self::Rejected,
            ErrorKind::Etcd(refusal) => Self::of_refusal(refusal.status),
            ErrorKind::Api(refusal) => Self::of_refusal(refusal.status),
            ErrorKind::Unexpected(answer) => Self::of_refusal(answer.status),
            ErrorKind::V2Disabled
            | ErrorKind::NotLeader
            | ErrorKind::UserExists { .. }
            | ErrorKind::Stale { .. }
            | ErrorKind::Redirect(_)
            | ErrorKind::Gap(_) => Self::Rejected,
            ErrorKind::Unresolved(_) => Self::Unknown,
            ErrorKind::EmptyBody | ErrorKind::Malformed(_) | ErrorKind::TooLarge { .. } => {
                Self::Applied
            }
            _ => Self::NotSent,
        }
    }

    /// The outcome of a request that was refused with this status.
    #[must_use]
    pub fn of_refusal(status: StatusCode) -> Self {
        let refused = status.is_redirection() || status.is_client_error();
        if refused || status == StatusCode::NOT_IMPLEMENTED {
            Self::Rejected
        } else {
            // A server that gave up on a write may still carry it out.
            Self::Unknown
        }
    }

    /// The outcome of an attempt that failed in this way.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure.stage() {
            Stage::BeforeSend => Self::NotSent,
            Stage::AfterSend => Self::Unknown,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "not sent",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Applied => "applied",
        })
    }
}
