//! What can go wrong, ordered by who is to blame.
//!
//! There is one [`Error`] for everything. It says what went wrong ([`Error::kind`]), what became of
//! the request ([`Error::outcome`]) and which attempts led there ([`Error::attempts`]).

mod code;
mod connection;
mod descriptors;
mod gap;
mod kind;
mod login;
mod lost;
mod no_leader;
mod outcome;
mod refresh;
mod retries;
mod text;
mod unexpected;

pub use code::Code;
pub use connection::ConnectionError;
pub(crate) use connection::chain;
#[cfg(feature = "tls")]
pub(crate) use connection::ending;
pub(crate) use descriptors::NoDescriptors;
pub use gap::{Gap, GapReason};
pub use kind::{ApiError, ErrorKind, EtcdError, Invalid, RedirectError};
pub use outcome::Outcome;
pub use refresh::RefreshUnsupported;
pub(crate) use text::{printable, quoted};
pub use unexpected::Unexpected;
pub(crate) use unexpected::{Likely, is_page};

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::conversation::Cause;
use crate::endpoint::Endpoint;
use crate::keys::Mark;
use no_leader::telling;
use retries::HELD_BACK;

/// Why a call failed.
///
/// One word long, so that a `Result` costs nothing on the way that succeeds, and cheap to clone, for all
/// who wait for the same.
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    writes: bool,
    endpoint: Option<Endpoint>,
    attempts: Vec<Attempt>,
    /// By which a write that may have been carried out can be looked for.
    mark: Option<Mark>,
    /// Whether the call asked more seldom than it would have.
    was_held_back: bool,
    /// The user that the request was sent as, where that is what the error is about.
    login: Option<String>,
}

/// One attempt of a call that came to nothing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Who was asked.
    pub endpoint: Endpoint,
    /// When it ended, since the call began.
    pub at: Duration,
    /// What went wrong.
    pub kind: ErrorKind,
    /// What became of this attempt's request.
    pub outcome: Outcome,
}

impl Error {
    /// An error that is not one of a call. Its outcome is what the kind alone can tell.
    pub fn new(kind: impl Into<ErrorKind>) -> Self {
        let kind = kind.into();
        let outcome = Outcome::of_kind(&kind);
        Self::of_call(kind, outcome, false, None, Vec::new())
    }

    /// The error of a conversation that ended without having said anything.
    pub(crate) fn nobody() -> Self {
        Self::new(ErrorKind::Unavailable)
    }

    pub(crate) fn of_call(
        kind: ErrorKind,
        outcome: Outcome,
        writes: bool,
        endpoint: Option<Endpoint>,
        attempts: Vec<Attempt>,
    ) -> Self {
        let worst = attempts.iter().map(|attempt| attempt.outcome).fold(outcome, Outcome::max);
        let (mark, was_held_back, login) = (None, false, None);
        let outcome = worst;
        let inner = Inner { kind, outcome, writes, endpoint, attempts, mark, was_held_back, login };
        Self { inner: Arc::new(inner) }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.inner.kind
    }

