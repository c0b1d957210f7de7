//! Telling a refusal by its status and body.

use http::StatusCode;
use serde::Deserialize;

use crate::conversation::{Cause, Failure};
use crate::error::{
    ApiError, Code, ConnectionError, Error, ErrorKind, EtcdError, Likely, Outcome, RedirectError,
    Unexpected, is_page,
};
use crate::request::{Meta, Purpose};

/// What a refusal means for the call.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) kind: ErrorKind,
    pub(crate) outcome: Outcome,
    /// Whether another endpoint may say something else.
    pub(crate) ask_others: bool,
}

impl Verdict {
    /// Somebody said no, though others may say yes.
    pub(crate) fn rejected(kind: impl Into<ErrorKind>) -> Self {
        Self { kind: kind.into(), outcome: Outcome::Rejected, ask_others: true }
    }

    /// The same of a refusal whose body broke off.
    pub(crate) fn broken_off(mut self, failure: Failure) -> Self {
        if failure.cause() == Cause::Stopped {
            self.kind = failure.into();
        } else if let ErrorKind::Unexpected(answer) = &mut self.kind {
            answer.is_cut = true;
        }
        self
    }

    /// Why the connection failed, if it did.
    pub(crate) const fn cause(&self) -> Option<Cause> {
        match &self.kind {
            ErrorKind::Failed(failure) | ErrorKind::RequestLineTooLong { failure, .. } => {
                Some(failure.cause())
            }
            _ => None,
        }
    }

    /// Whether the transport does not accept so large a head.
    fn is_too_large_a_head(&self) -> bool {
        matches!(&self.kind, ErrorKind::Failed(failure) if matches!(
            failure.connection_error(), Some(ConnectionError::ResponseHeaderTooLarge { .. })
        ))
    }

    /// Whether the connection is over, so that another one may do better.
    pub(crate) fn ended_the_connection(&self) -> bool {
        let broke = self.cause() == Some(Cause::Broken)
            && self.outcome == Outcome::Unknown
            && !self.is_too_large_a_head();
        broke || self.status() == Some(StatusCode::REQUEST_TIMEOUT)
    }

    /// The status of an error response that is not in the form of the keys API.
    fn status(&self) -> Option<StatusCode> {
        match &self.kind {
            ErrorKind::Api(response) => Some(response.status),
            ErrorKind::Unexpected(response) => Some(response.status),
            _ => None,
        }
    }

    /// Whether another endpoint is the better one to begin with.
    pub(crate) fn is_the_endpoints_fault(&self) -> bool {
        match self.cause() {
            Some(cause) => cause != Cause::Abandoned,
            None => self.ask_others || self.outcome == Outcome::Unknown,
        }
    }

    /// Whether the same request to the same endpoint may end otherwise another time.
    pub(crate) fn may_change(&self) -> bool {
        (self.outcome != Outcome::Rejected
            || matches!(self.kind, ErrorKind::Stale { .. })
            || self.status().is_some_and(is_temporary))
            && self.cause() != Some(Cause::Unsupported)
            && !self.is_too_large_a_head()
            && !matches!(
                self.kind,
                ErrorKind::RequestLineTooLong { .. }
                    | ErrorKind::WrongCluster { .. }
                    | ErrorKind::TooLarge { .. }
            )
    }
}

/// Judges an attempt that broke off before its head came, with the length of its request line if
/// that is suspicious.
pub(crate) fn lost(failure: Failure, long_line: Option<usize>) -> Verdict {
    let outcome = Outcome::of(&failure);
    let broke = failure.cause() == Cause::Broken && outcome == Outcome::Unknown;
    let kind = match long_line {
        Some(length) if broke => ErrorKind::RequestLineTooLong { length, failure },
        _ => failure.into(),
    };
    Verdict { kind, outcome, ask_others: true }
}

