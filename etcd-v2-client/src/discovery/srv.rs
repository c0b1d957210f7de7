//! Discovery by SRV records.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use etcd_v2_proto::{Endpoint, Error, Invalid};

use super::lookup::{Answers, Lookup, lost};
use super::{AsyncDiscoverer, BlockingDiscoverer, records};

/// Finds the endpoints of a cluster by the SRV records of a domain, as etcd itself does with
/// `--discovery-srv`; see [the module](super) for what is asked, what is trusted and what is verified.
///
/// It is for both colours: import [`AsyncDiscoverer`] or [`BlockingDiscoverer`]. It holds settings and
/// nothing else; every discovery reads the system's configuration and asks anew, in a thread of its own,
/// so it does not matter from which thread, task or runtime it is called. Dropping the future of a
/// discovery ends it.
///
/// ```no_run
/// use std::time::Duration;
/// use etcd_v2_client::discovery::{BlockingDiscoverer, SrvDiscoverer};
///
/// let discoverer = SrvDiscoverer::new()
///     .service_name("staging") // _etcd-client-ssl-staging._tcp.example.com
///     .https_only()
///     .time_limit(Duration::from_secs(2));
/// for endpoint in discoverer.discover("example.com")? {
///     println!("{endpoint}");
/// }
/// # Ok::<(), etcd_v2_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SrvDiscoverer {
    name_servers: Option<Vec<SocketAddr>>,
    service: String,
    https_only: bool,
    limit: Duration,
}

impl SrvDiscoverer {
    /// Asks the name servers of the system for the plain names, and takes 5 seconds at most.
    #[must_use]
    pub const fn new() -> Self {
        Self { name_servers: None, service: String::new(), https_only: false, limit: LIMIT }
    }

    /// Asks these name servers instead of those that the system is configured to use (on Linux, in
    /// `/etc/resolv.conf`). They have to know the domain, or to look it up for others.
    #[must_use]
    pub fn name_servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.name_servers = Some(servers.into_iter().collect());
        self
    }

    /// Asks for a cluster by this name, where a domain has several: etcd's `--discovery-srv-name`. With
    /// `foo` the names are `_etcd-client-ssl-foo._tcp` and `_etcd-client-foo._tcp`.
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service = name.into();
        self
    }

    /// Asks only for encrypted endpoints, at `_etcd-client-ssl._tcp`. Without this, whoever can forge
    /// answers of DNS can make clients speak in clear text.
    #[must_use]
    pub const fn https_only(mut self) -> Self {
        self.https_only = true;
        self
    }

    /// The longest that a discovery takes, repeated and redirected questions included. 5 seconds by
    /// default.
    #[must_use]
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn lookup(&self, domain: &str) -> Result<Lookup, Error> {
        if self.name_servers.as_ref().is_some_and(Vec::is_empty) {
            let reason = "are none; leave them out to ask those of the system";
            return Err(Invalid::new("name servers", reason).into());
        }
        Ok(Lookup {
            questions: records::questions(domain, &self.service, self.https_only)?,
            name_servers: self.name_servers.clone(),
            limit: self.limit,
        })
    }
}

impl Default for SrvDiscoverer {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl AsyncDiscoverer for SrvDiscoverer {
    async fn discover(&self, domain: &str) -> Result<Vec<Endpoint>, Error> {
        let (_, pending) = self.lookup(domain)?.start()?;
        conclude(pending.await.unwrap_or_else(|_| Err(lost())))
    }
}

impl BlockingDiscoverer for SrvDiscoverer {
    fn discover(&self, domain: &str) -> Result<Vec<Endpoint>, Error> {
        let (thread, mut pending) = self.lookup(domain)?.start()?;
        // Waiting for the thread and not for what it sends works within a runtime, too. A panic there
        // leaves nothing behind.
        _ = thread.join();
        conclude(pending.try_recv().unwrap_or_else(|_| Err(lost())))
    }
}

fn conclude(answers: Answers) -> Result<Vec<Endpoint>, Error> {
    Ok(records::endpoints(answers?, RandomState::new().hash_one(0))?)
}

/// As for reading a key.
const LIMIT: Duration = Duration::from_secs(5);