    /// What became of the request; of several attempts, the greatest outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.inner.outcome
    }

    /// Whether this was a write that was, or may have been, or may still be carried out.
    #[must_use]
    pub fn may_have_applied(&self) -> bool {
        self.inner.writes && self.inner.outcome >= Outcome::Unknown
    }

    /// Whose answer, or whose failure to give one, ended the call; none where several did.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.inner.endpoint.as_ref()
    }

    /// The attempts that came to nothing, oldest first; of very many, the latest.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.inner.attempts
    }

    /// What went wrong the last time that somebody was asked.
    pub(crate) fn last(&self) -> &ErrorKind {
        match (self.kind(), self.attempts().last()) {
            (ErrorKind::Unavailable | ErrorKind::TimedOut, Some(attempt)) => &attempt.kind,
            (kind, _) => kind,
        }
    }

    /// The refusal in etcd's own form, if that is what ended the call.
    #[must_use]
    pub fn etcd(&self) -> Option<&EtcdError> {
        match &self.inner.kind {
            ErrorKind::Etcd(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether etcd refused with this code.
    #[must_use]
    pub fn has_code(&self, code: Code) -> bool {
        self.etcd().is_some_and(|refusal| refusal.code == code)
    }

    /// Whether the key, or a directory above it, does not exist (code 100).
    #[must_use]
    pub fn is_key_not_found(&self) -> bool {
        self.has_code(Code::KEY_NOT_FOUND)
    }

    /// Whether a condition did not hold (code 101).
    #[must_use]
    pub fn is_compare_failed(&self) -> bool {
        self.has_code(Code::COMPARE_FAILED)
    }

    /// Whether the key to create exists (code 105).
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.has_code(Code::ALREADY_EXISTS)
    }

    /// The changes that a watch may have missed, if that is what it tells; it goes on after them.
    #[must_use]
    pub fn gap(&self) -> Option<&Gap> {
        match &self.inner.kind {
            ErrorKind::Gap(gap) => Some(gap),
            _ => None,
        }
    }

    /// Whether the history that was asked for is gone (code 401, which is not HTTP's 401). A wait by
    /// itself ends with that, while a watch tells it as a [gap](Self::gap) and goes on.
    #[must_use]
    pub fn is_history_cleared(&self) -> bool {
        self.has_code(Code::HISTORY_CLEARED)
            || self.gap().is_some_and(|gap| gap.reason == GapReason::HistoryCleared)
    }

    /// Whether credentials are missing, wrong or insufficient (code 110, or a bare HTTP 401).
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        let bare = match &self.inner.kind {
            ErrorKind::Api(refusal) => Some(refusal.status),
            ErrorKind::Unexpected(answer) => Some(answer.status),
            _ => None,
        };
        self.has_code(Code::UNAUTHORIZED) || bare == Some(StatusCode::UNAUTHORIZED)
    }

    /// Whether no endpoint answered.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Unavailable)
    }

    /// Whether there is no leader at the moment: a member said so, be it by a bare status 503 as during an
    /// election, or its [probes](crate::monitor) did while the call waited for it, or no member has the leader
    /// which the policy [requires](crate::Policy::require_leader). If no endpoint succeeded in time, what some
    /// endpoint said last counts.
    #[must_use]
    pub fn is_no_leader(&self) -> bool {
        match &self.inner.kind {
            ErrorKind::Unavailable | ErrorKind::TimedOut => {
                telling(self.attempts()).iter().any(|attempt| attempt.kind.is_no_leader())
            }
            kind => kind.is_no_leader(),
        }
    }

    /// Whether members answered, but none that had what this client has seen before; see
    /// [`Consistency::Monotonic`](crate::Consistency::Monotonic).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Stale { .. })
    }

    /// Whether the member to remove was removed before (a bare status 410).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.api_status() == Some(StatusCode::GONE)
    }

    /// Whether the state of the cluster is in the way of a change of members or of auth (a bare status 409):
    /// a peer URL is taken, a user or a role is there already, authentication is on already, and the like.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::UserExists { .. })
            || self.api_status() == Some(StatusCode::CONFLICT)
    }

    /// Whether only the leader could answer, and no member that was asked is it.
    #[must_use]
    pub fn is_not_leader(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::NotLeader)
    }

    /// Whether there is no such member (a bare status 404).
    #[must_use]
    pub fn is_member_not_found(&self) -> bool {
        self.not_found("No such member")
    }

    /// Whether there is no such user.
    #[must_use]
    pub fn is_user_not_found(&self) -> bool {
        self.not_found("auth: User ")
    }

    /// Whether there is no such role; also when a user holds a role that does not exist.
    #[must_use]
    pub fn is_role_not_found(&self) -> bool {
        self.not_found("auth: Role ")
    }

    /// The refusal in the form of the smaller APIs, if that is what ended the call.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match &self.inner.kind {
            ErrorKind::Api(refusal) => Some(refusal),
            _ => None,
        }
    }

    fn api_status(&self) -> Option<StatusCode> {
        self.api().map(|refusal| refusal.status)
    }

    /// The messages differ between versions in what follows the noun, and the status is that of all
    /// that is missing.
    fn not_found(&self, noun: &str) -> bool {
        self.api().is_some_and(|refusal| {
            refusal.status == StatusCode::NOT_FOUND && refusal.message.starts_with(noun)
        })
    }

    /// What a [refresh](crate::keys::Set::refresh) erased, if the server is too old to know what that is.
    #[must_use]
    pub fn refresh_unsupported(&self) -> Option<&RefreshUnsupported> {
        match &self.inner.kind {
            ErrorKind::RefreshUnsupported(erased) => Some(erased),
            _ => None,
        }
    }

    /// Whether a time limit ended the call: its deadline, or that of its only attempt.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match &self.inner.kind {
            ErrorKind::TimedOut => true,
            ErrorKind::Failed(failure) => failure.cause() == Cause::TimedOut,
            _ => false,
        }
    }

    /// Whether the caller stopped the call.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Stopped)
    }

    /// The whole story on several lines: the error, then every attempt with its endpoint.
    #[must_use]
    pub fn detail(&self) -> Detail<'_> {
        Detail { error: self }
    }
}

