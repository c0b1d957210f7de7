//! Attempts, made out from what a conversation asks for and is told.

use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{Request, StatusCode, Uri};
use etcd_v2_proto::{Action, Event, Failure, Meta, Outcome, Stage, body_length, http};

use super::{AttemptFinished, AttemptStarted};
use crate::shared::Shared;

/// The attempts of one conversation, of which at most one is under way.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// The one under way, if anybody wants to know.
    open: Option<Box<Open>>,
}

#[derive(Debug)]
struct Open {
    endpoint: String,
    method: http::Method,
    uri: Uri,
    began: Duration,
    status: Option<StatusCode>,
    meta: Meta,
    head: Option<Duration>,
    /// How much of the body is still to come, if that is known.
    left: Option<u64>,
}

impl Attempts {
    /// Whether one is under way that somebody wants to know of.
    pub(crate) const fn are_followed(&self) -> bool {
        self.open.is_some()
    }

    /// What the conversation asks for next.
    pub(crate) fn asked<T>(&mut self, now: Duration, action: &Action<T>, shared: &Shared) {
        // Whatever it does next, it does no more about the answer.
        if !matches!(action, Action::Read { .. }) {
            self.finish(now, None, shared);
        }
        if let Action::Send { request, .. } = action {
            shared.hooks().curl(request);
            if shared.hooks().follows_attempts() {
                self.start(now, request, shared);
            }
        }
    }

    /// What the conversation is about to be told.
    pub(crate) fn heard(&mut self, now: Duration, event: &Event, shared: &Shared) {
        let Some(open) = &mut self.open else { return };
        match event {
            Event::Connected(_) => {}
            Event::Head(head) => {
                open.status = Some(head.status);
                open.meta = Meta::from_headers(&head.headers);
                open.head = Some(now.saturating_sub(open.began));
                open.left = body_length(&head.headers);
            }
            Event::Chunk(chunk) => {
                open.left = open.left.map(|left| left.saturating_sub(chunk.len() as u64));
                if open.left == Some(0) {
                    self.finish(now, Some(End::Complete), shared);
                }
            }
            Event::End => self.finish(now, Some(End::Complete), shared),
            Event::Failed(failure) => self.finish(now, Some(End::Failed(failure)), shared),
            Event::Elapsed => {
                let failure = Failure::timed_out(Stage::AfterSend);
                self.finish(now, Some(End::Failed(&failure)), shared);
            }
        }
    }

    /// The conversation is abandoned.
    pub(crate) fn abandoned(&mut self, now: Duration, shared: &Shared) {
        self.finish(now, None, shared);
    }

    fn start(&mut self, now: Duration, request: &Request<Bytes>, shared: &Shared) {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let endpoint = endpoint_of(&uri, shared);
        let (status, meta, head, left) = (None, Meta::default(), None, None);
        let open = Open { endpoint, method, uri, began: now, status, meta, head, left };
        let (endpoint, path) = (open.endpoint.as_str(), open.uri.path());
        let started = AttemptStarted { endpoint, method: &open.method, path };
        shared.hooks().tell(|observer| observer.attempt_started(&started));
        self.open = Some(Box::new(open));
    }

    fn finish(&mut self, now: Duration, end: Option<End<'_>>, shared: &Shared) {
        let Some(open) = self.open.take() else { return };
        let finished = AttemptFinished {
            endpoint: &open.endpoint,
            method: &open.method,
            path: open.uri.path(),
            status: open.status,
            meta: open.meta,
            failure: match end {
                Some(End::Failed(failure)) => Some(failure),
                _ => None,
            },
            outcome: outcome(open.status, &open.meta, end),
            head: open.head,
            elapsed: now.saturating_sub(open.began),
        };
        shared.hooks().tell(|observer| observer.attempt_finished(&finished));
    }
}

/// How an attempt ended that was not given up.
#[derive(Clone, Copy)]
enum End<'a> {
    Complete,
    Failed(&'a Failure),
}

fn outcome(status: Option<StatusCode>, meta: &Meta, end: Option<End<'_>>) -> Option<Outcome> {
    match (status, end) {
        (Some(status), Some(End::Complete)) if status.is_success() => None,
        (Some(status), _) if status.is_success() && meta.is_etcds() => Some(Outcome::Applied),
        (Some(status), _) => Some(Outcome::of_refusal(status)),
        (None, Some(End::Failed(failure))) => Some(Outcome::of(failure)),
        // It may have left.
        (None, _) => Some(Outcome::Unknown),
    }
}

/// The endpoint that this address belongs to, or else its origin.
fn endpoint_of(uri: &Uri, shared: &Shared) -> String {
    let text = uri.to_string();
    let endpoints = shared.all_endpoints();
    let owns = |endpoint: &str| {
        let rest = text.strip_prefix(endpoint);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    let own = endpoints.iter().map(AsRef::as_ref).filter(|endpoint| owns(endpoint));
    own.max_by_key(|endpoint| endpoint.len()).map_or_else(|| origin(uri), str::to_owned)
}

fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{host}", uri.scheme_str().unwrap_or("http"))
}
