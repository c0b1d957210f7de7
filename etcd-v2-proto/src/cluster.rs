//! The endpoints of a cluster, and what calls learn about them.
//!
//! All three types are plain values. A call starts from a [`Route`], a snapshot of the [`Cluster`],
//! and reports a [`Detour`] when it found a better endpoint to begin with.

mod detour;
mod progress;
#[cfg(test)]
mod tests;

pub use detour::Detour;
pub(crate) use detour::News;
pub use progress::Progress;

use std::sync::Arc;

use crate::credentials::{Credentials, CredentialsProvider, Login, differing};
use crate::endpoint::Endpoint;
use crate::error::ErrorKind;
use crate::request::{ClusterId, Meta};
use crate::sync::Membership;

/// The endpoints of one cluster, which of them is asked first, and as whom.
///
/// ```
/// use etcd_v2_proto::Cluster;
///
/// let cluster = Cluster::parse(["http://10.0.0.1:2379,http://10.0.0.2:2379"])?;
/// assert_eq!(cluster.endpoints().len(), 2);
/// assert_eq!(cluster.pinned().as_str(), "http://10.0.0.1:2379");
/// # Ok::<(), etcd_v2_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cluster {
    /// What the caller gave; never empty, never forgotten.
    seeds: Arc<[Endpoint]>,
    /// First the ring of those that are asked in turn, then the seeds that are not among them.
    endpoints: Arc<[Endpoint]>,
    /// How many endpoints the ring has; at least one.
    ring: usize,
    pinned: usize,
    login: Login,
    /// The cluster that answered first.
    id: Option<ClusterId>,
    /// The farthest that any answer told of.
    progress: Progress,
    /// How many times the seeds were replaced. What was asked of others before has no say any more.
    generation: u64,
}

