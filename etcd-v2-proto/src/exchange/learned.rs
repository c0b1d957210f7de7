//! What an exchange learns on its way.

use super::head::Head;
use crate::cluster::{Detour, News, Progress, Route};
use crate::error::ErrorKind;
use crate::policy::Consistency;

/// Where to begin the next time, and how far the cluster is.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// With which endpoint of the route to begin the next time.
    pub(super) preferred: usize,
    /// Whether an endpoint was left, so that this has not always been the first one.
    strayed: bool,
    /// Whether anybody has answered.
    pub(super) is_answered: bool,
    /// Whether the last response came from a server that is not an endpoint, which got no credentials.
    pub(super) is_foreign: bool,
    /// Whether an answer was older than what was seen.
    pub(super) was_stale: bool,
    news: News,
}

impl Learned {
    /// The endpoint at this position was left.
    pub(super) fn leave(&mut self, position: usize) {
        (self.preferred, self.strayed) = (position + 1, true);
    }

    /// Takes note of the head of an answer, which is to be this fresh. So far the cluster was `seen`.
    ///
    /// # Errors
    /// That it is older, if that counts.
    pub(super) fn note(
        &mut self,
        head: &Head,
        consistency: Option<Consistency>,
        seen: Progress,
    ) -> Result<(), ErrorKind> {
        let found = Progress::of(&head.meta);
        match consistency {
            // Who refuses may not have looked into the store.
            Some(Consistency::Monotonic) if head.accepted || found.index.is_some() => {
                let seen = seen.max(self.news.progress);
                if found.is_behind(seen) {
                    self.was_stale = true;
                    return Err(ErrorKind::Stale { found, seen });
                }
            }
            // The index of a store never falls, unless the store was replaced by an older one.
            Some(Consistency::Quorum)
                if head.accepted
                    && found.index.is_some()
                    && found.is_behind(seen.max(self.news.progress)) =>
            {
                let seen = seen.max(self.news.progress);
                (self.news.progress, self.news.refuted) = (Progress::default(), Some(seen));
            }
            _ => {}
        }
        self.news.cluster_id = head.meta.cluster_id.or(self.news.cluster_id);
        self.news.progress = self.news.progress.max(found);
        Ok(())
    }

    /// The advice to begin with the endpoint at `position`, and what else is news.
    pub(super) fn detour(&self, route: &Route, position: usize) -> Option<Detour> {
        route.detour(position, self.strayed, self.news)
    }
}
