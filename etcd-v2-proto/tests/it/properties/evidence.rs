//! What counts as applied, after any success. Shared with the fuzz targets.
//!
//! The first byte tells how much of the body comes before the connection breaks, the rest is an answer as
//! `given` reads it.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::auth::{self, roles, users};
use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::Response;
use etcd_v2_proto::keys::{Delete, Get, Push, Set};
use etcd_v2_proto::{
    Action, Cluster, Code, Conversation, Error, ErrorKind, Event, Exchange, Failure, Meta, Outcome,
    Policy, Request, Resolution, Resolve, Route, Start, body_length, members,
};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::given::parse;

pub(crate) fn evidence_check(data: &[u8]) {
    let (cut, data) = data.split_at(data.len().min(1));
    let (kind, answer) = parse(data);
    let length = answer.body().len();
    let cut = usize::from(*cut.first().unwrap_or(&0)) * (length + 1) / 256;
    let case = Case { answer, cut };
    match kind.as_str() {
        "get" => case.check(Get::new("/a"), None, true),
        "guarded" => case.check(Set::new("/a", "v").if_index(7), None, true),
        "create" => case.check(Set::create("/a", "v"), None, true),
        "push" => case.check(Push::new("/a", "v"), None, true),
        "delete" => case.check(Delete::new("/a"), None, true),
        "member" => case.check(members::Add::new(["http://a:1"]), None, false),
        "put-user" => case.check(users::Put::new("anna", "sesame"), None, false),
        "role" => case.check(roles::Add::new("guest"), None, false),
        "update" => case.check(members::Update::new("1", ["http://a:1"]), Some(204), false),
        "remove" => case.check(members::Remove::new("1"), Some(204), false),
        "enable" => case.check(auth::Enable::default(), Some(200), false),
        "disable" => case.check(auth::Disable::default(), Some(200), false),
        "remove-user" => case.check(users::Remove::new("anna"), Some(200), false),
        "remove-role" => case.check(roles::Remove::new("guest"), Some(200), false),
        _ => case.check(Set::new("/a", "v"), None, true),
    }
}

struct Case<'a> {
    answer: Response<&'a [u8]>,
    /// Where the body breaks off.
    cut: usize,
}

