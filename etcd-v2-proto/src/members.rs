//! The members API, `/v2/members`: who is in the cluster.
//!
//! Reads need no rights; changes need the root role once authentication is on. A change that is
//! answered with status 500 has an unknown outcome: the server says that for a refusal (too few healthy
//! members), for a consensus that took too long, and for members that were removed before.
//!
//! ```
//! use etcd_v2_proto::Request;
//! use etcd_v2_proto::members::Add;
//!
//! let add = Add::new(["http://10.0.0.4:2380"]).encode()?;
//! assert_eq!(add.path_and_query, "/v2/members");
//! assert_eq!(add.body.unwrap().1, r#"{"peerURLs":["http://10.0.0.4:2380"]}"#);
//! # Ok::<(), etcd_v2_proto::Invalid>(())
//! ```

use std::fmt;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::endpoint::shown;
use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::{JSON, decode, encode, no_body};

/// A member of the cluster.
///
/// One that was added but has not started yet has no name and no client URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Member {
    /// Its identity: hexadecimal digits.
    pub id: String,
    /// Its name, for people.
    #[serde(default)]
    pub name: String,
    /// Where the other members reach it.
    #[serde(rename = "peerURLs", default, deserialize_with = "crate::wire::null_as_empty")]
    pub peer_urls: Vec<String>,
    /// Where clients reach it, as far as it knows.
    #[serde(rename = "clientURLs", default, deserialize_with = "crate::wire::null_as_empty")]
    pub client_urls: Vec<String>,
}

impl Member {
    /// Whether it has joined; until then it serves nobody.
    #[must_use]
    pub fn has_started(&self) -> bool {
        !self.name.is_empty()
    }
}

/// Lists the members: `GET /v2/members`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct List;

impl Request for List {
    type Output = Vec<Member>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/members", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Vec<Member>, ErrorKind> {
        #[derive(Deserialize)]
        struct Members {
            #[serde(deserialize_with = "crate::wire::null_as_empty")]
            members: Vec<Member>,
        }
        decode::<Members>(&document).map(|list| list.members)
    }
}

/// Names the leader: `GET /v2/members/leader`.
///
/// During an election the answer is status 503, [`Error::is_no_leader`](crate::Error::is_no_leader).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct Leader;

impl Request for Leader {
    type Output = Member;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/members/leader", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Member, ErrorKind> {
        decode(&document)
    }
}

/// Adds a member: `POST /v2/members`.
///
/// The answer names its identity. It has to be started with these peer URLs then. A peer URL that is
/// taken is status 409. User information in a peer URL is refused: all who ask for the members would see it.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Add {
    peer_urls: Vec<String>,
}

impl Add {
    /// Adds a member with these peer URLs: scheme, host and port.
    pub fn new<U: Into<String>>(peer_urls: impl IntoIterator<Item = U>) -> Self {
        Self { peer_urls: peer_urls.into_iter().map(Into::into).collect() }
    }
}

impl Request for Add {
    type Output = Member;

    fn encode(&self) -> Result<Encoded, Invalid> {
        let body = body(&self.peer_urls)?;
        Encoded::new(Method::POST, "/v2/members", Purpose::Write)
            .and_then(|encoded| encoded.with_body(JSON, body))
    }

    fn decode(&self, document: Document) -> Result<Member, ErrorKind> {
        decode(&document)
    }
}

/// Changes the peer URLs of a member: `PUT /v2/members/{id}`.
///
/// A member that does not exist is status 404, a peer URL that is taken 409.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Update {
    id: String,
    peer_urls: Vec<String>,
}

impl Update {
    /// Gives the member these peer URLs instead of those it has.
    pub fn new<U: Into<String>>(
        id: impl Into<String>,
        peer_urls: impl IntoIterator<Item = U>,
    ) -> Self {
        Self { id: id.into(), peer_urls: peer_urls.into_iter().map(Into::into).collect() }
    }
}

impl Request for Update {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        let body = body(&self.peer_urls)?;
        Encoded::new(Method::PUT, path(&self.id)?, Purpose::Write)
            .and_then(|encoded| encoded.with_body(JSON, body))
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::NO_CONTENT)
    }
}

impl fmt::Debug for Add {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Add").field("peer_urls", &all_shown(&self.peer_urls)).finish()
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, peer_urls } = self;
        f.debug_struct("Update").field("id", id).field("peer_urls", &all_shown(peer_urls)).finish()
    }
}

/// Removes a member: `DELETE /v2/members/{id}`.
///
/// A member that does not exist is status 404, one that was removed before is 410,
/// [`Error::is_gone`](crate::Error::is_gone).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Remove {
    id: String,
}

impl Remove {
    /// Removes the member with this identity, for ever.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into() }
    }
}

impl Request for Remove {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::DELETE, path(&self.id)?, Purpose::Write)
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::NO_CONTENT)
    }
}

/// The path of a member; an identity that is none could lead elsewhere.
fn path(id: &str) -> Result<String, Invalid> {
    if id.is_empty() || id.len() > 16 || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        let reason = format!("{id:?} is not 1 to 16 hexadecimal digits");
        return Err(Invalid::new("member id", reason));
    }
    Ok(format!("/v2/members/{id}"))
}

/// The URLs without user information, which is refused, but only when they are encoded.
fn all_shown(peer_urls: &[String]) -> Vec<String> {
    peer_urls.iter().map(|url| shown(url)).collect()
}

/// The URLs, trimmed, checked as the server does, and sorted.
fn body(peer_urls: &[String]) -> Result<Vec<u8>, Invalid> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(rename = "peerURLs")]
        peer_urls: Vec<&'a str>,
    }

    if peer_urls.is_empty() {
        return Err(Invalid::new("peer URLs", "are missing; give at least one"));
    }
    let mut checked = Vec::with_capacity(peer_urls.len());
    for text in peer_urls {
        let text = text.trim();
        let refuse = |reason: &str| Invalid::new("peer URL", format!("{:?} {reason}", shown(text)));
        let advice = "is no URL such as http://10.0.0.1:2380";
        let url = Url::parse(text).map_err(|_| refuse(advice))?;
        if !matches!(url.scheme(), "http" | "https" | "unix" | "unixs") {
            return Err(refuse(advice));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("comes with user information, which every client would be told"));
        }
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if url.host_str().is_none() || !has_port {
            return Err(refuse("has no host or no port, or something behind the port"));
        }
        checked.push(text);
    }
    checked.sort_unstable();
    encode(&Body { peer_urls: checked })
}