/// The text of an error on several lines; see [`Error::detail`].
#[derive(Debug)]
pub struct Detail<'a> {
    error: &'a Error,
}

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, endpoint, attempts, .. } = &*self.error.inner;
        write!(f, "{kind}")?;
        if let Some(login) = &self.error.inner.login {
            write!(f, ", {login}")?;
        }
        if let Some(endpoint) = endpoint {
            write!(f, "\n  at {endpoint}")?;
        }
        for (number, attempt) in attempts.iter().enumerate() {
            let Attempt { endpoint, at, kind, outcome } = attempt;
            let (number, at) = (number + 1, at.as_millis());
            write!(f, "\n  attempt {number}: {endpoint} after {at} ms: {kind} ({outcome})")?;
        }
        if self.error.was_held_back() {
            write!(f, "\n  {HELD_BACK}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, endpoint, attempts, .. } = &*self.inner;
        write!(f, "{kind}")?;
        if let Some(login) = &self.inner.login {
            write!(f, ", {login}")?;
        }
        // What came before an answer that ended the call is left to the detail.
        let attempts: &[Attempt] = if endpoint.is_some() { &[] } else { attempts };
        match kind {
            ErrorKind::Etcd(_) | ErrorKind::Api(_) => {}
            _ => endpoint.iter().try_for_each(|endpoint| write!(f, " (at {endpoint})"))?,
        }
        // What each endpoint said last is what an operator wants to see on one line.
        for (number, attempt) in telling(attempts).into_iter().enumerate() {
            let separator = if number == 0 { ": " } else { "; " };
            write!(f, "{separator}{}: {}", attempt.endpoint, attempt.kind)?;
        }
        if self.was_held_back() {
            write!(f, " ({HELD_BACK})")?;
        }
        if self.may_have_applied() {
            write!(f, " (outcome: {})", self.inner.outcome)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    /// The [detail](Self::detail), since this is what a `main` that returns an error prints; `{:#?}` shows
    /// the parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, outcome, endpoint, attempts, .. } = &*self.inner;
        if !f.alternate() {
            let detail = self.detail();
            return match attempts[..] {
                [] => write!(f, "{detail} ({outcome})"),
                // Each of them shows its own.
                _ => write!(f, "{detail}\n  outcome: {outcome}"),
            };
        }
        f.debug_struct("Error")
            .field("kind", kind)
            .field("outcome", outcome)
            .field("endpoint", endpoint)
            .field("attempts", attempts)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.kind.source()
    }
}

impl<K: Into<ErrorKind>> From<K> for Error {
    fn from(kind: K) -> Self {
        Self::new(kind)
    }
}
