//! What went wrong, case by case.

use http::StatusCode;
use serde::Deserialize;

use crate::conversation::Failure;
use crate::error::Code;
use crate::json::Malformed;
use crate::request::ClusterId;

/// What went wrong.
///
/// Ordered by blame: the request, the server's refusal, an answer that no etcd gives, the network,
/// the clock and the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A part of the request, or of the configuration, makes no sense. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// There is no endpoint to ask.
    #[error("no endpoints: give at least one, such as http://127.0.0.1:2379")]
    NoEndpoints,

    /// etcd refused, in the form of the keys API.
    #[error(transparent)]
    Etcd(#[from] EtcdError),

    /// etcd refused, in the form of the members, auth and statistics APIs.
    #[error(transparent)]
    Api(#[from] ApiError),

    /// The server knows no v2 API: a plain `404 page not found`.
    #[error(
        "the server does not speak etcd's v2 API: etcd 3.4 and 3.5 need --enable-v2=true, \
         3.6 and later have it no more, or something else listens there"
    )]
    V2Disabled,

    /// Only the leader could answer, and no member that was asked is it.
    #[error("the member is not the leader")]
    NotLeader,

    /// The answer comes from another cluster than the first answer that this client got.
    #[error(
        "the answer comes from another cluster: {found} instead of {expected}; the endpoints lead to \
         several clusters, or this one was made anew"
    )]
    WrongCluster {
        /// The cluster that answered first.
        expected: ClusterId,
        /// The one that answered now.
        found: ClusterId,
    },

    /// None of the URLs that the members advertise can be used; each with the reason.
    #[error("none of the URLs that the members advertise can be used: {}", .0.join("; "))]
    NoUsableUrls(Vec<String>),

    /// An answer that no etcd gives to such a request, as from a proxy or another server.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),

    /// A redirect that is not followed.
    #[error(transparent)]
    Redirect(#[from] RedirectError),

    /// A success without a body.
    #[error("the body of the answer is empty")]
    EmptyBody,

    /// A success whose body is not the document that etcd sends.
    #[error("the body of the answer is not what etcd sends: {0}")]
    Malformed(Malformed),

    /// An answer larger than the policy allows.
    #[error("the answer is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes; see [`Policy::max_answer`](crate::Policy::max_answer).
        limit: usize,
    },

    /// The connection was reset after a very long request line.
    #[error(
        "the connection broke after a request line of {length} bytes: from etcd 3.0 on, plaintext \
         servers reset connections that begin with more than 4096; shorten the key or prevValue, \
         or compare by prevIndex"
    )]
    RequestLineTooLong {
        /// The length of the request line in bytes, its end included.
        length: usize,
        /// How the connection broke.
        #[source]
        failure: Failure,
    },

    /// The request, or the only attempt that counts, came to nothing.
    #[error(transparent)]
    Failed(#[from] Failure),

    /// No endpoint answered; see [`Error::attempts`](crate::Error::attempts).
    #[error("no endpoint answered")]
    Unavailable,

    /// The deadline of the call passed.
    #[error("the deadline of the call passed")]
    TimedOut,

    /// The caller stopped the call.
    #[error("stopped by the caller")]
    Stopped,
}

/// A part of a request or of the configuration that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {field}: {reason}")]
#[non_exhaustive]
pub struct Invalid {
    /// The part, named as in the API or as etcd's parameter.
    pub field: &'static str,
    /// What is wrong with it, and with which value unless that is a secret.
    pub reason: String,
}

impl Invalid {
    /// `field` makes no sense for this reason.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// A refusal in the form of the keys API: `{"errorCode":…,"message":…,"cause":…,"index":…}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Deserialize)]
#[error("etcd error {code}: {message}{} [index {index}]", in_brackets(.cause))]
#[non_exhaustive]
pub struct EtcdError {
    /// The number of the refusal.
    #[serde(rename = "errorCode")]
    pub code: Code,
    /// The server's words for the code.
    #[serde(default)]
    pub message: String,
    /// What it is about: a key, the failed comparison, a parameter. For people, not to be parsed:
    /// for a missing key it is the first missing directory above it.
    #[serde(default)]
    pub cause: String,
    /// The store's index when it refused; 0 where the store was not asked.
    #[serde(default)]
    pub index: u64,
    /// The HTTP status that the refusal came with.
    #[serde(skip)]
    pub status: StatusCode,
}

impl EtcdError {
    /// Whether the store refused, though the code says that the server never got that far.
    ///
    /// From 3.5 on, the store fails to update any directory that exists, and its words for that come
    /// wrapped like those of a request that was lost.
    pub(crate) fn is_the_stores(&self) -> bool {
        self.code == Code::RAFT_INTERNAL && self.cause.starts_with("nodePath ")
    }
}

impl From<Malformed> for ErrorKind {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

fn in_brackets(cause: &str) -> String {
    if cause.is_empty() { String::new() } else { format!(" ({cause})") }
}

/// A refusal in the form of the members, auth and statistics APIs: `{"message":…}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("etcd refused with status {status}: {message}")]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The server's words.
    pub message: String,
}

/// An answer that no etcd gives to such a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected answer with status {status} ({content_type}), is that an etcd?: {excerpt:?}")]
#[non_exhaustive]
pub struct Unexpected {
    /// The HTTP status.
    pub status: StatusCode,
    /// The `Content-Type`, or `no content type`.
    pub content_type: String,
    /// The beginning of the body.
    pub excerpt: String,
}

/// A redirect that is not followed. Targets are shown without user information.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// The answer names no target.
    #[error("redirected with status {status}, but not whereto: the Location header is missing")]
    NoLocation {
        /// The HTTP status.
        status: StatusCode,
    },
    /// The target is not a URL of http or https.
    #[error("redirected to something that is no URL of http or https: {location:?}")]
    BadLocation {
        /// What the `Location` header says.
        location: String,
    },
    /// The target is not an endpoint of the cluster.
    #[error(
        "redirected to {target}, which is not an endpoint of the cluster; add it to the endpoints, \
         or allow foreign redirects in the policy"
    )]
    Foreign {
        /// The target.
        target: String,
    },
    /// The target would move the call from https to http.
    #[error("redirected from https to {target}, which is not encrypted")]
    Downgrade {
        /// The target.
        target: String,
    },
    /// The policy's own check said no.
    #[error("redirect to {target} refused by the policy: {reason}")]
    Refused {
        /// The target.
        target: String,
        /// What the check said.
        reason: String,
    },
    /// More redirects in a row than the policy allows.
    #[error("more than {limit} redirects in a row, the last one to {target}")]
    TooMany {
        /// The limit.
        limit: u32,
        /// The target that was not asked any more.
        target: String,
    },
    /// A kind of redirect that is never followed.
    #[error("redirected with status {status}, which is not followed")]
    Unfollowable {
        /// The HTTP status: 300, 303 or 304, say.
        status: StatusCode,
    },
}