/// Judges an answer whose status is not a success.
///
/// The body decides and not its declared type, which is `text/plain` for some of etcd's JSON. What
/// is no etcd's refusal comes from something in between, or from another server.
pub(crate) fn refusal(status: StatusCode, content_type: &str, body: &[u8]) -> Verdict {
    if status.is_redirection() {
        return Verdict::rejected(RedirectError::Unfollowable { status });
    }
    let kind = read(status, content_type, body);
    let outcome = Outcome::of_kind(&kind);
    let from_the_api = matches!(kind, ErrorKind::Etcd(_) | ErrorKind::Api(_));
    let ask_others = match status {
        // Not a member of this cluster, or not one by that name.
        StatusCode::NOT_FOUND => !from_the_api,
        // No etcd has seen the request.
        StatusCode::BAD_REQUEST => {
            matches!(&kind, ErrorKind::Unexpected(answer) if answer.likely() == Likely::TlsPort)
        }
        StatusCode::MISDIRECTED_REQUEST => true,
        status if is_temporary(status) => !from_the_keys_api(&kind),
        StatusCode::FORBIDDEN => matches!(kind, ErrorKind::NotLeader),
        _ => {
            status.is_server_error() && !matches!(&kind, ErrorKind::Etcd(it) if it.is_the_stores())
        }
    };
    Verdict { kind, outcome, ask_others }
}

/// Judges a response of another cluster than the one that was meant. That cluster may have carried out the
/// request, which says nothing about the one that was meant.
pub(crate) fn foreign(status: StatusCode, kind: ErrorKind) -> Verdict {
    let outcome = if status.is_success() { Outcome::Unknown } else { Outcome::of_refusal(status) };
    Verdict { kind, outcome, ask_others: true }
}

/// Judges an attempt that did not get beyond the question for the leader.
pub(crate) fn unasked(kind: impl Into<ErrorKind>) -> Verdict {
    Verdict { kind: kind.into(), outcome: Outcome::NotSent, ask_others: true }
}

/// Judges an answer whose status is a success, but whose body is of no use. `is_etcds`: etcd is known to
/// have sent it. Otherwise it may come from anything, such as a login page, and the outcome of the request is
/// unknown.
pub(crate) fn unreadable(purpose: Purpose, kind: ErrorKind, is_etcds: bool) -> Verdict {
    let is_final = match &kind {
        // What is too large here is too large elsewhere.
        ErrorKind::TooLarge { .. } => is_etcds,
        ErrorKind::RefreshUnsupported(_) => true,
        _ => false,
    };
    // A wait that has begun is resumed by its watch, from the right index.
    let ask_others = purpose != Purpose::Wait && !is_final;
    let outcome = match &kind {
        ErrorKind::NotLeader => Outcome::Rejected,
        _ if is_etcds => Outcome::Applied,
        _ => Outcome::Unknown,
    };
    Verdict { kind, outcome, ask_others }
}

/// Whether etcd sent a success with this head, whose body cannot be decoded for this reason.
pub(crate) fn is_etcds(meta: &Meta, why: &ErrorKind) -> bool {
    match why {
        // It is the response to another request, and says nothing about this one.
        ErrorKind::Unexpected(answer) if answer.mismatch.is_some() => false,
        ErrorKind::RefreshUnsupported(_) => true,
        ErrorKind::Malformed(malformed) if malformed.is_etcds() => true,
        _ => meta.is_etcds(),
    }
}

/// Judges the error response that comes with the status of a success, if the body is one.
pub(crate) fn disguised(status: StatusCode, body: &[u8]) -> Option<Verdict> {
    /// So begins every change that etcd sends, so nothing healthy is read twice.
    const CHANGE: &[u8] = b"{\"action\"";
    if !status.is_success() || body.starts_with(CHANGE) {
        return None;
    }
    disguise(status, serde_json::from_slice(body).ok()?)
}

/// The same of a body that breaks off.
pub(crate) fn disguised_and_cut(status: StatusCode, body: &[u8]) -> Option<Verdict> {
    /// More than any error response of etcd's.
    const LARGEST: usize = 64 << 10;
    if !status.is_success() || body.len() > LARGEST {
        return None;
    }
    disguised(status, body).or_else(|| disguise(status, cut_short(body)?))
}

fn disguise(status: StatusCode, mut refusal: EtcdError) -> Option<Verdict> {
    // Others have numbers of their own, and call them the same.
    refusal.code.name()?;
    refusal.status = status;
    let kind = ErrorKind::from(refusal);
    let outcome = Outcome::of_kind(&kind);
    Some(Verdict { kind, outcome, ask_others: outcome == Outcome::Unknown })
}

