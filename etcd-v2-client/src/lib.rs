//! A client for etcd's v2 HTTP API, asynchronous and blocking. Each error says whether
//! the request was applied.
//!
//! # The async client
//!
//! ```no_run
//! # #[cfg(feature = "hyper")]
//! # mod example {
//! use etcd_v2_client::Client;
//!
//! # async fn example() -> Result<(), etcd_v2_client::Error> {
//! let client = Client::new(["http://127.0.0.1:2379"])?;
//! let keys = client.keys();
//! let written = keys.set("/greeting", "hello").await?;
//! let read = keys.get("/greeting").await?;
//! assert_eq!(read.value(), Some("hello"));
//! assert_eq!(read.index(), written.index());
//! # Ok(()) }
//! # }
//! ```
//!
//! # The blocking client
//!
//! `blocking::Client::new` needs the feature `ureq`, which is not on by default.
//!
//! ```no_run
//! # #[cfg(feature = "ureq")]
//! # mod example {
//! use etcd_v2_client::blocking::Client;
//!
//! # fn example() -> Result<(), etcd_v2_client::Error> {
//! let client = Client::new(["http://127.0.0.1:2379"])?;
//! let keys = client.keys();
//! keys.set("/greeting", "hello")?;
//! assert_eq!(keys.get("/greeting")?.value(), Some("hello"));
//! # Ok(()) }
//! # }
//! ```
//!
//! # Features
//!
//! Both client types always exist, over any transport ([`Client::with_transport`],
//! [`blocking::Client::with_transport`]). The features add default transports and `Client::new`:
//!
//! - `hyper` (default): [`Client`] over hyper and tokio.
//! - `ureq`: [`blocking::Client`] over ureq.
//! - `tls` (default): `https`, over rustls; `Builder::tls` takes the settings, which are in
//!   `proto::tls`.
//! - `ring` (default): the cryptography for it, unless the application installs another one.
//! - `dns`: endpoints from DNS, by SRV records; see [`discovery`]. Brings a resolver, and tokio for it,
//!   for both clients.
//! - `tracing`: spans and events of what happens, see [`observe`].
//!
//! # What happens when things fail
//!
//! Every [`Error`] says what became of the request: [`Outcome`]. Reads go on at the next endpoint, and so
//! do writes that are conditional on the index, of which a late copy can only fail. Any other write whose
//! outcome is unknown is never sent again, unless [`Policy::at_least_once`] asks for it;
//! [`Keys::resolve`] finds out what became of it. [`Keys::modify`] is the way to change a value that others
//! change, too.
//!
//! # Where the pieces are
//!
//! - [`keys`]: the requests of the keys API and what they are answered with.
//! - [`Keys`], [`blocking::Keys`]: the same as methods.
//! - [`Watch`], [`blocking::Watch`]: changes, one after the other.
//! - [`discovery`]: where the endpoints come from, if not from a configuration.
//! - [`guide`]: failover, watching, consistency, security, performance, coming from Go, and more.
//! - [`Client::auto_sync`], [`blocking::Client::auto_sync`]: keep up with who the members are.
//! - [`diagnose`]: what [`Client::diagnose`] finds out when something is wrong.
//! - [`Mirror`]: a local copy of a subtree that is kept up to date.
//! - [`Policy`]: how patient calls are, and what they may do.
//! - [`observe`]: metrics, requests as `curl` commands, `tracing`.
//! - [`proto`]: the core, without I/O.

pub mod blocking;
pub mod discovery;
pub mod guide;
pub mod mirror;
pub mod observe;

mod auto_sync;
mod builder;
mod client;
mod colours;
mod flight;
mod inner;
mod monitoring;
mod shared;
mod side_by_side;
mod views;
mod watch;

pub use auto_sync::AutoSync;
pub use builder::Builder;
pub use client::Client;
pub use mirror::Mirror;
pub use shared::Order;
pub use views::{Auth, Keys, Members, Roles, Stats, Users};
pub use watch::Watch;

/// Makes implementations of [`AsyncTransport`] and [`AsyncDiscoverer`](discovery::AsyncDiscoverer) out of
/// `async fn`.
pub use async_trait::async_trait;
pub use etcd_v2_proto as proto;
pub use etcd_v2_proto::{
    AbandonReason, Action, ApiError, AsyncBody, AsyncTransport, Attempt, BlockingBody,
    BlockingTransport, Cause, CheckRedirect, ClusterId, Code, Connected, ConnectionError,
    Consistency, Conversation, Credentials, CredentialsProvider, Curl, Detail, Diagnosis, Document,
    Doubt, Encoded, Endpoint, Error, ErrorKind, EtcdError, Event, Failure, Gap, GapReason, Hook,
    Interrupt, Invalid, Malformed, MapUrl, Membership, Meta, Outcome, Policy, Progress, Purpose,
    Reason, Redirect, RedirectError, RefreshUnsupported, Request, Resolution, Stage, Start,
    Timeout, Timing, Unexpected, UserAgent, auth, diagnose, keys, members, server, stats,
};
#[cfg(feature = "hyper")]
pub use transport_hyper as hyper;
#[cfg(feature = "ureq")]
pub use transport_ureq as ureq;

use inner::Inner;

/// The examples of the README files are tests, too.
#[cfg(all(doctest, feature = "hyper", feature = "ureq", feature = "ring", feature = "dns"))]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../README.md")]
pub struct ReadmeExamples;
