//! Error responses, and what errors may show of them.

use std::time::Duration;

use super::Exchange;
use super::head::Head;
use crate::error::{Error, ErrorKind};
use crate::judge::{self, Verdict};
use crate::request::Request;
use crate::secrets::Secrets;

impl<R: Request> Exchange<R> {
    /// Classifies an error response, whose body may have been cut off.
    pub(super) fn refused(
        &mut self,
        now: Duration,
        head: &Head,
        mut body: Vec<u8>,
        is_cut: bool,
    ) -> Verdict {
        if is_cut {
            self.secrets().remove_cut_secret(&mut body);
        }
        if let Some(pause) = head.retry_after {
            self.turns.rest_until(now.saturating_add(pause));
        }
        let mut verdict = judge::refusal(head.status, &head.content_type, &body);
        if let ErrorKind::V2Disabled = verdict.kind {
            verdict.kind = missing(self.encoded.path_and_query.path());
        }
        verdict
    }

    /// The error as the caller may see it: without secrets, and with keys as the request has them.
    pub(super) fn presentable(&self, mut verdict: Verdict) -> Verdict {
        self.secrets().redact(&mut verdict.kind);
        if let ErrorKind::Etcd(response) = &mut verdict.kind {
            self.request.localize_error(response);
        }
        verdict
    }

    /// The error with the user that the request was sent as, where that is what it is about.
    pub(super) fn with_login(&self, error: Error) -> Error {
        if !error.is_unauthorized() {
            return error;
        }
        let credentials = self.route.credentials().filter(|_| !self.learned.is_foreign);
        error.sent_as(credentials.map(|credentials| credentials.user()))
    }

    fn secrets(&self) -> Secrets {
        Secrets::of(&self.encoded, self.route.credentials())
    }
}

/// What it means that a server knows no such path.
fn missing(path: &str) -> ErrorKind {
    let is_in = |api: &str| {
        path.strip_prefix(api).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    [("/v2/auth", "2.1"), ("/v2/members", "2.0")]
        .into_iter()
        .find(|(api, _)| is_in(api))
        .map_or(ErrorKind::V2Disabled, |(api, since)| ErrorKind::ApiNotFound { api, since })
}
