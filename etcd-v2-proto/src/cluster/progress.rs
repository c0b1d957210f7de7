//! How far a store is.

use std::fmt;

use crate::request::Meta;

/// How far the store of a cluster was when it answered; each may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The index of the store, `X-Etcd-Index`.
    pub index: Option<u64>,
    /// The term of the log, `X-Raft-Term`.
    pub term: Option<u64>,
}

impl Progress {
    /// What the head of an answer says. A store that has not been asked tells index 0.
    pub(crate) fn of(meta: &Meta) -> Self {
        Self { index: meta.etcd_index.filter(|index| *index > 0), term: meta.raft_term }
    }

    /// The greater of both in each respect.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { index: self.index.max(other.index), term: self.term.max(other.term) }
    }

    /// Whether there is more to be seen than this. Who tells no index may well be behind; refusals tell no
    /// term.
    pub(crate) fn is_behind(self, seen: Self) -> bool {
        self.index < seen.index || (self.term.is_some() && self.term < seen.term)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "index {index}")?,
            None => f.write_str("no index")?,
        }
        self.term.map_or(Ok(()), |term| write!(f, " in term {term}"))
    }
}
