//! Any answer at all to a request of the keys API. Shared with the fuzz targets.

use std::time::Duration;

use etcd_v2_proto::Request;
use etcd_v2_proto::http::{HeaderValue, Response, StatusCode};
use etcd_v2_proto::keys::{Change, Delete, Get, Key, Push, Set, Wait};

use super::given::{give, give_twice, parse};

/// A request of the keys API, an answer to it, and what has to hold of the result. A header `key` names the
/// key of the request, percent-encoded; without one it is `/a`.
pub(crate) fn keys_answer(data: &[u8]) {
    let (kind, answer) = parse(data);
    let key = answer.headers().get("key").map_or(&b"/a"[..], HeaderValue::as_bytes);
    let key = percent_encoding::percent_decode(key).decode_utf8_lossy().into_owned();
    if key.parse::<Key>().is_err() {
        return;
    }
    let key = key.as_str();
    match kind.as_str() {
        "set" => check(&answer, || Set::new(key, "v")),
        "create" => check(&answer, || Set::create(key, "v")),
        "update" => check(&answer, || Set::update(key, "v")),
        "refresh" => check(&answer, || Set::refresh(key, Duration::from_secs(9))),
        "guarded" => check(&answer, || Set::new(key, "v").if_index(7)),
        "bare" => check(&answer, || Set::new(key, "v").no_value_on_success()),
        "push" => check(&answer, || Push::new(key, "v")),
        "delete" => check(&answer, || Delete::new(key)),
        "guarded-delete" => check(&answer, || Delete::new(key).if_index(7)),
        "wait" => check(&answer, || Wait::new(key)),
        "quorum" => check(&answer, || Get::new(key).quorum()),
        "sorted" => check(&answer, || Get::new(key).sorted()),
        _ => check(&answer, || Get::new(key)),
    }
}

/// A refusal: a line with its status, from 300 to 599, and the body.
pub(crate) fn error_body(data: &[u8]) {
    let (status, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (String::from_utf8_lossy(&data[..end]).parse().ok(), &data[end + 1..]),
        None => (None, data),
    };
    refuse(status.unwrap_or(500), body);
}

/// A body that comes with this status, for a read and for writes.
pub(crate) fn refuse(status: u16, body: &[u8]) {
    let mut answer = Response::new(body);
    let status = StatusCode::from_u16(300 + (status.max(300) - 300) % 300);
    *answer.status_mut() = status.unwrap_or(StatusCode::NOT_FOUND);
    check(&answer, || Get::new("/a"));
    check(&answer, || Set::new("/a", "v"));
    check(&answer, || Push::new("/a", "v"));
}

fn check<R: Request<Output = Change>>(answer: &Response<&[u8]>, request: impl Fn() -> R) {
    let result = give_twice(answer, &request, |change, same| change == same);
    if let Some(Ok(change)) = result {
        let json = change.to_json();
        let again = answer.clone().map(|_| json.as_bytes());
        let again = give(request(), &again, &[json.as_bytes()]);
        let again = again.and_then(Result::ok).expect("its own JSON decodes");
        assert_eq!((again.node(), again.previous()), (change.node(), change.previous()));
        assert_eq!(again.kind(), change.kind());
    }
}
