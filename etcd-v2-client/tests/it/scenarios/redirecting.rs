//! What is sent in scenarios of redirects, and with which status it is sent elsewhere.

use etcd_v2_client::Error;
use etcd_v2_client::keys::{Change, Delete, Get, Push, Set};

use crate::both::Subject;

/// A method, and a request of it.
pub(super) type Verb = (&'static str, fn(&Subject) -> Result<Change, Error>);

pub(super) const VERBS: [Verb; 4] = [
    ("GET", |client| client.send(Get::new("/a"))),
    ("PUT", |client| client.send(Set::new("/a", "secret value"))),
    ("POST", |client| client.send(Push::new("/a", "secret value"))),
    ("DELETE", |client| client.send(Delete::new("/a"))),
];

pub(super) const STATUSES: [u16; 9] = [300, 301, 302, 303, 304, 305, 306, 307, 308];
