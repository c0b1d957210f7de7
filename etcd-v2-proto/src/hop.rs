//! Where an attempt goes: to an endpoint, and from there wherever redirects lead.

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::cluster::Route;
use crate::credentials::Credentials;
use crate::endpoint::shown;
use crate::error::{Invalid, RedirectError};
use crate::policy::{Policy, Redirect};
use crate::request::Encoded;

/// Where an attempt goes next.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    uri: Uri,
    /// The value of the `Host` header.
    host: HeaderValue,
    /// Which endpoint of the route it is; none for a foreign server.
    pub(crate) position: Option<usize>,
    /// How many redirects led there.
    followed: u32,
}

impl Hop {
    /// The first hop of an attempt.
    pub(crate) fn to(route: &Route, position: usize, encoded: &Encoded) -> Result<Self, Invalid> {
        let endpoint = route.endpoint(position);
        let uri = endpoint.uri(&encoded.path_and_query)?;
        Ok(Self { uri, host: endpoint.host(), position: Some(position), followed: 0 })
    }

    /// The request for this hop. A foreign server gets no credentials.
    pub(crate) fn request(
        &self,
        encoded: &Encoded,
        credentials: Option<&Credentials>,
        policy: &Policy,
    ) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        request.method_mut().clone_from(&encoded.method);
        request.uri_mut().clone_from(&self.uri);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::USER_AGENT, policy.user_agent.header());
        if self.position.is_some()
            && let Some(value) = credentials.and_then(Credentials::header)
        {
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Some((content_type, body)) = &encoded.body {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
            request.body_mut().clone_from(body);
        }
        *request.headers_mut() = headers;
        request
    }

    /// The length of the request line in bytes, if plaintext servers may reset the connection for it.
    pub(crate) fn long_line(&self, encoded: &Encoded) -> Option<usize> {
        /// With the line's end; etcd looks no further to recognise HTTP.
        const LONGEST: usize = 4096;
        let target = self.uri.path_and_query().map_or(0, |target| target.as_str().len());
        let length = encoded.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
        (length > LONGEST && self.uri.scheme_str() == Some("http")).then_some(length)
    }
}

/// Whether this status can be followed with method and body: 301, 302, 307 and 308.
pub(crate) const fn is_followable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308)
}

/// The next hop of an attempt that was answered with this head.
///
/// Within the cluster it leads to another endpoint with the same request, whatever else the target may say: who
/// answers for one endpoint has no say in what is asked of the others.
pub(crate) fn follow(
    head: &Parts,
    hop: &Hop,
    encoded: &Encoded,
    route: &Route,
    policy: &Policy,
) -> Result<Hop, RedirectError> {
    let (status, headers) = (head.status, &head.headers);
    let (from, followed) = (&hop.uri, hop.followed);
    let location = headers.get(header::LOCATION).ok_or(RedirectError::NoLocation { status })?;
    let location = String::from_utf8_lossy(location.as_bytes());
    let bad = || RedirectError::BadLocation { location: shown_location(&location) };

    let mut url = Url::parse(&from.to_string()).and_then(|from| from.join(&location));
    if let Ok(url) = &mut url {
        // User information is never taken from a server, nor shown.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
    }
    let url = url.map_err(|_| bad())?;
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
    let host = host.ok_or_else(bad)?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let host = HeaderValue::try_from(host).map_err(|_| bad())?;
    let uri = Uri::try_from(url.as_str()).map_err(|_| bad())?;

    let target = || url.to_string();
    if followed >= policy.max_redirects {
        return Err(RedirectError::TooMany { limit: policy.max_redirects, target: target() });
    }
    if from.scheme_str() == Some("https") && url.scheme() == "http" {
        return Err(RedirectError::Downgrade { target: target() });
    }
    let home = match route.positions_of(&url)[..] {
        [] if policy.foreign_redirects && encoded.has_secret_body() => {
            return Err(RedirectError::SecretBody { target: target() });
        }
        [] if policy.foreign_redirects => None,
        [] => return Err(RedirectError::Foreign { target: target() }),
        ref known => {
            let mut same = known.iter().filter_map(|at| same_at(*at, encoded, route, &url));
            Some(same.next().ok_or_else(|| RedirectError::OtherRequest { target: target() })?)
        }
    };
    if let Some(check) = &policy.check_redirect {
        check
            .ask(&Redirect { status, target: &uri, followed })
            .map_err(|reason| RedirectError::Refused { target: target(), reason })?;
    }
    let foreign = Hop { uri, host, position: None, followed };
    Ok(Hop { followed: followed + 1, ..home.unwrap_or(foreign) })
}

/// What may be shown of a target that is not a URL of http or https: nothing that may be user information.
fn shown_location(location: &str) -> String {
    /// Enough to recognize it.
    const LONGEST: usize = 200;
    // A parser may take these forms for `@`, or the author of the target may have meant them as one.
    let plain = location.replace("%40", "@").replace(['\u{ff20}', '\u{fe6b}'], "@");
    let shown = shown(&plain);
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let is_delimiter = |c: char| is_slash(c) || matches!(c, '?' | '#');
    let scheme = shown.find(is_delimiter).map_or("", |end| &shown[..end]);
    let has_scheme = scheme.is_empty() || scheme.find(':') == scheme.len().checked_sub(1);
    let rest =
        if has_scheme { shown[scheme.len()..].trim_start_matches(is_slash) } else { &*shown };
    // What stands behind a colon and is no port may be a password.
    let mut passwords = rest.match_indices(':').filter_map(|(colon, _)| {
        let after = &rest[colon + 1..];
        let end = after.find(is_delimiter).unwrap_or(after.len());
        let is_port = after[..end].bytes().all(|byte| byte.is_ascii_digit());
        (!is_port).then_some(colon + 1 + end)
    });
    let (hidden, end) = passwords.next_back().map_or(("", 0), |end| ("***", end));
    let before = &shown[..shown.len() - rest.len()];
    format!("{before}{hidden}{}", &rest[end..]).chars().take(LONGEST).collect()
}

/// The request at the endpoint of this position, if that is what the URL is about. Other escapes than ours, and
/// none where we have some, are the same, and so is a path that differs only in a final slash: the hop has ours.
fn same_at(position: usize, encoded: &Encoded, route: &Route, url: &Url) -> Option<Hop> {
    let hop = Hop::to(route, position, encoded).ok()?;
    let own = Url::parse(&hop.uri.to_string()).ok()?;
    (path(&own) == path(url) && own.query_pairs().eq(url.query_pairs())).then_some(hop)
}

/// The decoded path, without a final slash.
fn path(url: &Url) -> Vec<u8> {
    let mut path: Vec<u8> = percent_decode_str(url.path()).collect();
    path.pop_if(|last| *last == b'/');
    path
}
