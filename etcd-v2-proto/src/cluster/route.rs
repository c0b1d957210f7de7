//! Whom a call asks.

use std::iter;
use std::sync::Arc;

use super::places::Places;
use super::{Detour, EndpointState, News, Progress, Standing};
use crate::budget::Budget;
use crate::credentials::{Credentials, Login};
use crate::endpoint::Endpoint;
use crate::error::ErrorKind;
use crate::request::{ClusterId, Meta};

/// Whom to ask, in order, and as whom: a snapshot of a [`Cluster`](super::Cluster).
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) places: Arc<Places>,
    /// In which order they are asked, if any of them is slow or dead.
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
        self.places.endpoints.len()
    }

    /// The endpoint that is asked `position` places after the first one, beginning again after the
    /// last: around the ring, then through the rest.
    #[inline]
    pub(crate) fn endpoint(&self, position: usize) -> &Endpoint {
        &self.places.endpoints[self.place(position)]
    }

    /// What is known of the endpoint at this position.
    #[inline]
    pub(crate) fn state(&self, position: usize) -> &EndpointState {
        &self.places.states[self.place(position)]
    }

    /// What is known of this endpoint, if it is one of these.
    pub(crate) fn state_of(&self, endpoint: &Endpoint) -> Option<&Arc<EndpointState>> {
        self.places.state_of(endpoint)
    }

    /// Whether some endpoint is fine that has responded before.
    pub(crate) fn has_good_choice(&self) -> bool {
        let is_good =
            |state: &Arc<EndpointState>| state.standing() == Standing::Fine && state.was_reached();
        self.places.states.iter().any(is_good)
    }

    /// Takes note that something begins that takes this route: endpoints that are dead are probed only as long as
    /// there is such a need.
    pub fn want_probes(&self) {
        self.places.states.iter().for_each(|state| state.want());
    }

    /// Whether the endpoint at this position did not answer its last probe.
    pub(crate) fn is_dead(&self, position: usize) -> bool {
        self.state(position).standing() == Standing::Dead
    }

    /// Whether any endpoint was slow or dead when the route was taken.
    #[must_use]
    pub const fn had_doubts(&self) -> bool {
        self.order.is_some()
    }

    /// Whether any endpoint is slow or dead: whether there is something for probes to find out.
    #[must_use]
    pub fn has_doubts(&self) -> bool {
        self.places.states.iter().any(|state| state.standing() != Standing::Fine)
    }

    /// The endpoints that are slow or dead.
    pub(crate) fn doubtful(&self) -> impl Iterator<Item = (&Endpoint, &EndpointState)> {
        let all = self.places.endpoints.iter().zip(self.places.states.iter().map(|state| &**state));
        all.filter(|(_, state)| state.standing() != Standing::Fine)
    }

    /// Where the endpoint at this position is.
    fn place(&self, position: usize) -> usize {
        let position = if position < self.len() { position } else { position % self.len() };
        match &self.order {
            None => place(position, self.first, self.ring),
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
            places: Arc::new(Places::only(endpoint, state)),
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
        &self.places.endpoints
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
        let to = self.places.position(&detour.to);
        if detour.from != detour.to {
            self.first = to.unwrap_or(self.first);
            if let (Some(order), Some(to)) = (&self.order, to) {
                let rest = order.iter().copied().filter(|index| *index != to);
                self.order = Some(Arc::new(iter::once(to).chain(rest).collect()));
            }
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
        // Nearly always there is none, and it is asked for after every event.
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

/// Where the endpoint is that is asked so many places after the first one, which is at `first`: around the ring, then
/// through the rest.
pub(super) const fn place(position: usize, first: usize, ring: usize) -> usize {
    if position == 0 {
        first
    } else if first >= ring {
        // The first one is not on the ring; it is left out of what follows.
        if position <= first { position - 1 } else { position }
    } else if position < ring {
        let place = first + position;
        if place < ring { place } else { place - ring }
    } else {
        position
    }
}