impl Cluster {
    /// A cluster whose first endpoint is asked first; endpoints named twice count once.
    ///
    /// User information in the endpoints becomes the [credentials](Self::credentials).
    ///
    /// # Errors
    /// No endpoint at all, or endpoints with different user information.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Result<Self, ErrorKind> {
        let (seeds, credentials) = gather(endpoints)?;
        let (endpoints, ring) = (Arc::clone(&seeds), seeds.len());
        let login = credentials.map_or(Login::Nobody, Login::Fixed);
        Ok(Self {
            seeds,
            endpoints,
            ring,
            pinned: 0,
            login,
            id: None,
            progress: Progress::default(),
            generation: 0,
        })
    }

    /// The same from text: each item is a URL, or several with commas between them.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and texts that are no URLs of http or https.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, ErrorKind> {
        Self::new(Endpoint::parse_list(texts)?)
    }

    /// Uses these credentials for every request.
    ///
    /// # Errors
    /// If the endpoints came with other ones, or there is a provider.
    pub fn with_credentials(mut self, credentials: Credentials) -> Result<Self, ErrorKind> {
        self.login.fix(credentials)?;
        Ok(self)
    }

    /// Asks this provider for the credentials of each request.
    ///
    /// # Errors
    /// If there are credentials or a provider already.
    pub fn with_provider(
        mut self,
        provider: Arc<dyn CredentialsProvider>,
    ) -> Result<Self, ErrorKind> {
        self.login.provide(provider)?;
        Ok(self)
    }

    /// The endpoints that are asked in turn, beginning at the [pinned](Self::pinned) one: the members' own
    /// if they are known, else the seeds.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints[..self.ring]
    }

    /// The endpoints that the caller gave. They are asked when no other one answers.
    #[must_use]
    pub fn seeds(&self) -> &[Endpoint] {
        &self.seeds
    }

    /// The cluster that answered first, if one has.
    #[must_use]
    pub const fn id(&self) -> Option<ClusterId> {
        self.id
    }

    /// The greatest index of the store that any answer told, if one has.
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        self.progress.index
    }

    /// How far the store is known to be: the greatest index and the greatest term that any answer told.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// The endpoint that is asked first.
    #[must_use]
    pub fn pinned(&self) -> &Endpoint {
        &self.endpoints[self.pinned]
    }

    /// As whom the cluster is asked, unless that is up to a provider.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.login.fixed()
    }

    /// Replaces the seeds, and forgets what was learned; the pin stays where it is if that endpoint is
    /// among the new ones. What calls learn that began before is not taken note of.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and user information other than the present credentials or beside a
    /// provider. The cluster is as before then.
    pub fn replace(
        &mut self,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<(), ErrorKind> {
        let (seeds, credentials) = gather(endpoints)?;
        if let Some(credentials) = credentials {
            self.login.fix(credentials)?;
        }
        (self.id, self.progress) = (None, Progress::default());
        self.generation = self.generation.wrapping_add(1);
        self.seeds = Arc::clone(&seeds);
        self.set_ring(&seeds);
        Ok(())
    }

    /// Asks the members' own endpoints from now on, and the seeds only when none of those answers.
    /// The pin stays where it is if that endpoint is among them, unless there is a leader to begin
    /// with. Nothing changes without any endpoint, or if the seeds were replaced since the members were
    /// asked for.
    pub fn learn(&mut self, members: &Membership) {
        if members.endpoints.is_empty() || members.generation != self.generation {
            return;
        }
        self.set_ring(&members.endpoints);
        let leader = members.leader.as_ref();
        if let Some(at) = self.endpoints().iter().position(|own| Some(own) == leader) {
            self.pinned = at;
        }
    }

    fn set_ring(&mut self, ring: &[Endpoint]) {
        let mut endpoints: Vec<Endpoint> = Vec::with_capacity(ring.len() + self.seeds.len());
        for endpoint in ring {
            if !endpoints.contains(endpoint) {
                endpoints.push(endpoint.clone());
            }
        }
        let size = endpoints.len();
        for seed in &*self.seeds {
            if !endpoints.contains(seed) {
                endpoints.push(seed.clone());
            }
        }
        self.pinned = endpoints[..size].iter().position(|own| own == self.pinned()).unwrap_or(0);
        (self.endpoints, self.ring) = (endpoints.into(), size);
    }

    /// Whom a call asks, in order: from the pinned endpoint on, then around.
    #[must_use]
    pub fn route(&self) -> Route {
        Route {
            endpoints: Arc::clone(&self.endpoints),
            ring: self.ring,
            first: self.pinned,
            login: self.login.clone(),
            credentials: None,
            cluster_id: self.id,
            progress: self.progress,
            generation: self.generation,
        }
    }

    /// Takes note of what a call learned: who the cluster is and how far, and where to begin the next
    /// time. The pin moves only if it has not moved meanwhile; says whether it did.
    ///
    /// So a hundred calls that failed at one endpoint move the pin once, and one that began long ago
    /// cannot undo what others learned. How far another cluster is tells nothing about this one, and what
    /// began before the seeds were replaced tells nothing at all.
    pub fn follow(&mut self, detour: &Detour) -> bool {
        if detour.generation != self.generation {
            return false;
        }
        self.id = self.id.or(detour.news.cluster_id);
        if detour.news.cluster_id.is_none_or(|told| Some(told) == self.id) {
            self.progress = detour.news.correct(self.progress);
        }
        if *self.pinned() != detour.from {
            return false;
        }
        let Some(to) = self.endpoints.iter().position(|endpoint| *endpoint == detour.to) else {
            return false;
        };
        self.pinned = to;
        true
    }
}

/// Whom to ask, in order, and as whom: a snapshot of a [`Cluster`].
#[derive(Clone, Debug)]
pub struct Route {
    endpoints: Arc<[Endpoint]>,
    ring: usize,
    first: usize,
    login: Login,
    /// Those of the request that takes this route; none before it [begins](Self::log_in).
    credentials: Option<Credentials>,
    cluster_id: Option<ClusterId>,
    /// How far the store was known to be when the route was taken.
    progress: Progress,
    generation: u64,
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
        Self { login, generation, ..Self::anonymous(endpoint) }
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

    /// How many times the seeds had been replaced when the route was taken.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
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

type Gathered = (Arc<[Endpoint]>, Option<Credentials>);

fn gather(endpoints: impl IntoIterator<Item = Endpoint>) -> Result<Gathered, ErrorKind> {
    let mut gathered: Vec<Endpoint> = Vec::new();
    let mut credentials: Option<Credentials> = None;
    for endpoint in endpoints {
        if let Some(own) = endpoint.credentials() {
            if credentials.as_ref().is_some_and(|other| other != own) {
                return Err(differing().into());
            }
            credentials = Some(own.clone());
        }
        if !gathered.contains(&endpoint) {
            gathered.push(endpoint);
        }
    }
    if gathered.is_empty() {
        return Err(ErrorKind::NoEndpoints);
    }
    Ok((gathered.into(), credentials))
}
