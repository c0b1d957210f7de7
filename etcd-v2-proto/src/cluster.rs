//! The endpoints of a cluster, and what calls learn about them.
//!
//! All three types are plain values. A call starts from a [`Route`], a snapshot of the [`Cluster`],
//! and reports a [`Detour`] when it found a better endpoint to begin with. Only the budget for
//! [asking again](crate::Policy::retry_pause) is one and the same for a cluster and all its routes.

mod detour;
mod progress;
mod route;
#[cfg(test)]
mod tests;

pub use detour::Detour;
pub(crate) use detour::News;
pub use progress::Progress;
pub use route::Route;

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
    endpoints: Arc<[Endpoint]>,
    /// How many endpoints the ring has; at least one.
    ring: usize,
    pinned: usize,
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
        let (endpoints, ring) = (Arc::clone(&seeds), seeds.len());
        let login = credentials.map_or(Login::Nobody, Login::Fixed);
        let in_clear = !login.is_nobody() && in_clear(&seeds).is_some();
        Ok(Self {
            seeds,
            endpoints,
            ring,
            pinned: 0,
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
            budget: self.budget.clone(),
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
