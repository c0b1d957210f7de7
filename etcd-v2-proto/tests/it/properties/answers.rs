//! Any answer at all, given to an exchange. Shared with the fuzz targets.
//!
//! An answer is written as a line with the kind of the request and the status, lines with headers,
//! an empty line, and the body.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{HeaderName, HeaderValue, Response, StatusCode};
use etcd_v2_proto::keys::{Change, Delete, Get, Push, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, ErrorKind, Event, Exchange, Outcome, Policy, Request,
};

/// A request of the keys API, an answer to it, and what has to hold of the result.
pub(crate) fn keys_answer(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (&b"get 200"[..], data),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (kind, status) = first.split_once(' ').unwrap_or(("get", first));
    let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut answer = Response::new(body);
    *answer.status_mut() = status.unwrap_or(StatusCode::OK);
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && let Ok(name) = HeaderName::try_from(name)
            && let Ok(value) = HeaderValue::try_from(value.trim())
        {
            answer.headers_mut().append(name, value);
        }
    }
    match kind {
        "set" => check(&answer, || Set::new("/a", "v")),
        "guarded" => check(&answer, || Set::new("/a", "v").if_index(7)),
        "bare" => check(&answer, || Set::new("/a", "v").no_value_on_success()),
        "push" => check(&answer, || Push::new("/a", "v")),
        "delete" => check(&answer, || Delete::new("/a")),
        "wait" => check(&answer, || Wait::new("/a")),
        "quorum" => check(&answer, || Get::new("/a").quorum()),
        _ => check(&answer, || Get::new("/a")),
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
    let body = *answer.body();
    let Some(whole) = give(request(), answer, &[body]) else { return };
    let (start, end) = body.split_at(body.len() / 2);
    let halves = give(request(), answer, &[start, end]).expect("the same, in two pieces");
    let status = answer.status();
    match (whole, halves) {
        (Ok(change), Ok(same)) => {
            assert!(status.is_success(), "{status} is a success");
            assert_eq!(change, same);
            let json = change.to_json();
            let again = answer.clone().map(|_| json.as_bytes());
            let again = give(request(), &again, &[json.as_bytes()]);
            let again = again.and_then(Result::ok).expect("its own JSON decodes");
            assert_eq!((again.node(), again.previous()), (change.node(), change.previous()));
            assert_eq!(again.kind(), change.kind());
        }
        (Err(error), Err(same)) => {
            assert_eq!(error.detail().to_string(), same.detail().to_string());
            let writes = request().encode().is_ok_and(|encoded| encoded.purpose.writes());
            let expected = match status.as_u16() {
                200..=299 => Outcome::Applied,
                501 | 300..=499 => Outcome::Rejected,
                500..=599 => Outcome::Unknown,
                // There is no such final status.
                _ => error.outcome(),
            };
            assert_eq!(error.outcome(), expected, "{status}: {error:?}");
            assert_eq!(error.may_have_applied(), writes && expected >= Outcome::Unknown);
            if let ErrorKind::Etcd(refusal) = error.kind() {
                assert_eq!(refusal.status, status);
            }
        }
        (whole, halves) => panic!("{whole:?} in one piece, {halves:?} in two"),
    }
}

/// Gives the only answer to an exchange, its body in these pieces; none if a redirect is followed.
fn give<R: Request>(
    request: R,
    answer: &Response<&[u8]>,
    pieces: &[&[u8]],
) -> Option<Result<R::Output, Error>> {
    let cluster = Cluster::parse(["http://127.0.0.1:2379"]).expect("an endpoint");
    let mut policy = Policy::default();
    policy.passes = Some(1);
    let now = Duration::ZERO;
    let mut exchange = Exchange::new(request, cluster.route(), Arc::new(policy), 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    let (head, ()) = answer.clone().map(|_| ()).into_parts();
    exchange.handle(now, Event::Head(head));
    for piece in pieces {
        exchange.handle(now, Event::Chunk(Bytes::copy_from_slice(piece)));
    }
    exchange.handle(now, Event::End);
    let end = match exchange.poll(now) {
        Action::Yield(item) => Ok(item),
        Action::Finish(Err(error)) => Err(error),
        Action::Send { .. } => return None,
        _ => panic!("no end after the end"),
    };
    assert!(matches!(exchange.poll(now), Action::Finish(Ok(()))), "more than one end");
    Some(end)
}
