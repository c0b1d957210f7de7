//! The endpoints of a cluster, and what calls learn about them.
//!
//! All three types are plain values. A call starts from a [`Route`], a snapshot of the [`Cluster`],
//! and reports a [`Detour`] when it found a better endpoint to begin with. A cluster, its clones and all its routes
//! share two things: the budget for [retries](crate::Policy::retry_pause), and for each endpoint its response times
//! and its health.

mod detour;
mod endpoint_state;
mod endpoint_table;
mod estimate;
mod progress;
mod route;
#[cfg(test)]
mod tests;

pub use detour::Detour;
pub(crate) use detour::News;
pub(crate) use endpoint_state::{Class, EndpointState, Expected, Health};
pub use progress::Progress;
pub use route::Route;

use endpoint_table::EndpointTable;

use std::sync::Arc;

use crate::budget::Budget;
use crate::credentials::{Credentials, CredentialsProvider, Login, differing};
use crate::endpoint::Endpoint;
use crate::error::{ErrorKind, Invalid};
use crate::request::ClusterId;
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
    table: Arc<EndpointTable>,
    /// How many endpoints the ring has; at least one.
    ring: usize,
    pinned: usize,
    /// The endpoint that was pinned before a request timed out there. It is pinned again when it is healthy.
    pin_before_timeout: Option<Endpoint>,
    login: Login,
    /// Whether the caller has given credentials together with an endpoint that is not encrypted.
    in_clear: bool,
    /// The cluster that answered first.
    id: Option<ClusterId>,
    /// The farthest that any answer told of.
    progress: Progress,
    /// How many times the seeds were replaced. What was asked of others before has no say any more.
    generation: u64,
    /// What the calls may spend on asking again.
    budget: Budget,
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
        let (table, ring) = (Arc::new(EndpointTable::new(seeds.to_vec())), seeds.len());
        let login = credentials.map_or(Login::Nobody, Login::Fixed);
        let in_clear = !login.is_nobody() && in_clear(&seeds).is_some();
        Ok(Self {
            seeds,
            table,
            ring,
            pinned: 0,
            pin_before_timeout: None,
            login,
            in_clear,
            id: None,
            progress: Progress::default(),
            generation: 0,
            budget: Budget::default(),
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
        self.in_clear |= in_clear(&self.seeds).is_some();
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
        self.in_clear |= in_clear(&self.seeds).is_some();
        Ok(self)
    }

    /// The endpoints that are asked in turn, beginning at the [pinned](Self::pinned) one: the members' own
    /// if they are known, else the seeds.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.table.endpoints[..self.ring]
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
        &self.table.endpoints[self.pinned]
    }

    /// As whom the cluster is asked, unless that is up to a provider.
    #[must_use]
    pub const fn credentials(&self) -> Option<&Credentials> {
        self.login.fixed()
    }

    /// Replaces the seeds, and forgets what was learned, except the response times and the health of endpoints that
    /// stay. The pin stays where it is if that endpoint is among the new ones. What calls learn that began before is
    /// ignored.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and user information other than the present credentials or beside a
    /// provider. With credentials or a provider, an `http` endpoint is refused as well, unless the caller
    /// has given the credentials together with one before: they would be sent in clear. The cluster is as
    /// before then.
    pub fn replace(
        &mut self,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<(), ErrorKind> {
        let (seeds, credentials) = gather(endpoints)?;
        let plain = in_clear(&seeds);
        if let Some(plain) = plain.filter(|_| !self.login.is_nobody() && !self.in_clear) {
            return Err(would_be_sent_in_clear(plain).into());
        }
        if let Some(credentials) = credentials {
            self.login.fix(credentials)?;
            self.in_clear |= plain.is_some();
        }
        (self.id, self.progress) = (None, Progress::default());
        self.generation = self.generation.wrapping_add(1);
        self.budget = Budget::default();
        self.pin_before_timeout = None;
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
            (self.pinned, self.pin_before_timeout) = (at, None);
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
        (self.table, self.ring) = (Arc::new(self.table.replaced(endpoints)), size);
    }

    /// The endpoints in the order in which a call tries them: from the pinned endpoint on, then around. Slow endpoints
    /// come after healthy ones, and dead endpoints come last.
    #[must_use]
    pub fn route(&self) -> Route {
        let is_fine = |state: &Arc<EndpointState>| state.health() == Health::Healthy;
        let is_fine = self.table.states.iter().all(is_fine);
        Route {
            table: Arc::clone(&self.table),
            order: if is_fine { None } else { Some(self.order()) },
            ring: self.ring,
            first: self.pinned,
            login: self.login.clone(),
            credentials: None,
            cluster_id: self.id,
            progress: self.progress,
            generation: self.generation,
            budget: self.budget.clone(),
        }
    }

    /// The order of the endpoints when some of them are slow or dead: healthy, slow, dead, and the usual order within
    /// each group.
    #[cold]
    fn order(&self) -> Arc<Vec<usize>> {
        let (first, ring, len) = (self.pinned, self.ring, self.table.endpoints.len());
        let mut order: Vec<_> =
            (0..len).map(|position| route::table_index(position, first, ring)).collect();
        order.sort_by_key(|at| self.table.states[*at].health());
        Arc::new(order)
    }

    /// Applies the results of probes to the pin. An endpoint that lost the pin because of a timeout gets it back when it
    /// is healthy. A dead endpoint loses the pin if there is another endpoint that is not dead. Returns whether the pin
    /// moved.
    pub fn apply_probe_results(&mut self) -> bool {
        let before = self.pinned;
        let states = &self.table.states;
        let pin_before_timeout =
            self.pin_before_timeout.as_ref().and_then(|endpoint| self.table.position(endpoint));
        match pin_before_timeout.map(|at| (at, states[at].health())) {
            Some((at, Health::Healthy)) => (self.pinned, self.pin_before_timeout) = (at, None),
            // It has not responded yet.
            Some((_, Health::Slow | Health::Dead)) => {}
            None => self.pin_before_timeout = None,
        }
        if states[self.pinned].health() == Health::Dead {
            let first = self.table.position(self.route().endpoint(0));
            self.pinned = first.unwrap_or(self.pinned);
        }
        self.pinned != before
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
        let Some(to) = self.table.position(&detour.to) else {
            return false;
        };
        if self.pin_before_timeout.is_none()
            && self.table.states[self.pinned].health() == Health::Slow
        {
            self.pin_before_timeout = Some(detour.from.clone());
        }
        self.pinned = to;
        true
    }
}

/// The first endpoint to which credentials go in clear, if there is one.
fn in_clear(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    endpoints.iter().find(|endpoint| !endpoint.is_https())
}

fn would_be_sent_in_clear(endpoint: &Endpoint) -> Invalid {
    let reason = format!(
        "{endpoint} is not encrypted, and the credentials were given for https endpoints only: use \
         https, or make a client for http endpoints with these credentials"
    );
    Invalid::new("endpoint", reason)
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
