//! What a request has to say for itself: how it is encoded and how its answer is decoded.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::encoding::FORM;
use crate::error::{ErrorKind, EtcdError, Invalid};
use crate::keys::Mark;
use crate::policy::Consistency;
use crate::secrets::is_auth_path;

/// One request of etcd's API, as a value.
///
/// The requests of this crate are in [`keys`](crate::keys). Your own work just as well:
///
/// ```
/// use etcd_v2_proto::{Document, Encoded, ErrorKind, Invalid, Purpose, Request};
/// use http::Method;
///
/// /// The client URLs of the members, as `GET /v2/machines` tells them.
/// #[derive(Debug)]
/// struct Machines;
///
/// impl Request for Machines {
///     type Output = Vec<String>;
///
///     fn encode(&self) -> Result<Encoded, Invalid> {
///         Encoded::new(Method::GET, "/v2/machines", Purpose::Read)
///     }
///
///     fn decode(&self, document: Document) -> Result<Self::Output, ErrorKind> {
///         let text = String::from_utf8_lossy(&document.body);
///         Ok(text.split(", ").map(str::to_owned).collect())
///     }
/// }
/// ```
pub trait Request {
    /// What the answer is decoded to.
    type Output;

    /// The request as it goes on the wire, to whichever endpoint.
    ///
    /// # Errors
    /// Values that make no sense, by the name of their field.
    fn encode(&self) -> Result<Encoded, Invalid>;

    /// The same where reads of keys are to be this fresh, unless the request says otherwise itself. What is
    /// no read of keys makes no difference.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    fn encode_with(&self, consistency: Consistency) -> Result<Encoded, Invalid> {
        let _ = consistency;
        self.encode()
    }

    /// Whether this status comes with an answer; any other one is a refusal.
    fn accepts(&self, status: StatusCode) -> bool {
        status.is_success()
    }

    /// The answer to a request, of a status that it [accepts](Self::accepts).
    ///
    /// It is also given the beginning of a body that broke off. If it takes that for an answer, etcd counts
    /// as known to have sent it, and the write as [applied](crate::Outcome::Applied).
    ///
    /// # Errors
    /// Bodies that are not what etcd sends.
    fn decode(&self, document: Document) -> Result<Self::Output, ErrorKind>;

    /// Rewrites an error response of the keys API so that its keys are seen as those of the request, if the
    /// request has [another root](crate::keys::KeysRequest::with_root).
    fn localize_error(&self, error: &mut EtcdError) {
        let _ = error;
    }

    /// The mark that this write leaves in the history of the keys, by which it can be found when its
    /// answer was lost. None if it leaves none, as anything but a write of keys.
    fn mark(&self) -> Option<Mark> {
        None
    }
}

impl<R: Request + ?Sized> Request for &R {
    type Output = R::Output;

    fn encode(&self) -> Result<Encoded, Invalid> {
        (**self).encode()
    }

    fn encode_with(&self, consistency: Consistency) -> Result<Encoded, Invalid> {
        (**self).encode_with(consistency)
    }

    fn accepts(&self, status: StatusCode) -> bool {
        (**self).accepts(status)
    }

    fn decode(&self, document: Document) -> Result<Self::Output, ErrorKind> {
        (**self).decode(document)
    }

    fn localize_error(&self, error: &mut EtcdError) {
        (**self).localize_error(error);
    }

    fn mark(&self) -> Option<Mark> {
        (**self).mark()
    }
}

/// What a request is for: it decides how patient to be and what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// A local read of little.
    Read,
    /// A local read of a whole tree.
    Listing,
    /// A read through consensus.
    QuorumRead,
    /// A read of a whole tree through consensus, or another one that the server has to work for.
    QuorumListing,
    /// A read that waits for a change.
    Wait,
    /// A write that is conditional on `prevIndex`: a late copy of it can only fail.
    GuardedWrite,
    /// Any other write.
    Write,
}

impl Purpose {
    /// Whether it changes anything.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::GuardedWrite | Self::Write)
    }
}

/// A request as it goes on the wire, to whichever endpoint.
///
/// Of its body, `{:?}` shows the length only: it may contain a password.
#[derive(Clone)]
#[non_exhaustive]
pub struct Encoded {
    /// The HTTP method.
    pub method: Method,
    /// The path and the query, percent-encoded.
    pub path_and_query: PathAndQuery,
    /// The value of its `Content-Type`, and the body.
    pub body: Option<(HeaderValue, Bytes)>,
    /// What it is for.
    pub purpose: Purpose,
    /// How fresh the answer is to be, for what is about keys. A write goes through consensus. None for
    /// anything else, of which no leader is [required](crate::Policy::require_leader) either.
    pub consistency: Option<Consistency>,
}

impl Encoded {
    /// A request without a body.
    ///
    /// # Errors
    /// A path that is not percent-encoded, does not begin with a slash, has a fragment, or is longer than
    /// 65,534 bytes with its query.
    pub fn new(
        method: Method,
        path_and_query: impl Into<String>,
        purpose: Purpose,
    ) -> Result<Self, Invalid> {
        /// More is too long for an [`http::Uri`].
        const LONGEST: usize = 65_534;
        let text: String = path_and_query.into();
        if text.len() > LONGEST {
            let length = text.len();
            let reason = format!(
                "has {length} bytes with its query, and {LONGEST} are the most; shorten the key or \
                 prevValue, or compare by prevIndex"
            );
            return Err(Invalid::new("path", reason));
        }
        if !text.starts_with('/') || text.contains('#') || !text.is_ascii() {
            let reason = format!(
                "{text:?} does not begin with a slash, has a fragment, or has a letter that has to be \
                 percent-encoded"
            );
            return Err(Invalid::new("path", reason));
        }
        let path_and_query = PathAndQuery::from_maybe_shared(Bytes::from(text))
            .map_err(|error| Invalid::new("path", error.to_string()))?;
        Ok(Self { method, path_and_query, body: None, purpose, consistency: None })
    }

