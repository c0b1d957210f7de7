//! Answers as text, and how to give them to an exchange. Shared with the fuzz targets.
//!
//! An answer is written as a line with the kind of the request and the status, lines with headers,
//! an empty line, and the body.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{HeaderName, HeaderValue, Response, StatusCode};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, ErrorKind, Event, Exchange, Meta, Outcome, Policy,
    Request,
};

/// An answer, and the kind of the request that it is given to: `get` if there is none.
pub(crate) fn parse(data: &[u8]) -> (String, Response<&[u8]>) {
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
    (kind.to_owned(), answer)
}

/// Gives an answer in one piece and in two, which has to come to the same, and looks whether what is
/// told of an error is true. None if a redirect is followed.
pub(crate) fn give_twice<R: Request>(
    answer: &Response<&[u8]>,
    request: impl Fn() -> R,
    is_same: impl Fn(&R::Output, &R::Output) -> bool,
) -> Option<Result<R::Output, Error>> {
    let body = *answer.body();
    let whole = give(request(), answer, &[body])?;
    let (start, end) = body.split_at(body.len() / 2);
    let halves = give(request(), answer, &[start, end]).expect("the same, in two pieces");
    let status = answer.status();
    match (&whole, &halves) {
        (Ok(item), Ok(same)) => {
            assert!(request().accepts(status), "{status} is accepted");
            assert!(is_same(item, same), "the pieces make a difference");
        }
        (Err(error), Err(same)) => {
            assert_eq!(error.detail().to_string(), same.detail().to_string());
            tells_the_truth(error, &request(), answer);
        }
        _ => panic!("{:?} in one piece, {:?} in two", whole.err(), halves.err()),
    }
    Some(whole)
}

/// Whether an error after this answer says what may have become of the request, in one line.
fn tells_the_truth<R: Request>(error: &Error, request: &R, answer: &Response<&[u8]>) {
    let status = answer.status();
    let writes = request.encode().is_ok_and(|encoded| encoded.purpose.writes());
    let expected = match status.as_u16() {
        _ if request.accepts(status) => match error.kind() {
            // The words of a follower that is asked for what only the leader has.
            ErrorKind::NotLeader => Outcome::Rejected,
            ErrorKind::Etcd(refusal) => match refusal.code.number() {
                300 | 301 | 400 => Outcome::Unknown,
                _ => Outcome::Rejected,
            },
            ErrorKind::RefreshUnsupported(_) => Outcome::Applied,
            ErrorKind::Unexpected(answer) if answer.mismatch.is_some() => Outcome::Unknown,
            _ if Meta::from_headers(answer.headers()).is_etcds() => Outcome::Applied,
            // It may have begun as etcd's.
            ErrorKind::Malformed(_) => error.outcome().max(Outcome::Unknown),
            _ => Outcome::Unknown,
        },
        501 | 300..=407 | 409..=499 => Outcome::Rejected,
        // Who did not get the whole request may have passed on some of it.
        408 | 500..=599 => Outcome::Unknown,
        // There is no such final status.
        _ => error.outcome(),
    };
    assert_eq!(error.outcome(), expected, "{status}: {error:?}");
    let line = error.kind().to_string();
    assert!(!line.is_empty() && !line.contains(char::is_control), "{line:?}");
    assert_eq!(error.may_have_applied(), writes && expected >= Outcome::Unknown);
    if let ErrorKind::Etcd(refusal) = error.kind() {
        assert_eq!(refusal.status, status);
    }
}

/// Gives the only answer to an exchange, its body in these pieces; none if a redirect is followed.
pub(crate) fn give<R: Request>(
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
