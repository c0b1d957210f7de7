//! Where a member of the cluster listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use url::Url;

use crate::credentials::Credentials;
use crate::error::Invalid;

/// The URL of a member: `http` or `https`, a host, perhaps a port, perhaps a path as a prefix.
///
/// Without a port it is that of the scheme, 80 or 443, and not etcd's 2379. Two endpoints are equal if they
/// stand for the same place; user information does not count and is never shown. Cheap to clone.
///
/// White space around the text is left out. Line breaks, tabs and other control characters within it are
/// refused.
///
/// ```
/// use etcd_v2_proto::Endpoint;
///
/// let endpoint: Endpoint = "http://10.0.0.1:2379/".parse()?;
/// assert_eq!(endpoint.to_string(), "http://10.0.0.1:2379");
///
/// let error = "localhost:2379".parse::<Endpoint>().unwrap_err();
/// assert!(error.to_string().contains("http://localhost:2379"), "it says what to write");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

/// Where a host is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An unspecified address, at which only a server can listen.
    Nowhere,
    /// This machine.
    Here,
    /// An address that means another host on each network.
    LinkLocal,
    /// An address of many hosts at once.
    Multicast,
    /// Where a cloud hands out the secrets of a machine to whatever runs on it.
    Metadata,
    Elsewhere,
}

/// The addresses at which clouds serve metadata.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

struct Inner {
    scheme: Scheme,
    authority: Authority,
    /// The value of the `Host` header.
    host: HeaderValue,
    /// Without a slash at its end, empty for none.
    prefix: String,
    /// The whole URL without user information.
    text: String,
    credentials: Option<Credentials>,
}

impl Endpoint {
    /// Reads endpoints from texts: each is a URL, or several with commas between them.
    ///
    /// # Errors
    /// Texts that are no URLs of http or https.
    pub fn parse_list<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Self>, Invalid> {
        let mut endpoints = Vec::new();
        for text in texts {
            let mut rest = Some(text.as_ref());
            while let Some(text) = rest {
                let (part, further) = match text.split_once(',') {
                    Some((part, further)) => (part, Some(further)),
                    None => (text, None),
                };
                endpoints.push(part.parse().map_err(|error| {
                    let until_scheme = further.and_then(|text| text.split("://").next());
                    let cut = until_scheme.is_some_and(|text| text.contains('@'));
                    // Half a password could be in what the part shows.
                    if cut && !part.contains('@') { comma_in_user_information(text) } else { error }
                })?);
                rest = further;
            }
        }
        Ok(endpoints)
    }

    /// The user information of the URL, if it had any.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.inner.credentials.as_ref()
    }

    /// The URL, without user information and without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.inner.text
    }

    /// Whether this endpoint is where `url` leads.
    pub(crate) fn is_origin_of(&self, url: &Url) -> bool {
        Url::parse(self.as_str()).is_ok_and(|own| own.origin() == url.origin())
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.inner.scheme == Scheme::HTTPS
    }

    /// Where the host is.
    pub(crate) fn place(&self) -> Place {
        let host = self.inner.authority.host();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| ip.to_canonical());
        match ip {
            Ok(ip) if ip.is_unspecified() => Place::Nowhere,
            Ok(ip) if ip.is_loopback() => Place::Here,
            Ok(ip) if METADATA.contains(&ip) => Place::Metadata,
            Ok(ip) if ip.is_multicast() || ip == Ipv4Addr::BROADCAST => Place::Multicast,
            Ok(IpAddr::V4(ip)) if ip.is_link_local() => Place::LinkLocal,
            Ok(IpAddr::V6(ip)) if ip.is_unicast_link_local() => Place::LinkLocal,
            Err(_) if is_this_machine(host) => Place::Here,
            _ => Place::Elsewhere,
        }
    }

    /// Whether the port is 0, at which no server can listen.
    pub(crate) fn is_port_0(&self) -> bool {
        self.inner.authority.port_u16() == Some(0)
    }

    /// Whether it has a path, which is put before those of the API.
    pub(crate) fn has_path(&self) -> bool {
        !self.inner.prefix.is_empty()
    }

    pub(crate) fn host(&self) -> HeaderValue {
        self.inner.host.clone()
    }

    /// The address of a path of the API at this endpoint.
    pub(crate) fn uri(&self, path_and_query: &PathAndQuery) -> Result<Uri, Invalid> {
        let Inner { scheme, authority, prefix, .. } = &*self.inner;
        let path_and_query = if prefix.is_empty() {
            path_and_query.clone()
        } else {
            let text = format!("{prefix}{path_and_query}");
            PathAndQuery::from_maybe_shared(Bytes::from(text))
                .map_err(|error| Invalid::new("endpoint", error.to_string()))?
        };
        let mut parts = Parts::default();
        parts.scheme = Some(scheme.clone());
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).map_err(|error| Invalid::new("path", error.to_string()))
    }
}