    /// Stands in for a request that could not be encoded.
    pub(crate) fn nothing() -> Self {
        let path_and_query = PathAndQuery::from_static("/");
        let (method, purpose) = (Method::GET, Purpose::Read);
        Self { method, path_and_query, body: None, purpose, consistency: None }
    }

    /// The same for a request of the keys API, whose answer is to be this fresh.
    #[must_use]
    pub const fn held_to(mut self, consistency: Consistency) -> Self {
        self.consistency = Some(consistency);
        self
    }

    /// The same with a body. An empty one still announces its type.
    ///
    /// # Errors
    /// A content type that no header can have, such as one with a line end.
    pub fn with_body(
        mut self,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Self, Invalid> {
        // Nearly all bodies are forms, whose type need not be checked each time.
        static FORM_VALUE: HeaderValue = HeaderValue::from_static(FORM);
        let value = if content_type == FORM {
            FORM_VALUE.clone()
        } else {
            let text = Bytes::from_static(content_type.as_bytes());
            HeaderValue::from_maybe_shared(text).map_err(|_| {
                let reason = format!("{content_type:?} cannot be the value of a header");
                Invalid::new("content type", reason)
            })?
        };
        self.body = Some((value, body.into()));
        Ok(self)
    }

    /// Whether the body may have a password in it, as those of the auth API have.
    pub(crate) fn has_secret_body(&self) -> bool {
        let is_empty = self.body.as_ref().is_none_or(|(_, body)| body.is_empty());
        !is_empty && is_auth_path(self.path_and_query.path())
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path_and_query, body, purpose, consistency } = self;
        let length = body.as_ref().map_or(0, |(_, body)| body.len());
        f.debug_struct("Encoded")
            .field("method", method)
            .field("path_and_query", path_and_query)
            .field("body", &format_args!("{length} bytes"))
            .field("purpose", purpose)
            .field("consistency", consistency)
            .finish()
    }
}

/// One whole body, with what its head said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Document {
    /// The HTTP status, one that the request accepts.
    pub status: StatusCode,
    /// What the head says about the cluster.
    pub meta: Meta,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the endpoint has a path. It may lead to a part of a key space then, and nobody knows how the
    /// keys begin that the server reports.
    pub is_under_path: bool,
}

/// What the headers of an answer say about the cluster; each may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// `X-Etcd-Index`: the index of the member's store. For a write it is the write's own index, for
    /// a wait the index when the wait began.
    pub etcd_index: Option<u64>,
    /// `X-Raft-Index`: the index of the member's log.
    pub raft_index: Option<u64>,
    /// `X-Raft-Term`: the term of the member's log.
    pub raft_term: Option<u64>,
    /// `X-Etcd-Cluster-Id`: which cluster answered.
    pub cluster_id: Option<ClusterId>,
}

impl Meta {
    /// Reads them from the head of an answer; what makes no sense counts as missing.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut meta = Self::default();
        for (name, value) in headers {
            meta.note(name.as_str(), value);
        }
        meta
    }

    /// Whether etcd is known to have sent the answer, by its index or by the name of its cluster.
    #[must_use]
    pub const fn is_etcds(&self) -> bool {
        self.etcd_index.is_some() || self.cluster_id.is_some()
    }

    /// Takes note of a header, if it is one of them. The first one of a name counts.
    pub(crate) fn note(&mut self, name: &str, value: &HeaderValue) {
        match name {
            "x-etcd-index" => self.etcd_index = self.etcd_index.or_else(|| index(value)),
            "x-raft-index" => self.raft_index = self.raft_index.or_else(|| number(value, 10)),
            "x-raft-term" => self.raft_term = self.raft_term.or_else(|| number(value, 10)),
            "x-etcd-cluster-id" => {
                self.cluster_id = self.cluster_id.or_else(|| number(value, 16).map(ClusterId));
            }
            _ => {}
        }
    }
}

/// An index that others can follow, as they do in every store.
fn index(value: &HeaderValue) -> Option<u64> {
    number(value, 10).filter(|index| *index < u64::MAX)
}

/// A header that is no number counts as missing: the write it came with did happen.
fn number(value: &HeaderValue, radix: u32) -> Option<u64> {
    let digits = value.as_bytes();
    let append = |number: u64, byte: &u8| {
        number.checked_mul(radix.into())?.checked_add(char::from(*byte).to_digit(radix)?.into())
    };
    digits.iter().try_fold(0, append).filter(|_| !digits.is_empty())
}

/// The identity of a cluster; etcd writes it as hexadecimal digits without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId(u64);

impl ClusterId {
    /// The cluster with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for ClusterId {
    type Err = Invalid;

    /// Reads hexadecimal digits, as etcd writes them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
        id.map(Self).ok_or_else(|| {
            Invalid::new("cluster id", format!("{text:?} is not a hexadecimal number of 64 bits"))
        })
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterId({:x})", self.0)
    }
}
