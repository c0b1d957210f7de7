//! Answers that lead anywhere at all. Shared with the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{self, HeaderValue, Uri, header, uri::Scheme};
use etcd_v2_proto::keys::{Delete, Get, Push, Set};
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Exchange, Policy, Request, Route};

/// The endpoints that are known; what they are asked for has credentials.
const KNOWN: [&[&str]; 4] = [
    &["http://root:sesame@a:1"],
    &["http://root:sesame@a:1/base", "https://b", "http://c:3/v2-at-c"],
    &["https://root:sesame@a:1", "http://b:2"],
    &["https://root:sesame@[::1]:443/", "https://b:2"],
];

/// The password in them.
const SECRET: &str = "sesame";

/// A byte for the endpoints and the policy, one for the request and the status, and the target.
pub(crate) fn location(data: &[u8]) {
    let (head, target) = data.split_at(data.len().min(2));
    let (setup, how) = (*head.first().unwrap_or(&0), *head.get(1).unwrap_or(&0));
    let route = Cluster::parse(KNOWN[usize::from(setup % 4)]).expect("endpoints").route();
    let mut policy = Policy::default();
    policy.foreign_redirects = setup & 4 != 0;
    policy.passes = Some(1);
    policy.max_redirects = [10, 0, 1, 3][usize::from(setup >> 3) % 4];
    let status = [301, 302, 307, 308, 300, 303, 304, 399][usize::from(how >> 2) % 8];
    let Ok(target) = HeaderValue::from_bytes(target) else { return };
    let told = http::Response::builder().status(status).header(header::LOCATION, target);
    let told = told.body(()).expect("a head").into_parts().0;
    match how % 4 {
        0 => follow(Get::new("/k"), route, policy, setup, &told),
        1 => follow(Set::new("/k", "v"), route, policy, setup, &told),
        2 => follow(Push::new("/k", "v"), route, policy, setup, &told),
        _ => follow(Delete::new("/k"), route, policy, setup, &told),
    }
}

fn follow<R: Request>(
    request: R,
    route: Route,
    policy: Policy,
    setup: u8,
    told: &http::response::Parts,
) {
    let known: Vec<Uri> =
        KNOWN[usize::from(setup % 4)].iter().map(|url| url.parse().expect("a URL")).collect();
    let (foreign, most) = (policy.foreign_redirects, policy.max_redirects as usize + 1);
    let encoded = request.encode().expect("a request");
    let query = encoded.path_and_query.query();
    let (now, most) = (Duration::ZERO, known.len() * most);
    let mut exchange = Exchange::new(request, route, Arc::new(policy), 1, now);
    let mut sent: Vec<Uri> = Vec::new();
    loop {
        let request = match exchange.poll(now) {
            Action::Send { request, .. } => request,
            Action::Read { .. } => {
                exchange.handle(now, Event::End);
                continue;
            }
            Action::Finish(Err(error)) => {
                assert!(!error.may_have_applied(), "nobody carried it out: {error:?}");
                let text = format!("{error} {error:?} {}", error.detail());
                let is_told = told.headers.values().any(|value| names(SECRET, value.as_bytes()));
                assert!(is_told || !text.contains(SECRET), "{text}");
                return;
            }
            _ => panic!("neither an end nor a way on"),
        };
        assert_eq!(request.method(), encoded.method);
        assert_eq!(*request.body(), encoded.body.as_ref().map_or(Bytes::new(), |(_, b)| b.clone()));
        let uri = request.uri();
        let at_home = known.iter().any(|own| origin(own) == origin(uri));
        assert!(at_home || foreign, "{uri} is foreign");
        assert_eq!(request.headers().contains_key(header::AUTHORIZATION), at_home);
        let asks_the_same = uri.path().ends_with("/v2/keys/k") && uri.query() == query;
        assert!(!at_home || asks_the_same, "{uri} is another request");
        is_well_formed(&request);
        if let Some(from) = sent.last() {
            let down = from.scheme() == Some(&Scheme::HTTPS) && uri.scheme() == Some(&Scheme::HTTP);
            // An attempt at the next endpoint begins with the request as it was.
            assert!(!down || at_home, "from {from} down to {uri}");
        }
        sent.push(uri.clone());
        assert!(sent.len() <= most, "more than {most} hops: {sent:?}");
        exchange.handle(now, Event::Head(told.clone()));
    }
}

/// Whether a target has this text in it, once what URLs leave out is gone.
fn names(text: &str, target: &[u8]) -> bool {
    let kept: Vec<u8> = target.iter().copied().filter(|byte| *byte != b'\t').collect();
    // A host is told in small letters.
    kept.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// Scheme, host and port.
fn origin(uri: &Uri) -> (String, String, u16) {
    let scheme = uri.scheme_str().unwrap_or_default().to_owned();
    let default = if scheme == "https" { 443 } else { 80 };
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    (scheme, host, uri.port_u16().unwrap_or(default))
}

/// Whether the head leads where it says, and to nowhere else.
fn is_well_formed(request: &http::Request<Bytes>) {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or_default();
    assert!(matches!(scheme, "http" | "https"), "{uri}");
    let authority = uri.authority().expect("an authority").as_str();
    assert!(!authority.contains('@') && !uri.host().unwrap_or_default().is_empty(), "{uri}");
    assert_eq!(request.headers()[header::HOST], authority, "{uri}");
    assert!(uri.path().starts_with('/'), "{uri}");
    let text = uri.to_string();
    assert!(text.bytes().all(|byte| byte > b' ' && byte != 0x7f && byte != b'#'), "{text:?}");
}
