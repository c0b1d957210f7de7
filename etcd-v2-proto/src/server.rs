//! What servers say of themselves: version, health, and the endpoints that clients used before there
//! were members.

use std::fmt;

use http::{Method, StatusCode};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{ErrorKind, Invalid};
use crate::json::Malformed;
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::{body_of, decode};

/// Asks a server for its version: `GET /version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct GetVersion;

/// The versions of a server and of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Version {
    /// The version of the server, such as `3.4.23`.
    #[serde(rename = "etcdserver")]
    pub server: String,
    /// The version that all members have in common, such as `3.4.0`; `not_decided` while they are
    /// settling it, and none from servers before 2.1.
    #[serde(rename = "etcdcluster", default)]
    pub cluster: Option<String>,
}

impl Request for GetVersion {
    type Output = Version;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/version", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Version, ErrorKind> {
        // Before 2.1 it was a line of text.
        if let Some(version) = document.body.strip_prefix(b"etcd ") {
            let server = String::from_utf8_lossy(version).trim().to_owned();
            return Ok(Version { server, cluster: None });
        }
        decode(&document)
    }
}

/// Asks a member for its health: `GET /health`. Costs the cluster a read through consensus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct GetHealth;

/// The health of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether it can get something through consensus within a second.
    pub healthy: bool,
    /// Why not, if the server says so: from 3.5 on.
    pub reason: Option<String>,
}

impl Request for GetHealth {
    type Output = Health;

    fn encode(&self) -> Result<Encoded, Invalid> {
        // The server takes up to a second to find out.
        Encoded::new(Method::GET, "/health", Purpose::QuorumListing)
    }

    /// That a member is unwell is an answer.
    fn accepts(&self, status: StatusCode) -> bool {
        status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE
    }

    fn decode(&self, document: Document) -> Result<Health, ErrorKind> {
        #[derive(Deserialize)]
        struct Answer {
            health: Flag,
            #[serde(default)]
            reason: Option<String>,
        }

        let Answer { health, reason } = decode(&document)?;
        let reason = reason.filter(|reason| !reason.is_empty());
        Ok(Health { healthy: health.0, reason })
    }
}

/// Text in newer servers, a boolean in older ones.
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrBoolean)
    }
}

struct TextOrBoolean;

impl Visitor<'_> for TextOrBoolean {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: de::Error>(self, healthy: bool) -> Result<Flag, E> {
        Ok(Flag(healthy))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Flag, E> {
        Ok(Flag(text == "true"))
    }
}

/// Asks for the client URLs of all members: `GET /v2/machines`, which every server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct GetMachines;

impl Request for GetMachines {
    type Output = Vec<String>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/machines", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Vec<String>, ErrorKind> {
        let text = std::str::from_utf8(body_of(&document)?).map_err(|error| {
            Malformed::new(error.valid_up_to(), "URLs with commas between them")
        })?;
        Ok(text
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .map(str::to_owned)
            .collect())
    }
}
