//! What a watch says when it cannot vouch for a stretch of changes.

use std::fmt;

/// Changes that a [watch](crate::Watch) may have missed.
///
/// It is told as an [error](crate::ErrorKind::Gap) between changes, so that code that uses `?` stops
/// instead of overlooking it. The watch itself goes on after [`to`](Self::to). Whoever keeps what it
/// is told reads everything again, so that the read knows all up to there: through consensus
/// ([`Get::quorum`](crate::keys::Get::quorum)), or until the read's
/// [`etcd_index`](crate::keys::Change::etcd_index) has reached [`to`](Self::to). The changes that follow
/// may be older than that read, and are to be told apart by their indexes.
///
/// Its outcome is [`Rejected`](crate::Outcome::Rejected): there are no such changes to be had from any
/// server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The first index whose change may be missing. It is 1 where the indexes began anew.
    pub from: u64,
    /// The last index whose change may be missing; the watch goes on after it.
    pub to: u64,
    /// Why nobody knows.
    pub reason: GapReason,
}

/// Why changes may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The server has dropped the history that would have told (code 401): it keeps the last 1000
    /// changes of the whole store.
    HistoryCleared,
    /// The endpoints lead to another cluster than before, whose indexes are its own.
    ClusterChanged,
    /// The store is at a lower index than it was, as after a restore from a backup.
    IndexWentBack,
    /// The member had fallen behind so far that the leader sent it a copy of the whole store, and
    /// etcd tells open waits nothing of what that copy changed.
    CaughtUp,
    /// What the server tells of them cannot be understood, however often it is asked.
    Unreadable,
    /// The watch began "now", and the head that says at which index that is did not come in time, as behind
    /// a proxy that holds it back until the first change.
    StartUnknown,
    /// A directory above the key may have been removed while nothing was connected: the history of etcd up to
    /// 2.2 does not report that.
    RemovalHidden,
}

impl Gap {
    /// Changes from the one index to the other may be missing.
    #[must_use]
    pub const fn new(from: u64, to: u64, reason: GapReason) -> Self {
        Self { from, to, reason }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, reason } = self;
        write!(f, "changes {from} to {to} may be missing, read again: {reason}")
    }
}

impl std::error::Error for Gap {}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HistoryCleared => "the server has dropped the history of them",
            Self::ClusterChanged => "the endpoints lead to another cluster than before",
            Self::IndexWentBack => "the index of the store went back, as after a restore",
            Self::CaughtUp => "the member was caught up with a copy of the store",
            Self::Unreadable => "what the server tells of them cannot be understood",
            Self::RemovalHidden => {
                "a directory above the key may have been removed, which etcd up to 2.2 does not report"
            }
            Self::StartUnknown => "the head of the first wait did not come in time",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{Error, Outcome};

    use super::*;

    #[test]
    fn a_gap_says_what_to_do() {
        let gap = Gap::new(5, 900, GapReason::HistoryCleared);
        let error = Error::new(gap.clone());
        let text = "changes 5 to 900 may be missing, read again: the server has dropped the history \
                    of them";
        assert_eq!(error.to_string(), text);
        assert_eq!((error.gap(), error.outcome()), (Some(&gap), Outcome::Rejected));
        assert!(error.is_history_cleared() && !error.may_have_applied());
        let caught_up = Error::new(Gap::new(5, 900, GapReason::CaughtUp));
        assert!(!caught_up.is_history_cleared() && caught_up.gap().is_some());
    }
}
