//! The keys API, `/v2/keys`: requests as values, answers as [`Change`]s.
//!
//! | request | on the wire | what it does |
//! |---|---|---|
//! | [`Get`] | `GET` | reads a file or lists a directory |
//! | [`Set`] | `PUT` | writes, creates, updates, compares and swaps, makes directories, refreshes |
//! | [`Push`] | `POST` | creates a file under a name that keeps the order |
//! | [`Delete`] | `DELETE` | deletes, compares and deletes |
//! | [`Wait`] | `GET ?wait=true` | waits for one change |
//!
//! The crate `etcd-v2-client` has all of this at `etcd_v2_client::keys`.
//!
//! ```
//! use std::time::Duration;
//! use etcd_v2_proto::Request;
//! use etcd_v2_proto::keys::Set;
//!
//! let lock = Set::create("/lock", "me").ttl(Duration::from_secs(30));
//! let encoded = lock.encode()?;
//! assert_eq!(encoded.path_and_query, "/v2/keys/lock");
//! assert_eq!(encoded.body.unwrap().1, "prevExist=false&ttl=30&value=me");
//! # Ok::<(), etcd_v2_proto::Invalid>(())
//! ```

mod change;
mod condition;
mod delete;
mod expected;
mod get;
mod handle;
mod key;
mod mark;
mod push;
mod set;
mod target;
mod ttl;
mod wait;

pub use change::{Change, ChangeKind};
pub use delete::Delete;
pub use get::Get;
pub use key::Key;
pub use mark::Mark;
pub(crate) use mark::previous_index;
pub use push::Push;
pub use set::Set;
pub use target::{DEFAULT_PREFIX, KeysRequest};
pub(crate) use wait::Relevance;
pub use wait::Wait;

pub(crate) use key::{is_below, is_hidden_below};

pub use crate::tree::{Children, Content, Descendants, Leaves, Node, NodeRef};
