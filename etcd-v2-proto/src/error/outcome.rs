//! What became of a request that did not end well.

use std::fmt;

use http::StatusCode;

use super::{Code, ErrorKind};
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
    /// etcd announced a success, but its details could not be read.
    ///
    /// That it was etcd is known by a header of etcd's, or because the body began as etcd's response to
    /// this request. A success that anything else could have sent, such as a login page, is
    /// [unknown](Self::Unknown).
    Applied,
}

impl Outcome {
    pub(crate) fn of_kind(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed(failure) | ErrorKind::RequestLineTooLong { failure, .. } => {
                Self::of(failure)
            }
            ErrorKind::Etcd(refusal) if refusal.is_the_stores() => Self::Rejected,
            ErrorKind::Etcd(refusal) if refusal.status.is_success() => Self::of_code(refusal.code),
            ErrorKind::Etcd(refusal) => Self::of_refusal(refusal.status),
            ErrorKind::Api(refusal) if refusal.is_rolling_upgrade() => Self::Rejected,
            ErrorKind::Api(refusal) => Self::of_refusal(refusal.status),
            ErrorKind::Unexpected(answer) => Self::of_refusal(answer.status),
            ErrorKind::V2Disabled
            | ErrorKind::ApiNotFound { .. }
            | ErrorKind::NotLeader
            | ErrorKind::UserExists { .. }
            | ErrorKind::Stale { .. }
            | ErrorKind::Redirect(_)
            | ErrorKind::Gap(_) => Self::Rejected,
            ErrorKind::Unresolved(_) => Self::Unknown,
            ErrorKind::RefreshUnsupported(_) => Self::Applied,
            ErrorKind::Malformed(malformed) if malformed.is_etcds() => Self::Applied,
            // Nothing says that the success was etcd's.
            ErrorKind::EmptyBody | ErrorKind::Malformed(_) | ErrorKind::TooLarge { .. } => {
                Self::Unknown
            }
            _ => Self::NotSent,
        }
    }

    /// The outcome of a request that was refused with this status.
    ///
    /// Status 408 says that the server did not receive the whole request in time. It comes from something in
    /// between, and nothing tells whether that had passed the request on: the outcome is unknown.
    #[must_use]
    pub fn of_refusal(status: StatusCode) -> Self {
        let refused = status.is_redirection()
            || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT);
        if refused || status == StatusCode::NOT_IMPLEMENTED {
            Self::Rejected
        } else {
            // A server that gave up on a write may still carry it out.
            Self::Unknown
        }
    }

    /// The outcome of an error response with this code, whose status does not tell.
    fn of_code(code: Code) -> Self {
        let may_be_applied = [Code::RAFT_INTERNAL, Code::LEADER_ELECT, Code::WATCHER_CLEARED];
        if code.name().is_some() && !may_be_applied.contains(&code) {
            Self::Rejected
        } else {
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
