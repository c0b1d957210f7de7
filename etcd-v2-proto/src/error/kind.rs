//! What went wrong, case by case.

use std::error::Error as StdError;

use http::StatusCode;
use serde::Deserialize;

use crate::cluster::Progress;
use crate::conversation::Failure;
use crate::error::{Code, Gap, RefreshUnsupported, Unexpected, printable, quoted};
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

    /// The [provider](crate::CredentialsProvider) has no credentials at the moment. Nothing was sent.
    #[error("the provider of the credentials failed: {0}")]
    NoCredentials(#[source] Box<dyn StdError + Send + Sync>),

    /// etcd refused, in the form of the keys API.
    #[error(transparent)]
    Etcd(#[from] EtcdError),

    /// etcd refused, in the form of the members, auth and statistics APIs.
    #[error(transparent)]
    Api(#[from] ApiError),

    /// A write that is conditional on the index was refused after an earlier attempt whose answer was
    /// lost: perhaps because that attempt had been carried out. The history did not tell.
    #[error(
        "refused, perhaps because an earlier attempt was carried out whose answer was lost: {0}"
    )]
    Unresolved(#[source] EtcdError),

    /// The server knows no v2 API: a plain `404 page not found`.
    #[error(
        "the server does not speak etcd's v2 API: etcd 3.4 and 3.5 need --enable-v2=true, \
         3.6 and later have it no more, or something else listens there"
    )]
    V2Disabled,

    /// The server knows no such path of the v2 API: a plain `404 page not found` from an API that is not in
    /// every version.
    #[error(
        "the server does not have {api}: that API needs etcd {since} or later; etcd 3.4 and 3.5 also need \
         --enable-v2=true, and 3.6 and later have no v2 API"
    )]
    ApiNotFound {
        /// The path of the API.
        api: &'static str,
        /// The first version that has it.
        since: &'static str,
    },

    /// Only the leader could answer, and no member that was asked is it.
    #[error("the member is not the leader")]
    NotLeader,

    /// The user to create is there, as a look before the write showed. Nothing was written.
    #[error("there is a user {user:?} already; nothing was written")]
    UserExists {
        /// The name of the user.
        user: String,
    },

    /// The answer comes from another cluster than the one that the
    /// [policy names](crate::Policy::cluster_id), or else than the first answer that this client got.
    #[error(
        "the answer comes from another cluster: {found} instead of {expected}; the endpoints lead to \
         several clusters, or this one was made anew"
    )]
    WrongCluster {
        /// The cluster that is meant, or that answered first.
        expected: ClusterId,
        /// The one that answered now.
        found: ClusterId,
    },

    /// The member is behind what this client has seen, and the policy asks for
    /// [monotonic](crate::Consistency::Monotonic) reads.
    #[error("the answer is older than what this client has seen: {found} instead of {seen}")]
    Stale {
        /// How far the member was.
        found: Progress,
        /// How far some member was before.
        seen: Progress,
    },

    /// The member knows of no leader, and the policy [requires](crate::Policy::require_leader) one. The
    /// request was not sent to it.
    #[error("no leader, which the policy requires")]
    NoLeader,

    /// None of the URLs that the members advertise can be used; each with the reason.
    #[error("none of the URLs that the members advertise can be used: {}", printable(&.0.join("; ")))]
    NoUsableUrls(Vec<String>),

    /// The endpoints are to be discovered, and that came to nothing; in the words of whatever discovers
    /// them.
    #[error(transparent)]
    Discovery(Box<dyn std::error::Error + Send + Sync>),

    /// A watch may have missed changes, and goes on after them.
    #[error(transparent)]
    Gap(#[from] Gap),

    /// An answer that no etcd gives to such a request, as from a proxy or another server: no document of
    /// etcd's, or one about another key or another action.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),

    /// A refresh that erased the value, because the server is older than etcd 2.3.
    #[error(transparent)]
    RefreshUnsupported(#[from] RefreshUnsupported),

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
#[error("etcd error {code}: {}{}{}", printable(.message), in_brackets(.cause), at(*.index))]
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
    if cause.is_empty() { String::new() } else { format!(" ({})", printable(cause)) }
}

/// The index of the store, if the store was read at all.
fn at(index: u64) -> String {
    if index == 0 { String::new() } else { format!(" [index {index}]") }
}

/// A refusal in the form of the members, auth and statistics APIs: `{"message":…}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("etcd refused with status {status}: {}", printable(.message))]
#[non_exhaustive]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The server's words.
    pub message: String,
}

impl ApiError {
    /// Whether a member refused because others are of a version that does not have the API.
    pub(crate) fn is_rolling_upgrade(&self) -> bool {
        let words = self.message.strip_prefix("Not capable of accessing ");
        words.is_some_and(|words| words.contains("during rolling upgrade"))
    }
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
    #[error("redirected to something that is no URL of http or https: {}", quoted(.location))]
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
    /// The target is not an endpoint of the cluster, and the body of the request has secrets, such as the
    /// password of a user. It is never sent outside the cluster, whatever the policy allows.
    #[error(
        "redirected to {target}, which is not an endpoint of the cluster; the request has a secret in its \
         body and is not sent there: add the target to the endpoints if it belongs to the cluster"
    )]
    SecretBody {
        /// The target.
        target: String,
    },
    /// The target is an endpoint of the cluster, but another request than the one that was sent: with
    /// another path or another query.
    #[error("redirected to {target}, which is not what was asked for")]
    OtherRequest {
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
    #[error("redirect to {target} refused by the policy: {}", printable(.reason))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_shown_with_code_message_and_cause() {
        let mut refusal = EtcdError {
            code: Code::KEY_NOT_FOUND,
            message: "Key not found".to_owned(),
            cause: "/a".to_owned(),
            index: 7,
            status: StatusCode::NOT_FOUND,
        };
        assert_eq!(refusal.to_string(), "etcd error 100: Key not found (/a) [index 7]");
        refusal.cause.clear();
        assert_eq!(refusal.to_string(), "etcd error 100: Key not found [index 7]");
    }

    #[test]
    fn what_a_server_says_begins_no_line_and_steers_no_terminal() {
        let status = StatusCode::BAD_REQUEST;
        let (message, cause) = ("a\r\nb\u{1b}[2J".to_owned(), "[é\n != \u{85}]".to_owned());
        let refusal = EtcdError {
            code: Code::COMPARE_FAILED,
            message: message.clone(),
            cause,
            index: 7,
            status,
        };
        let expected = "etcd error 101: a\\r\\nb\\u{1b}[2J ([é\\n != \\u{85}]) [index 7]";
        assert_eq!(refusal.to_string(), expected);
        let refusal = ApiError { status, message }.to_string();
        assert_eq!(refusal, "etcd refused with status 400 Bad Request: a\\r\\nb\\u{1b}[2J");
    }
}
