//! Seeing what happens: a hook for metrics, requests as `curl` commands, and `tracing`.
//!
//! | what | how to switch it on |
//! |---|---|
//! | each attempt, each move to another endpoint, each sync, for metrics | [`Builder::observer`](crate::Builder::observer) |
//! | each request as a command for a shell, at run time | [`Client::enable_curl`](crate::Client::enable_curl) |
//! | spans and events | the feature `tracing`, and a subscriber |
//!
//! Nothing of it is on by default, and then it costs next to nothing.
//!
//! The [probes](etcd_v2_proto::monitor) of servers that are late are attempts like all others, for
//! `GET /v2/members/leader`. They are no call's own, so they are within no span.
//!
//! # Spans and events
//!
//! With the feature `tracing`, all is told under the target `etcd_v2_client`. Values, passwords and what
//! servers answer are never in it; keys and names of users are.
//!
//! | what | level | fields |
//! |---|---|---|
//! | span `etcd`, one for each call, watch or mirror | debug | `what`, the name of the request or conversation; `method` and `path` of its first request; `outcome`, if it fails |
//! | `attempt started` | trace | `endpoint`, `method`, `path` |
//! | `attempt finished` | debug | the same; `status`, `etcd_index`, `raft_index`, `raft_term`, as far as the head of an answer came; `elapsed`; `outcome`, or `answered`; `failure`, if it broke off |
//! | `pin moved` | info | `from`, `to` |
//! | `synced` | info | `endpoints`, how many; `refused`, how many |
//! | `not synced` | warn | `outcome` |

mod attempt;
mod hooks;
mod span;
#[cfg(feature = "tracing")]
mod traced;

use std::time::Duration;

use etcd_v2_proto::http::{Method, StatusCode};
use etcd_v2_proto::{Endpoint, Error, Failure, Membership, Meta, Outcome};

pub(crate) use attempt::Attempts;
pub(crate) use hooks::Hooks;
pub(crate) use span::Span;

/// Is told what a client does: something that counts, say.
///
/// It is called in the middle of calls, by whichever thread is at it. So it has to be quick, and must
/// neither block nor panic. It may use the client's getters.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use etcd_v2_client::observe::{AttemptFinished, Observer};
///
/// #[derive(Default)]
/// struct Counters {
///     attempts: AtomicU64,
///     failures: AtomicU64,
/// }
///
/// impl Observer for Counters {
///     fn attempt_finished(&self, attempt: &AttemptFinished<'_>) {
///         self.attempts.fetch_add(1, Ordering::Relaxed);
///         if attempt.outcome.is_some() {
///             self.failures.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # #[cfg(feature = "hyper")]
/// # fn example() -> Result<(), etcd_v2_client::Error> {
/// use std::sync::Arc;
/// use etcd_v2_client::Client;
///
/// let counters = Arc::new(Counters::default());
/// let builder = Client::builder().endpoints(["http://127.0.0.1:2379"]);
/// let client = builder.observer(counters.clone()).build()?;
/// # Ok(()) }
/// ```
pub trait Observer: Send + Sync {
    /// A request goes out, that of a probe included.
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let _ = attempt;
    }

    /// An attempt is over, one way or another. One follows for each that started.
    fn attempt_finished(&self, attempt: &AttemptFinished<'_>) {
        let _ = attempt;
    }

    /// Another endpoint is asked first from now on, for all clones. When several threads move it at the
    /// same time, this may be told out of order.
    fn pin_moved(&self, moved: &PinMoved<'_>) {
        let _ = moved;
    }

    /// The members were asked for.
    fn synced(&self, synced: &Synced<'_>) {
        let _ = synced;
    }
}

/// One request that goes out. A call that fails over makes several attempts, and so does one that
/// follows a redirect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptStarted<'a> {
    /// Who is asked: an endpoint, as it shows itself, or the origin of the server that a redirect leads
    /// to.
    pub endpoint: &'a str,
    /// The HTTP method.
    pub method: &'a Method,
    /// The path, as it is on the wire, without the query. It has the key in it.
    pub path: &'a str,
}

/// One request, and what came of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptFinished<'a> {
    /// Who was asked: an endpoint, as it shows itself, or the origin of the server that a redirect led
    /// to.
    pub endpoint: &'a str,
    /// The HTTP method.
    pub method: &'a Method,
    /// The path, as it is on the wire, without the query. It has the key in it.
    pub path: &'a str,
    /// The status of the answer, if its head came.
    pub status: Option<StatusCode>,
    /// What the head of the answer said about the cluster.
    pub meta: Meta,
    /// Why it broke off, if it did: before the head, or, if there is a status, within the body. An
    /// attempt without an answer and without a failure was given up, because the caller lost interest
    /// or time was up.
    pub failure: Option<&'a Failure>,
    /// What became of the request; `None` for a success whose body is complete. Whether that makes
    /// sense is for the call to say. Of a success whose body broke off, only the head is looked at: without
    /// a header of etcd's it is unknown here, also where the call knows better by what it has of the body.
    pub outcome: Option<Outcome>,
    /// How long the head of the answer took, if it came.
    pub head: Option<Duration>,
    /// How long all of it took. For a wait, that is until the change came.
    pub elapsed: Duration,
}

/// Another endpoint that is asked first.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PinMoved<'a> {
    /// The endpoint that was asked first.
    pub from: &'a Endpoint,
    /// The endpoint that is asked first from now on.
    pub to: &'a Endpoint,
}

/// How it went when the members were asked for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Synced<'a> {
    /// The members that are asked from now on, or why there is no news.
    pub result: Result<&'a Membership, &'a Error>,
}
