//! etcd's v2 HTTP API without the I/O.
//!
//! **In scope:** encoding requests, decoding answers, telling errors apart, failing over between endpoints,
//! following redirects, keeping to time limits, waiting for changes, [mirrors](mirror) of subtrees,
//! [noticing](monitor) servers that hang, finding out who the members [are](sync) and what is
//! [wrong](diagnose) with them, the rules of
//! [proxies](proxy), requests as [`curl` commands](Curl).
//! **Out of scope:** sockets, clocks, tasks, threads, random numbers, TLS, name resolution. They
//! belong to a driver; the crates `transport-hyper` and `transport-ureq` bring one each, and
//! `etcd-v2-client` puts all of it together. There is one exception: behind the feature `tls`, the module
//! `tls` has the settings of TLS that both transports share, and reads the platform's certificate
//! authorities from their files.
//!
//! # The loop
//!
//! Whatever has to be talked through with a cluster is a [`Conversation`]. It says what to do next
//! and is told how it went; time is an argument. Nothing here needs a server:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use etcd_v2_proto::keys::Get;
//! use etcd_v2_proto::{Action, Cluster, Conversation, Event, Exchange, Policy};
//!
//! let cluster = Cluster::parse(["http://10.0.0.1:2379"])?;
//! let now = Duration::ZERO;
//! let policy = Arc::new(Policy::default());
//! let mut exchange = Exchange::new(Get::new("/lock"), cluster.route(), policy, 1, now);
//!
//! let Action::Send { request, .. } = exchange.poll(now) else { panic!("not sending") };
//! assert_eq!(request.uri(), "http://10.0.0.1:2379/v2/keys/lock");
//!
//! let (head, ()) = http::Response::new(()).into_parts();
//! exchange.handle(now, Event::Head(head));
//! let Action::Read { .. } = exchange.poll(now) else { panic!("not reading") };
//! let body = br#"{"action":"get","node":{"key":"/lock","value":"me","modifiedIndex":4}}"#;
//! exchange.handle(now, Event::Chunk(body.as_slice().into()));
//! exchange.handle(now, Event::End);
//!
//! let Action::Yield(change) = exchange.poll(now) else { panic!("not answered") };
//! assert_eq!(change.value(), Some("me"));
//! # Ok::<(), etcd_v2_proto::Error>(())
//! ```
//!
//! The loops over an HTTP library are in [`run`], the traits for the library's side in
//! [`transport`]; a loop of your own has twelve lines, see [`conversation`].
//!
//! # The words
//!
//! *Conversation*: what a driver carries out. *Exchange*: one request and its answer. *Watch*: waits
//! strung together. *Action*: what to do. *Event*: how it went. *Cluster*: the endpoints. *Route*:
//! whom to ask, in order. *Detour*: what was learned. *Failure*: an attempt that came to nothing.
//! *Document*: one JSON text. *Policy*: how patient to be. *Change*: what etcd calls an event, with
//! its *kind*, which etcd calls an action.

pub mod auth;
pub mod auto_sync;
pub mod call;
pub mod conversation;
pub mod diagnose;
pub mod exchange;
pub mod keys;
pub mod members;
pub mod mirror;
pub mod modify;
pub mod monitor;
pub mod proxy;
pub mod resolve;
pub mod run;
pub mod server;
pub mod stats;
pub mod sync;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transport;
pub mod watch;

mod budget;
mod cluster;
mod credentials;
mod curl;
mod encoding;
mod endpoint;
mod error;
mod framing;
mod hop;
mod interrupt;
mod jitter;
mod json;
mod judge;
mod policy;
mod request;
mod secrets;
mod start;
mod tally;
mod tree;
mod user_agent;
mod wire;

pub use bytes;
pub use http;

pub use auto_sync::AutoSync;
pub use call::Call;
pub use cluster::{Cluster, Detour, Progress, Route};
pub use conversation::{Action, Cause, Connected, Conversation, Event, Failure, Stage, Timing};
pub use credentials::{Credentials, CredentialsProvider};
pub use curl::Curl;
pub use diagnose::{Diagnose, Diagnosis, EndpointReport, Finding};
pub use endpoint::Endpoint;
pub use error::{
    ApiError, Attempt, Code, ConnectionError, Detail, Error, ErrorKind, EtcdError, Gap, GapReason,
    Invalid, Outcome, RedirectError, RefreshUnsupported, Unexpected,
};
pub use exchange::Exchange;
pub use framing::body_length;
pub use interrupt::{AbandonReason, Hook, Interrupt, Reason};
pub use json::Malformed;
pub use mirror::Mirror;
pub use modify::Modify;
pub use monitor::Monitor;
pub use policy::{CheckRedirect, Consistency, MapUrl, Policy, Redirect, Timeout};
pub use request::{ClusterId, Document, Encoded, Meta, Purpose, Request};
pub use resolve::{Doubt, Resolution, Resolve};
pub use run::{AsyncRun, BlockingRun};
pub use start::Start;
pub use sync::{Membership, Sync};
pub use transport::{AsyncBody, AsyncTransport, BlockingBody, BlockingTransport};
pub use user_agent::UserAgent;
pub use watch::Watch;