impl FromStr for Endpoint {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let refuse = |reason: &str| Invalid::new("endpoint", format!("{:?} {reason}", shown(text)));
        if text.is_empty() {
            let reason = "is empty; give one such as http://127.0.0.1:2379";
            return Err(Invalid::new("endpoint", reason));
        }
        // The parser of URLs would leave line breaks and tabs out, and read another host or password.
        if text.contains(char::is_control) {
            return Err(refuse(
                "has a line break, a tab or another control character; separate endpoints with commas",
            ));
        }
        if !text.contains("://") {
            if text.starts_with("http:") || text.starts_with("https:") {
                return Err(refuse(
                    "needs two slashes after the scheme, as in http://10.0.0.1:2379",
                ));
            }
            let port = if text.contains(':') { "" } else { ":2379" };
            let advice =
                format!("has no scheme; write http://{0}{port} or https://{0}{port}", shown(text));
            return Err(refuse(&advice));
        }
        if has_zone(text) {
            return Err(refuse(ZONE_ADVICE));
        }
        let url = Url::parse(text).map_err(|error| refuse(&format!("is not a URL: {error}")))?;
        let scheme = match url.scheme() {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(refuse("has a scheme other than http and https")),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment; only a path may follow the port"));
        }
        // What was meant for a user name or a password would be a part of the path, sent and shown.
        if url.path().contains('@') {
            return Err(refuse(
                "has an @ in its path; in user information, write / as %2F and \\ as %5C",
            ));
        }
        let host = url.host_str().ok_or_else(|| refuse("has no host"))?;
        let place = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let unusable = |error: http::uri::InvalidUri| refuse(&format!("is unusable: {error}"));
        let authority = Authority::from_str(&place).map_err(unusable)?;
        let host = HeaderValue::from_str(&place).map_err(|_| refuse("has an unusable host"))?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        if prefix.ends_with("/v2/keys") || prefix.ends_with("/v2") {
            return Err(refuse("ends in a path of the API; give only what stands before /v2"));
        }
        let text = format!("{scheme}://{place}{prefix}");
        let credentials = credentials_of(&url).map_err(|error| refuse(&error.to_string()))?;
        let inner = Inner { scheme, authority, host, prefix, text, credentials };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl AsRef<str> for Endpoint {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.inner.text.clone()
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.text == other.inner.text
    }
}

impl Eq for Endpoint {}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Whether a name, in small letters, is `localhost` or below it, which is always this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    whole(host).rsplit('.').next() == Some("localhost")
}

/// A name without the dot at its end that says that it is whole.
pub(crate) fn whole(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// The user information of a URL, with its percent-encoding undone.
fn credentials_of(url: &Url) -> Result<Option<Credentials>, Invalid> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let password = decode(url.password().unwrap_or_default());
    Credentials::new(&decode(url.username()), &password).map(Some)
}

/// Whether the host of a URL is an IPv6 address with a zone identifier, in brackets or not.
pub(crate) fn has_zone(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.split_once('%').is_some_and(|(address, _)| {
        address.strip_prefix('[').unwrap_or(address).parse::<Ipv6Addr>().is_ok()
    })
}

pub(crate) const ZONE_ADVICE: &str = "has a zone identifier (what follows % in an IPv6 address), which is not \
                                      supported: use an address that needs none, or a host name that the system \
                                      resolves to this one";

fn comma_in_user_information(text: &str) -> Invalid {
    let reason = "is no list of URLs; a comma in user information has to be written as %2C";
    Invalid::new("endpoint", format!("{:?} {reason}", shown(text)))
}

