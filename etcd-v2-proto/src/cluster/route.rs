//! Whom a call asks.

use std::sync::Arc;

use super::{Detour, News, Progress};
use crate::budget::Budget;
use crate::credentials::{Credentials, Login};
use crate::endpoint::Endpoint;
use crate::error::ErrorKind;
use crate::request::{ClusterId, Meta};

/// Whom to ask, in order, and as whom: a snapshot of a [`Cluster`](super::Cluster).
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) endpoints: Arc<[Endpoint]>,
    pub(super) ring: usize,
    pub(super) first: usize,
    pub(super) login: Login,
    /// Those of the request that takes this route; none before it [begins](Self::log_in).
    pub(super) credentials: Option<Credentials>,
    pub(super) cluster_id: Option<ClusterId>,
    /// How far the store was known to be when the route was taken.
    pub(super) progress: Progress,
    pub(super) generation: u64,
    pub(super) budget: Budget,
}

impl Route {
    /// How many endpoints there are; at least one.
    pub(crate) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// The endpoint that is asked `position` places after the first one, beginning again after the
    /// last: around the ring, then through the rest.
    pub(crate) fn endpoint(&self, position: usize) -> &Endpoint {
        let position = position % self.len();
        let index = if position == 0 {
            self.first
        } else if self.first >= self.ring {
            // The first one is not on the ring; it is left out of what follows.
            if position <= self.first { position - 1 } else { position }
        } else if position < self.ring {
            (self.first + position) % self.ring
        } else {
            position
        };
        &self.endpoints[index]
    }

    /// The way to this endpoint alone, whichever cluster it may belong to.
    pub(crate) fn only(&self, endpoint: Endpoint) -> Self {
        let (login, generation) = (self.login.clone(), self.generation);
        let budget = self.budget.clone();
        Self { login, generation, budget, ..Self::anonymous(endpoint) }
    }

    /// The same as nobody.
    pub(crate) fn anonymous(endpoint: Endpoint) -> Self {
        Self {
            endpoints: Arc::new([endpoint]),
            ring: 1,
            first: 0,
            login: Login::Nobody,
            credentials: None,
            cluster_id: None,
            progress: Progress::default(),
            generation: 0,
            budget: Budget::default(),
        }
    }

    /// All endpoints, in no particular order.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What is wrong with an answer from another cluster than the one that answered first, if it is.
    pub(crate) fn foreign(&self, meta: &Meta) -> Option<ErrorKind> {
        let (expected, found) = (self.cluster_id?, meta.cluster_id?);
        (expected != found).then_some(ErrorKind::WrongCluster { expected, found })
    }

    /// The same where only this cluster is believed, if one is given.
    pub(crate) fn expecting(mut self, id: Option<ClusterId>) -> Self {
        self.cluster_id = id.or(self.cluster_id);
        self
    }

    /// Which cluster answered first, if one has.
    pub(crate) const fn cluster_id(&self) -> Option<ClusterId> {
        self.cluster_id
    }

    /// The same for the members of this cluster, or of whichever.
    pub(crate) fn to_cluster(&self, id: Option<ClusterId>) -> Self {
        Self { cluster_id: id, ..self.clone() }
    }

    /// Begins where a call was answered.
    pub(crate) fn follow(&mut self, detour: &Detour) {
        self.cluster_id = self.cluster_id.or(detour.news.cluster_id);
        self.progress = detour.news.correct(self.progress);
        let to = self.endpoints.iter().position(|endpoint| *endpoint == detour.to);
        if detour.from != detour.to {
            self.first = to.unwrap_or(self.first);
        }
    }

    /// At which places endpoints of this origin are asked.
    pub(crate) fn positions_of(&self, url: &url::Url) -> Vec<usize> {
        (0..self.len()).filter(|position| self.endpoint(*position).is_origin_of(url)).collect()
    }

    /// Finds out as whom to ask. A request that begins does so once, and keeps to it.
    pub(crate) fn log_in(&mut self) -> Result<(), ErrorKind> {
        self.credentials = self.login.credentials()?;
        Ok(())
    }

    pub(crate) const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The credentials that no provider gives.
    pub(crate) const fn fixed_credentials(&self) -> Option<&Credentials> {
        self.login.fixed()
    }

    /// How many times the seeds had been replaced when the route was taken.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// What the calls of the client may spend on asking again.
    pub(crate) const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The greatest index of the store that is known.
    pub(crate) const fn index(&self) -> Option<u64> {
        self.progress.index
    }

    /// How far the store is known to be.
    pub(crate) const fn progress(&self) -> Progress {
        self.progress
    }

    /// The advice to begin with the endpoint at `position` the next time, and the news of the cluster. If
    /// the call has `strayed`, it may have advised another endpoint before, so that going back to the first
    /// one is advice, too.
    pub(crate) fn detour(&self, position: usize, strayed: bool, news: News) -> Option<Detour> {
        let (from, to) = (self.endpoint(0), self.endpoint(position));
        let leads_elsewhere = from != to || (strayed && self.len() > 1);
        let is_worth_telling = leads_elsewhere || news.are_news(self.cluster_id, self.progress);
        let generation = self.generation;
        is_worth_telling.then(|| Detour { from: from.clone(), to: to.clone(), news, generation })
    }
}
