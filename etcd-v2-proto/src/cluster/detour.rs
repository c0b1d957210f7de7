//! What a call learns.

use super::Progress;
use crate::endpoint::Endpoint;
use crate::request::ClusterId;

/// What a call learned: that beginning with one endpoint was not the best idea, but another may be;
/// which cluster answered, and how far it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detour {
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    pub(super) news: News,
    /// How many times the seeds had been replaced when the call began.
    pub(super) generation: u64,
}

/// What answers told of the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Which cluster it is.
    pub(crate) cluster_id: Option<ClusterId>,
    /// How far it is.
    pub(crate) progress: Progress,
    /// What had been seen that consensus knows no more.
    pub(crate) refuted: Option<Progress>,
}

impl Detour {
    /// The endpoint to begin with.
    pub(crate) const fn to(&self) -> &Endpoint {
        &self.to
    }

    /// The same advice for a cluster that has followed an earlier one of the same call.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.from.clone_from(&earlier.to);
        self
    }
}

impl News {
    /// How far a cluster is that was known to be so far.
    ///
    /// The index of a store never falls, unless the store was replaced by an older one. Only consensus can
    /// tell that, and it counts once: there may have been newer things to see since.
    pub(super) fn correct(&self, known: Progress) -> Progress {
        match self.refuted {
            Some(refuted) if known.index >= refuted.index => self.progress,
            _ => known.max(self.progress),
        }
    }

    /// Whether there is anything new to one who knew this.
    pub(super) fn are_news(&self, cluster_id: Option<ClusterId>, known: Progress) -> bool {
        (cluster_id.is_none() && self.cluster_id.is_some()) || self.correct(known) != known
    }
}