impl Case<'_> {
    /// `bare`: the status of the only success that there is, which has no body. `of_keys`: whether it is a
    /// request of the keys API.
    fn check<R: Request>(&self, request: R, bare: Option<u16>, of_keys: bool) {
        let (status, body) = (self.answer.status(), *self.answer.body());
        if !status.is_success() {
            return;
        }
        let has_header = Meta::from_headers(self.answer.headers()).is_etcds();
        let whole = self.give(&request, body, Event::End);
        let code = error_code(body);
        if code.is_some() && !body.starts_with(b"{\"action\"") {
            let is_etcd = matches!(&whole, Err(error) if error.etcd().is_some());
            assert!(is_etcd, "an error response is taken for something else: {:?}", whole.err());
        }
        assert!(code.is_none() || whole.is_err(), "an error response is a success");
        if let Some(bare) = bare {
            let is_success = status == bare && body.is_empty();
            assert_eq!(whole.is_ok(), is_success, "{status} {:?}", whole.as_ref().err());
        }
        if let Err(error) = whole {
            self.is_true(&error, has_header, body, of_keys);
        }
        // What is known to be whole is judged at once.
        let ends = body_length(self.answer.headers()) == Some(self.cut as u64);
        if !ends {
            let reset = Event::Failed(Failure::after_send("connection reset"));
            let error = self.give(&request, &body[..self.cut], reset).err().expect("it was cut");
            self.is_true(&error, has_header, &body[..self.cut], of_keys);
        }
    }

    /// Whether what the error says of the request is known.
    fn is_true(&self, error: &Error, has_header: bool, body: &[u8], of_keys: bool) {
        let is_told = matches!(error.kind(), ErrorKind::Etcd(_));
        let is_mixed_up =
            matches!(error.kind(), ErrorKind::Unexpected(it) if it.mismatch.is_some());
        // Names may be escaped.
        let names = |name: &[u8]| body.windows(name.len()).any(|part| part == name);
        let may_begin = if of_keys {
            names(b"\"action\"") || names(b"\"key\"") || names(b"\\u")
        } else {
            serde_json::from_slice::<IgnoredAny>(body).is_ok()
        };
        match error.outcome() {
            Outcome::Applied => {
                assert!(has_header || may_begin, "nothing says that it was etcd: {error:?}");
                assert!(!is_told && !is_mixed_up, "{error:?}");
            }
            Outcome::Unknown => {}
            _ => assert!(is_told, "nobody said no: {error:?}"),
        }
        let is_cut = matches!(error.kind(), ErrorKind::Failed(_));
        if has_header && !is_told && !is_mixed_up && !is_cut {
            assert_eq!(error.outcome(), Outcome::Applied, "{error:?}");
        }
        if error.outcome() < Outcome::Applied && error.may_have_applied() && of_keys {
            let found = resolution(error);
            assert!(!matches!(found, Some(Resolution::Applied(_))), "{error:?}: {found:?}");
        }
    }

    fn give<R: Request>(&self, request: &R, body: &[u8], end: Event) -> Result<R::Output, Error> {
        let now = Duration::ZERO;
        let mut exchange = Exchange::new(request, route(), policy(), 1, now);
        assert!(matches!(exchange.poll(now), Action::Send { .. }));
        let (head, ()) = self.answer.clone().map(|_| ()).into_parts();
        exchange.handle(now, Event::Head(head));
        exchange.handle(now, Event::Chunk(Bytes::copy_from_slice(body)));
        exchange.handle(now, end);
        match exchange.poll(now) {
            Action::Yield(item) => Ok(item),
            Action::Finish(Err(error)) => Err(error),
            // A read is sent once more after its connection broke.
            Action::Send { .. } => {
                exchange.handle(now, Event::Failed(Failure::before_send("refused")));
                match exchange.poll(now) {
                    Action::Finish(Err(error)) => Err(error),
                    _ => panic!("no end after the end"),
                }
            }
            _ => panic!("no end after the end"),
        }
    }
}

/// What a cluster without the key and without any history makes of a write.
fn resolution(error: &Error) -> Option<Resolution> {
    let now = Duration::ZERO;
    let mut resolve = Resolve::new(error, Start::new(route(), policy(), 1, now));
    for _ in 0..20 {
        let (status, body) = match resolve.poll(now) {
            Action::Send { request, .. } if request.uri().query() == Some("quorum=true") => {
                (404, r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":9}"#)
            }
            Action::Send { .. } => {
                (400, r#"{"errorCode":401,"message":"outdated","cause":"[8/1]","index":9}"#)
            }
            Action::Yield(resolution) => return Some(resolution),
            Action::Finish(end) => {
                assert!(end.is_err(), "an end without a word");
                return None;
            }
            _ => panic!("it waits for nothing"),
        };
        let head = Response::builder().status(status).body(()).expect("a head");
        resolve.handle(now, Event::Head(head.into_parts().0));
        resolve.handle(now, Event::Chunk(Bytes::from_static(body.as_bytes())));
        resolve.handle(now, Event::End);
    }
    panic!("a resolution without an end");
}

/// The code of an error response, if it is one of etcd's.
fn error_code(body: &[u8]) -> Option<u64> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let code = document.get("errorCode")?.as_u64()?;
    let message_is_text = document.get("message").is_none_or(Value::is_string);
    let cause_is_text = document.get("cause").is_none_or(Value::is_string);
    let index_fits = document.get("index").is_none_or(Value::is_u64);
    let is_known = u32::try_from(code).is_ok_and(|code| Code::new(code).name().is_some());
    (is_known && message_is_text && cause_is_text && index_fits).then_some(code)
}

fn route() -> Route {
    Cluster::parse(["http://127.0.0.1:2379"]).expect("an endpoint").route()
}

fn policy() -> Arc<Policy> {
    let mut policy = Policy::default();
    policy.passes = Some(1);
    Arc::new(policy)
}