/// What may be shown of a text that was meant as a URL: not what stands before the last `@`.
pub(crate) fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        None => text.to_owned(),
        Some((before, after)) => {
            // Whatever else stands there may belong to the user information of another URL.
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme.trim_start());
            let scheme = if scheme.chars().all(is_scheme) { scheme } else { "" };
            let separator = if scheme.is_empty() { "" } else { "://" };
            format!("{scheme}{separator}***@{after}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        text.parse::<Endpoint>().unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_the_culprit_and_the_remedy() {
        for (text, says) in [
            ("", "empty"),
            ("localhost:2379", "write http://localhost:2379"),
            ("10.0.0.1:2379", "has no scheme"),
            ("localhost", "write http://localhost:2379"),
            ("http:/127.0.0.1:2379", "two slashes"),
            ("http://127.0.0.1:2379/v2/keys/", "before /v2"),
            ("unix:///run/etcd.sock", "scheme other than"),
            ("http://", "not a URL"),
            ("http://host:99999", "not a URL"),
            ("http://host?x=1", "query"),
            ("http://host#top", "fragment"),
            ("http://[fe80::1%25eth0]:2379", "zone identifier"),
            ("https://[fe80::1%eth0]:2379/base", "zone identifier"),
            ("http://[fe80::1%3]", "zone identifier"),
            ("http://root:pw@[fe80::1%25eth0]:2379", "zone identifier"),
            ("http://fe80::1%25eth0:2379", "zone identifier"),
            ("http://fe80::1%eth0", "zone identifier"),
            ("http://[fe80::1]%eth0:2379", "not a URL"),
            ("http://a:b:c@host:x", "not a URL"),
            ("http://a%3Ab:c@host", "colon"),
            ("http://dom\\root:hunter2@host:2379", "write / as %2F"),
            ("http://root:12/34@host:2379", "write / as %2F"),
            ("http://ho\r\nst:2379", "line break"),
            ("http://host:23\n79", "line break"),
            ("http://host:2379\r/base", "line break"),
            ("http://host:2379/ba\tse", "a tab"),
            ("ht\ntp://host:2379", "line break"),
            ("http:/\n/host:2379", "line break"),
            ("http://host:2379\nhttp://other:2379", "commas"),
            ("http://root:hun\nter2@host:2379", "line break"),
            ("http://host\0:2379", "control character"),
            ("\u{1}http://host:2379", "control character"),
            ("http://host:2379\u{7f}", "control character"),
            ("http://host:2379/\u{85}x", "control character"),
        ] {
            assert!(refusal(text).contains(says), "{text}: {}", refusal(text));
        }
    }

    #[test]
    fn passwords_are_never_shown() {
        let good: Endpoint = "http://root:hunter2@host:1/base/".parse().unwrap();
        assert_eq!(good.to_string(), "http://host:1/base");
        assert_eq!(good.credentials().map(Credentials::user), Some("root"));
        let texts = [
            format!("{good:?} {:?}", good.credentials()),
            refusal("root:hunter2@host"),
            refusal("http://root:hunter2@host:x"),
            refusal("ftp://root:hunter2@host"),
            refusal("http://dom\\root:hunter2@host"),
            refusal("http://root/x:hunter2@host"),
            refusal("root:hunter2@host, http://eve@host"),
            refusal("http://root:hunter2\n@host"),
            refusal("http://root:hunter2@ho\nst"),
        ];
        for text in texts {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn white_space_around_an_endpoint_is_left_out() {
        for text in
            ["http://host:1\n", "\r\nhttp://host:1\r\n", " http://host:1\t", "\n http://host:1 "]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().as_str(), "http://host:1", "{text:?}");
        }
        let list = Endpoint::parse_list(["http://a:1,\n  http://b:2\n"]).unwrap();
        assert_eq!(
            list.iter().map(Endpoint::as_str).collect::<Vec<_>>(),
            ["http://a:1", "http://b:2"]
        );
    }

    #[test]
    fn user_information_is_decoded() {
        let endpoint: Endpoint = "http://us%40er:p%40ss@host".parse().unwrap();
        let expected = Credentials::new("us@er", "p@ss").unwrap();
        assert_eq!(endpoint.credentials(), Some(&expected));
    }

    #[test]
    fn a_path_is_a_prefix_and_the_default_port_is_the_scheme_s() {
        let endpoint: Endpoint = "https://[::1]/base/".parse().unwrap();
        let path = PathAndQuery::from_static("/v2/keys/a?x=1");
        assert_eq!(endpoint.uri(&path).unwrap(), "https://[::1]/base/v2/keys/a?x=1");
        assert_eq!(endpoint.host(), "[::1]");
        assert!(endpoint.is_origin_of(&Url::parse("https://[::1]:443/x").unwrap()));
        assert!(!endpoint.is_origin_of(&Url::parse("http://[::1]:443/x").unwrap()));
    }
}
