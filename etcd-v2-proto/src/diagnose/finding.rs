//! What may be wrong with the endpoints of a client.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::report::harmless;
use crate::endpoint::Endpoint;
use crate::request::ClusterId;

/// Something that is wrong, or may be, with its likely cause and what to do about it as its `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// No connection can be made.
    Unreachable {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why not.
        reason: String,
    },
    /// No connection can be opened, because this process or this system has no free file descriptor. That says
    /// nothing about the endpoint.
    NoFileDescriptors {
        /// The endpoint.
        endpoint: Endpoint,
        /// Whose limit is reached, and what to do.
        reason: String,
    },
    /// A connection can be made, but no answer comes.
    Silent {
        /// The endpoint.
        endpoint: Endpoint,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A connection can be made, but what comes is no answer of HTTP.
    NoHttp {
        /// The endpoint.
        endpoint: Endpoint,
        /// What comes instead.
        reason: String,
    },
    /// One side speaks TLS, or seems to, and the other does not.
    TlsMismatch {
        /// The endpoint.
        endpoint: Endpoint,
        /// Which one, and what to do.
        reason: String,
    },
    /// Both sides speak TLS, but do not agree.
    TlsFailed {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why, and what to do.
        reason: String,
    },
    /// The port is for gRPC alone.
    GrpcOnly {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// The port is for other members.
    PeerPort {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// The port tells of the health and of nothing else that a client of the v2 API asks for.
    HealthOnly {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// What answers is no etcd, or there is something in front of it.
    NotEtcd {
        /// The endpoint.
        endpoint: Endpoint,
        /// What it answers.
        reason: String,
    },
    /// Something in front of etcd wants other credentials, or some.
    Unauthorized {
        /// The endpoint.
        endpoint: Endpoint,
        /// With which status it says so: 401, 403 or 407.
        status: StatusCode,
    },
    /// The v2 API is switched off.
    V2Disabled {
        /// The endpoint.
        endpoint: Endpoint,
        /// The version of the server.
        version: String,
    },
    /// The server is of a version that has no v2 API: 3.6 or later.
    NoV2Api {
        /// The endpoint.
        endpoint: Endpoint,
        /// The version of the server.
        version: String,
    },
    /// A member knows of no leader.
    NoLeader {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// A member cannot get anything through consensus.
    Unhealthy {
        /// The endpoint.
        endpoint: Endpoint,
        /// Why, if it is known.
        reason: Option<String>,
    },
    /// The endpoints are of several clusters.
    DifferentClusters {
        /// The clusters, each with its endpoints.
        clusters: Vec<(ClusterId, Vec<Endpoint>)>,
    },
    /// Members of one cluster name different leaders.
    DifferentLeaders {
        /// The leaders, by their names, each with the endpoints that name it.
        leaders: Vec<(String, Vec<Endpoint>)>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { endpoint, reason } => write!(
                f,
                "{endpoint} cannot be reached: {reason}; see whether etcd runs there and listens on \
                 that address (--listen-client-urls)"
            ),
            Self::NoFileDescriptors { endpoint, reason } => {
                write!(f, "no connection to {endpoint} could be opened: {reason}")
            }
            Self::Silent { endpoint, waited } => write!(
                f,
                "{endpoint} takes connections and did not answer within {waited:.1?}: the member is \
                 stopped, hung or overloaded, so look at its process and its log; or something else \
                 listens there"
            ),
            Self::NoHttp { endpoint, reason } => write!(
                f,
                "{endpoint} takes connections and gives no answer of HTTP ({reason}): use https:// if \
                 it wants TLS; otherwise something else listens there"
            ),
            Self::TlsMismatch { endpoint, reason } | Self::TlsFailed { endpoint, reason } => {
                write!(f, "{endpoint} is of no use: {reason}")
            }
            Self::GrpcOnly { endpoint } => write!(
                f,
                "{endpoint} is a port for gRPC alone, which the v2 API is not: use a URL of \
                 --listen-client-http-urls, and note that etcd 3.6 and later have no v2 API at all"
            ),
            Self::PeerPort { endpoint } => write!(
                f,
                "{endpoint} is etcd's port for other members, 2380 by default: use the one for \
                 clients, 2379 by default (--listen-client-urls)"
            ),
            Self::HealthOnly { endpoint } => write!(
                f,
                "{endpoint} tells of the health and nothing else, as etcd's port for metrics and the \
                 gRPC proxy do: use the port for clients, 2379 by default (--listen-client-urls)"
            ),
            Self::NotEtcd { endpoint, reason } => {
                write!(f, "{endpoint} does not answer as etcd does: {reason}")
            }
            Self::Unauthorized { endpoint, status } => write!(
                f,
                "{endpoint} is behind something that wants other credentials ({status}): give the ones \
                 for it, or ask etcd's own port"
            ),
            Self::V2Disabled { endpoint, version } => write!(
                f,
                "{endpoint} is etcd {} with the v2 API switched off: start it with --enable-v2=true",
                harmless(version)
            ),
            Self::NoV2Api { endpoint, version } => write!(
                f,
                "{endpoint} is etcd {}, which has no v2 API: the last version with one is 3.5, with \
                 --enable-v2=true; later ones need a client of the v3 API",
                harmless(version)
            ),
            Self::NoLeader { endpoint } => write!(
                f,
                "{endpoint} knows of no leader, so it takes no writes: more than half of the members \
                 have to run and to reach each other; if they do, an election is going on, so ask again"
            ),
            Self::Unhealthy { endpoint, reason: Some(reason) } => write!(
                f,
                "{endpoint} is unhealthy ({}): look at its log, its disk and its alarms",
                harmless(reason)
            ),
            Self::Unhealthy { endpoint, reason: None } => write!(
                f,
                "{endpoint} is unhealthy, as it gets nothing through consensus in time: look at its \
                 log, its disk, its alarms and its way to the other members"
            ),
            Self::DifferentClusters { clusters } => {
                f.write_str("the endpoints are of different clusters: ")?;
                groups(f, clusters)?;
                f.write_str("; a client is for one, so remove the endpoints of the others")
            }
            Self::DifferentLeaders { leaders } => {
                f.write_str("the members disagree on who leads: ")?;
                groups(f, leaders)?;
                f.write_str(
                    "; an election is going on, so ask again, or the members do not reach each other",
                )
            }
        }
    }
}

fn groups(
    f: &mut fmt::Formatter<'_>,
    groups: &[(impl fmt::Display, Vec<Endpoint>)],
) -> fmt::Result {
    let text = groups.iter().map(|(name, endpoints)| {
        let endpoints: Vec<_> = endpoints.iter().map(Endpoint::as_str).collect();
        format!("{name} at {}", endpoints.join(", "))
    });
    f.write_str(&text.collect::<Vec<_>>().join("; "))
}