/// The web page that a success turns out to be, if its type says so.
pub(crate) fn page(status: StatusCode, content_type: &str, body: &[u8]) -> Option<ErrorKind> {
    is_page(content_type).then(|| unexpected(status, content_type, body))
}

/// Whether the same request can only bring the same error, whenever and wherever it is sent.
pub(crate) fn stays(error: &Error) -> bool {
    let is_about_the_request =
        |status: StatusCode| status.is_client_error() && !is_temporary(status);
    match error.kind() {
        ErrorKind::Etcd(refusal) => !matches!(
            refusal.code,
            Code::RAFT_INTERNAL | Code::LEADER_ELECT | Code::WATCHER_CLEARED
        ),
        ErrorKind::Api(refusal) => is_about_the_request(refusal.status),
        // Pages that no etcd sends come from something in between, which may let go another time.
        ErrorKind::Unexpected(answer) => {
            let is_in_between = matches!(answer.status.as_u16(), 403 | 404);
            !answer.is_cut && !is_in_between && is_about_the_request(answer.status)
        }
        ErrorKind::Invalid(_)
        | ErrorKind::V2Disabled
        | ErrorKind::ApiNotFound { .. }
        | ErrorKind::UserExists { .. }
        | ErrorKind::TooLarge { .. }
        | ErrorKind::RequestLineTooLong { .. }
        | ErrorKind::Stopped => true,
        _ => false,
    }
}

pub(crate) fn read(status: StatusCode, content_type: &str, body: &[u8]) -> ErrorKind {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }

    let refusal = serde_json::from_slice::<EtcdError>(body).ok().or_else(|| cut_short(body));
    if let Some(mut refusal) = refusal {
        refusal.status = status;
        return refusal.into();
    }
    if let Ok(Message { message }) = serde_json::from_slice(body) {
        // The words of /v2/stats/leader, and of nothing else, in all versions.
        return match (status, message.as_str()) {
            (StatusCode::FORBIDDEN, NOT_LEADER) => ErrorKind::NotLeader,
            _ => ApiError { status, message }.into(),
        };
    }
    // Those of 0.4.
    if status == StatusCode::FORBIDDEN && body.trim_ascii() == NOT_LEADER.as_bytes() {
        return ErrorKind::NotLeader;
    }
    if status == StatusCode::NOT_FOUND && body.starts_with(b"404 page not found") {
        return ErrorKind::V2Disabled;
    }
    unexpected(status, content_type, body)
}

/// What a member responds to a request that only the leader serves.
const NOT_LEADER: &str = "not current leader";

/// Whether a client error says that the same request may succeed another time: a request that came too
/// slowly, too early or too often. Load balancers send the first one on connections that are idle.
fn is_temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

const fn from_the_keys_api(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Etcd(_))
}

pub(crate) fn unexpected(status: StatusCode, content_type: &str, body: &[u8]) -> ErrorKind {
    Unexpected::new(status, content_type.to_owned(), body).into()
}

/// A refusal of which only the beginning is there: etcd puts the values that it compared into the cause,
/// however long they are, and the code before it.
fn cut_short(body: &[u8]) -> Option<EtcdError> {
    /// The longest escape sequence of JSON, or of UTF-8, that may be cut in two.
    const LONGEST_ESCAPE: usize = 12;
    let without = |cut| {
        let beginning = body.get(..body.len().checked_sub(cut)?)?;
        serde_json::from_slice(&[beginning, b"\"}"].concat()).ok()
    };
    (0..=LONGEST_ESCAPE).find_map(without)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_cause_of_any_text_keeps_the_code() {
        for text in ["\u{4e2d}", "\u{1f600}", "a\u{4e2d}b", "\\\\", "\\u0000a", "\\ud83d\\ude00"] {
            let cause = text.repeat(20);
            let body = format!(r#"{{"errorCode":101,"message":"Compare failed","cause":"{cause}"#);
            let code_ends = body.find("cause").unwrap_or_default() + 8;
            for end in code_ends..=body.len() {
                let refusal = cut_short(&body.as_bytes()[..end]);
                let code = refusal.map(|refusal| refusal.code.number());
                assert_eq!(code, Some(101), "{text:?} at {end}");
            }
        }
    }
}
