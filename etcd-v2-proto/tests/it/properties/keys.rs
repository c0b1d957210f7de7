//! Any string at all, as a key. Shared with the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::http::Method;
use etcd_v2_proto::keys::{Delete, Get, Key, KeysRequest, Push, Set, Wait};
use etcd_v2_proto::{Action, Cluster, Conversation, ErrorKind, Exchange, Policy, Request};

/// A key, or a prefix and a key with NUL between them.
pub(crate) fn key_to_request(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check(None, &text);
    if let Some((prefix, key)) = text.split_once('\0') {
        check(Some(prefix), key);
    }
}

/// Checks that requests for a key go to that key and nowhere else, or are refused.
pub(crate) fn check(prefix: Option<&str>, key: &str) {
    check_one(prefix, key, Method::GET, Get::new(key));
    check_one(prefix, key, Method::PUT, Set::new(key, "v"));
    check_one(prefix, key, Method::POST, Push::new(key, "v"));
    check_one(prefix, key, Method::DELETE, Delete::new(key));
    check_one(prefix, key, Method::GET, Wait::new(key));
    let parsed = key.parse::<Key>();
    assert_eq!(parsed.is_ok(), !has_dots(key), "{key:?}");
    if let Ok(parsed) = parsed {
        assert!(parsed.segments().eq(segments(key)), "{key:?}");
        assert_eq!(parsed.as_str().parse::<Key>().as_ref(), Ok(&parsed), "{key:?}");
        let is_short = parsed.is_root() || !parsed.as_str().ends_with('/');
        assert!(is_short, "{key:?} is shown with its final slash");
    }
}

fn check_one<R: KeysRequest>(prefix: Option<&str>, key: &str, method: Method, request: R) {
    let request = match prefix {
        Some(prefix) => request.with_prefix(prefix),
        None => request,
    };
    let prefix = prefix.unwrap_or("/v2/keys");
    let encoded = match request.encode() {
        Ok(encoded) => encoded,
        Err(invalid) => {
            let culprit = if has_dots(prefix) { "key prefix" } else { "key" };
            assert_eq!(invalid.field, culprit, "{prefix:?} {key:?}");
            assert!(has_dots(prefix) || has_dots(key), "{prefix:?} {key:?} is refused");
            let sent = target("http://127.0.0.1:2379", request);
            assert_eq!(sent, Err(culprit), "{prefix:?} {key:?}");
            return;
        }
    };
    assert!(!has_dots(prefix) && !has_dots(key), "{prefix:?} {key:?} is not refused");
    assert_eq!(encoded.method, method);
    let path = encoded.path_and_query.path().to_owned();
    is_clean(&path);
    let expected: Vec<_> = segments(prefix).chain(segments(key)).collect();
    assert_eq!(decoded(&path), expected, "{path}");
    // As it was given, except that the root always ends in a slash.
    let is_root = segments(key).next().is_none();
    assert_eq!(path.ends_with('/'), is_root || key.ends_with('/'), "{path}");
    if prefix == "/v2/keys" {
        let below = path.strip_prefix("/v2/keys").expect("below the key space");
        assert!(below.is_empty() || below.starts_with('/'), "{path}");
    }
    // No library between here and the wire may clean it once more.
    let whole = encoded.path_and_query.to_string();
    let sent = target("http://127.0.0.1:2379/base/", request);
    assert_eq!(sent, Ok(format!("/base{whole}")));
}

/// What an exchange sends to, or the field that it refuses.
fn target<R: Request>(endpoint: &str, request: R) -> Result<String, &'static str> {
    let cluster = Cluster::parse([endpoint]).expect("an endpoint");
    let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
    let mut exchange = Exchange::new(request, cluster.route(), policy, 1, now);
    match exchange.poll(now) {
        Action::Send { request, .. } => {
            Ok(request.uri().path_and_query().expect("a path").to_string())
        }
        Action::Finish(Err(error)) => match error.kind() {
            ErrorKind::Invalid(invalid) => Err(invalid.field),
            other => panic!("{other}"),
        },
        _ => panic!("neither sending nor refusing"),
    }
}

fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|segment| !segment.is_empty())
}

fn has_dots(text: &str) -> bool {
    text.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// Whether a server finds nothing to clean, so that it does not redirect, even out of the key space.
fn is_clean(path: &str) {
    assert!(path.starts_with('/'), "{path}");
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@%".contains(&byte);
    assert!(path.bytes().all(legal), "{path}");
    for escape in path.split('%').skip(1) {
        let digits = escape.as_bytes().first_chunk::<2>().expect("two digits");
        let upper = digits.iter().all(|digit| digit.is_ascii_digit() || b"ABCDEF".contains(digit));
        assert!(upper, "{path}");
    }
    for text in [path.to_owned(), percent_decoded(path)] {
        let bad = |segment: &str| matches!(segment, "" | "." | "..");
        let text = text.strip_suffix('/').unwrap_or(&text);
        assert!(text.is_empty() || !text[1..].split('/').any(bad), "{path}");
    }
}

/// The segments of a path, decoded as a server does: first the escapes, then the slashes.
fn decoded(path: &str) -> Vec<String> {
    let path = percent_decoded(path);
    segments(&path).map(str::to_owned).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = after.split_at(2);
            let digits = std::str::from_utf8(digits).expect("two digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("what was a string is one again")
}
