//! Whom a call asks.

use std::iter;
use std::sync::Arc;

use super::endpoint_table::EndpointTable;
use super::{Detour, EndpointState, Health, News, Progress};
use crate::budget::Budget;
use crate::credentials::{Credentials, Login};
use crate::endpoint::Endpoint;
use crate::error::ErrorKind;
use crate::request::{ClusterId, Meta};

/// Whom to ask, in order, and as whom: a snapshot of a [`Cluster`](super::Cluster).
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) table: Arc<EndpointTable>,
    /// The order in which they are tried, if any of them is slow or dead.
    pub(super) order: Option<Arc<Vec<usize>>>,
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
        self.table.endpoints.len()
    }

    /// The endpoint that is asked `position` places after the first one, beginning again after the
    /// last: around the ring, then through the rest.
    #[inline]
    pub(crate) fn endpoint(&self, position: usize) -> &Endpoint {
        &self.table.endpoints[self.index_of(position)]
    }

    /// The state of the endpoint at this position.
    #[inline]
    pub(crate) fn state(&self, position: usize) -> &EndpointState {
        &self.table.states[self.index_of(position)]
    }

    /// The state of this endpoint, if it is one of the route.
    pub(crate) fn state_of(&self, endpoint: &Endpoint) -> Option<&Arc<EndpointState>> {
        self.table.state_of(endpoint)
    }

    /// Whether there is a healthy endpoint that was reached before.
    pub(crate) fn has_healthy_endpoint(&self) -> bool {
        let is_healthy =
            |state: &Arc<EndpointState>| state.health() == Health::Healthy && state.was_contacted();
        self.table.states.iter().any(is_healthy)
    }

    /// Requests further probes of dead endpoints, because a call begins. A client that sends nothing probes nothing.
    pub fn request_probes(&self) {
        self.table.states.iter().for_each(|state| state.request_probe());
    }

    /// Whether the endpoint at this position is dead.
    pub(crate) fn is_dead(&self, position: usize) -> bool {
        self.state(position).health() == Health::Dead
    }

    /// Whether any endpoint was slow or dead when the route was taken, so that it comes later in the order.
    #[must_use]
    pub const fn is_reordered(&self) -> bool {
        self.order.is_some()
    }

    /// Whether any endpoint is slow or dead now, so that it is to be probed.
    #[must_use]
    pub fn has_unhealthy_endpoints(&self) -> bool {
        self.table.states.iter().any(|state| state.health() != Health::Healthy)
    }

    /// The endpoints that are slow or dead.
    pub(crate) fn unhealthy(&self) -> impl Iterator<Item = (&Endpoint, &EndpointState)> {
        let all = self.table.endpoints.iter().zip(self.table.states.iter().map(|state| &**state));
        all.filter(|(_, state)| state.health() != Health::Healthy)
    }

    /// The index in the table of the endpoint at this position.
    fn index_of(&self, position: usize) -> usize {
        let position = if position < self.len() { position } else { position % self.len() };
        match &self.order {
            None => table_index(position, self.first, self.ring),
            Some(order) => order[position],
        }
    }

    /// The way to this endpoint alone, whichever cluster it may belong to.
    pub(crate) fn only(&self, endpoint: Endpoint) -> Self {
        let (login, generation) = (self.login.clone(), self.generation);
        let budget = self.budget.clone();
        Self { login, generation, budget, ..self.anonymous(endpoint) }
    }

    /// The same as nobody.
    pub(crate) fn anonymous(&self, endpoint: Endpoint) -> Self {
        let state = self.state_of(&endpoint).cloned().unwrap_or_default();
        Self {
            table: Arc::new(EndpointTable::only(endpoint, state)),
            order: None,
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
        &self.table.endpoints
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
        let to = self.table.position(&detour.to);
        if detour.from != detour.to {
            self.first = to.unwrap_or(self.first);
            if let (Some(order), Some(to)) = (&self.order, to) {
                let rest = order.iter().copied().filter(|index| *index != to);
                self.order = Some(Arc::new(iter::once(to).chain(rest).collect()));
            }
        }
    }

    /// At which table endpoints of this origin are asked.
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
        // The usual case: this is called after every event.
        if position == 0 && !strayed && !news.are_news(self.cluster_id, self.progress) {
            return None;
        }
        let (from, to) = (self.endpoint(0), self.endpoint(position));
        let leads_elsewhere = from != to || (strayed && self.len() > 1);
        let is_worth_telling = leads_elsewhere || news.are_news(self.cluster_id, self.progress);
        let generation = self.generation;
        is_worth_telling.then(|| Detour { from: from.clone(), to: to.clone(), news, generation })
    }
}

/// The index in the table of the endpoint at this position: from the index `first` around the ring, then through the
/// rest.
pub(super) const fn table_index(position: usize, first: usize, ring: usize) -> usize {
    if position == 0 {
        first
    } else if first >= ring {
        // The first endpoint is not on the ring, so the rest is without it.
        if position <= first { position - 1 } else { position }
    } else if position < ring {
        let place = first + position;
        if place < ring { place } else { place - ring }
    } else {
        position
    }
}
