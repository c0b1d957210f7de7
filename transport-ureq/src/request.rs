//! What a request needs before ureq may have it.

use bytes::Bytes;
use etcd_v2_proto::Invalid;
use etcd_v2_proto::proxy::{Proxies, Proxy};
use http::header::{CONTENT_LENGTH, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{Method, request};

/// Says how long the body is, where HTTP wants that said: `PUT` and `POST` always have one.
pub(crate) fn frame(head: &mut request::Parts, body: &Bytes) {
    let has_body = [Method::PUT, Method::POST, Method::PATCH].contains(&head.method);
    if has_body || !body.is_empty() {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    } else {
        head.headers.remove(CONTENT_LENGTH);
    }
}

/// Says who is asking, if the request goes to a proxy that wants to know.
///
/// A tunnel for `https` is asked for when it is made.
///
/// # Errors
/// When it would go through something that is no proxy.
pub(crate) fn log_in(head: &mut request::Parts, proxies: &Proxies) -> Result<(), Invalid> {
    let proxy = proxies.proxy_for(&head.uri)?;
    if head.uri.scheme() == Some(&Scheme::HTTP)
        && let Some(authorization) = proxy.and_then(Proxy::authorization)
    {
        head.headers.insert(PROXY_AUTHORIZATION, authorization);
    }
    Ok(())
}

/// How many bytes of output to make room for: the head as a whole, which ureq writes line by line and
/// cannot break within one, and as much of the body as makes sense to copy.
pub(crate) fn room(head: &request::Parts, body: &Bytes) -> usize {
    let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
    let line = head.method.as_str().len() + target + " / HTTP/1.1\r\n".len();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    // ureq takes from the authority what it misses: the host and, encoded, the user.
    let authority = head.uri.authority().map_or(0, |authority| 2 * authority.as_str().len());
    line + headers.sum::<usize>() + authority + SLACK + body.len().min(MOST_OF_BODY)
}

/// For names of headers that ureq adds, and the end of the head.
const SLACK: usize = 128;

/// The size from which on larger writes are no faster.
const MOST_OF_BODY: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(method: Method, body: &'static str) -> Option<String> {
        let request = http::Request::builder().method(method).uri("http://a/").body(()).unwrap();
        let (mut head, ()) = request.into_parts();
        frame(&mut head, &Bytes::from_static(body.as_bytes()));
        head.headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_requests_that_can_have_a_body_say_how_long_it_is() {
        assert_eq!(framed(Method::PUT, "value=1").as_deref(), Some("7"));
        assert_eq!(framed(Method::PUT, "").as_deref(), Some("0"));
        assert_eq!(framed(Method::POST, "").as_deref(), Some("0"));
        assert_eq!(framed(Method::GET, ""), None);
        assert_eq!(framed(Method::DELETE, ""), None);
        assert_eq!(framed(Method::DELETE, "x").as_deref(), Some("1"));
    }
}
