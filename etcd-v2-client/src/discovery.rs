//! Where the endpoints come from, if not from a configuration.
//!
//! A discoverer turns a domain into endpoints: [`AsyncDiscoverer`] and [`BlockingDiscoverer`], one trait a
//! colour. With the feature `dns` there is one that asks DNS, `SrvDiscoverer`; others are yours to write.
//! What is found goes where endpoints always go:
//!
//! ```no_run
//! # #[cfg(all(feature = "dns", feature = "hyper"))]
//! # mod example {
//! use etcd_v2_client::discovery::{AsyncDiscoverer, SrvDiscoverer};
//! use etcd_v2_client::{Client, Error, Order};
//!
//! # async fn example() -> Result<(), Error> {
//! let endpoints = SrvDiscoverer::new().discover("example.com").await?;
//! let client = Client::builder().endpoints(endpoints).order(Order::AsGiven).build()?;
//! # Ok(()) }
//! # }
//! ```
//!
//! and for blocking callers
//!
//! ```no_run
//! # #[cfg(all(feature = "dns", feature = "ureq"))]
//! # mod example {
//! use etcd_v2_client::blocking::Client;
//! use etcd_v2_client::discovery::{BlockingDiscoverer, SrvDiscoverer};
//! use etcd_v2_client::{Error, Order};
//!
//! # fn example() -> Result<(), Error> {
//! let endpoints = SrvDiscoverer::new().discover("example.com")?;
//! let client = Client::builder().endpoints(endpoints).order(Order::AsGiven).build()?;
//! # Ok(()) }
//! # }
//! ```
//!
//! [`Order::AsGiven`](crate::Order::AsGiven) keeps the order of the discovery. Without it clients shuffle
//! their endpoints, and neither priorities and weights nor https before http would count.
//!
//! # SRV records
//!
//! For the domain `example.com` two names are asked for, as by etcd's own tools:
//!
//! | name | endpoints |
//! |---|---|
//! | `_etcd-client-ssl._tcp.example.com` | `https://target:port` |
//! | `_etcd-client._tcp.example.com` | `http://target:port`, behind the former |
//!
//! Within one name the order is that of RFC 2782: the lowest priority first, and among equals a draw in
//! which the weights are the chances, new for each discovery. Records whose target is `.` say that the
//! service is not there. Duplicates are dropped, and so are records of which no endpoint can be made, as
//! long as others are left. How long records are valid is not looked at: every discovery asks anew, and
//! remembering is up to the name server.
//!
//! # What is trusted, and what is verified
//!
//! DNS is not signed. What keeps an encrypted connection honest is its certificate, and that is verified
//! against the *target of the record*, which is the host of the endpoint, and not against the domain that
//! was asked for. So a forged answer can lead to any host that has a certificate of an authority that the
//! client trusts. Trust only the cluster's own authority (`Tls::only_ca_pem`) to close that, or look at
//! the endpoints before using them.
//!
//! Only a definite "there is nothing" for the encrypted name makes a discovery do with unencrypted
//! endpoints. If that name cannot be asked for (no answer in time, a server that fails, unusable records),
//! the discovery fails with `SrvError::Downgrade`, since whoever can disturb one answer could otherwise
//! make clients speak in clear text. That is no help against forged answers, nor does it keep a client
//! that has both kinds of endpoints from turning to the unencrypted ones when the others fail:
//! `SrvDiscoverer::https_only` leaves them out. The other way round, encrypted endpoints are enough
//! whatever happens to the unencrypted name.
//!
//! # Discovering again
//!
//! A client keeps the endpoints that it was made with. When the records change, tell it:
//!
//! ```no_run
//! # #[cfg(all(feature = "dns", feature = "ureq"))]
//! # mod example {
//! # use etcd_v2_client::blocking::Client;
//! # use etcd_v2_client::discovery::{BlockingDiscoverer, SrvDiscoverer};
//! # use std::{thread, time::Duration};
//! # fn example(client: Client) -> Result<(), etcd_v2_client::Error> {
//! let discoverer = SrvDiscoverer::new();
//! loop {
//!     thread::sleep(Duration::from_secs(60));
//!     match discoverer.discover("example.com") {
//!         Ok(endpoints) => client.set_endpoints(endpoints)?,
//!         // The ones that it has are better than none.
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # }
//! # }
//! ```
//!
//! All clones follow, the endpoint in use stays in use if it is still there, and calls under way are not
//! disturbed. [`Client::sync`](crate::Client::sync) is the other way to follow a cluster: it asks the
//! members themselves, and falls back to the discovered endpoints.

#[cfg(feature = "dns")]
mod error;
#[cfg(feature = "dns")]
mod lookup;
#[cfg(feature = "dns")]
mod records;
#[cfg(feature = "dns")]
mod srv;

#[cfg(feature = "dns")]
pub use error::SrvError;
#[cfg(feature = "dns")]
pub use srv::SrvDiscoverer;

use std::fmt;

use async_trait::async_trait;
use etcd_v2_proto::{Endpoint, Error};

/// Finds the endpoints of a cluster, for asynchronous callers.
///
/// ```
/// use etcd_v2_client::discovery::AsyncDiscoverer;
/// use etcd_v2_client::{Endpoint, Error};
///
/// /// Members that are numbered.
/// #[derive(Debug)]
/// struct Numbered(usize);
///
/// #[etcd_v2_client::async_trait]
/// impl AsyncDiscoverer for Numbered {
///     async fn discover(&self, domain: &str) -> Result<Vec<Endpoint>, Error> {
///         let urls = (0..self.0).map(|number| format!("https://etcd{number}.{domain}:2379"));
///         Ok(Endpoint::parse_list(urls)?)
///     }
/// }
///
/// let one_of_many: Box<dyn AsyncDiscoverer> = Box::new(Numbered(3));
/// ```
#[async_trait]
pub trait AsyncDiscoverer: fmt::Debug + Send + Sync {
    /// The endpoints of the cluster that `domain` stands for, in the order in which they are to be asked.
    ///
    /// # Errors
    /// Whatever may go wrong; what is found out by other means than this crate's is
    /// [`ErrorKind::Discovery`](crate::ErrorKind::Discovery). To have found nothing is an error, too.
    async fn discover(&self, domain: &str) -> Result<Vec<Endpoint>, Error>;
}

/// Finds the endpoints of a cluster, for callers that block their thread.
pub trait BlockingDiscoverer: fmt::Debug + Send + Sync {
    /// The endpoints of the cluster that `domain` stands for, in the order in which they are to be asked.
    ///
    /// # Errors
    /// Whatever may go wrong; what is found out by other means than this crate's is
    /// [`ErrorKind::Discovery`](crate::ErrorKind::Discovery). To have found nothing is an error, too.
    fn discover(&self, domain: &str) -> Result<Vec<Endpoint>, Error>;
}
