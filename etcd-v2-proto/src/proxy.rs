//! Which HTTP proxy a request goes through, and how it is asked.
//!
//! [`Proxies`] knows the rules: those of the environment, read as Go's `ProxyFromEnvironment` reads
//! them, or one proxy for everything. A [`Proxy`] is one such proxy. A plain `http` request is sent to
//! it as it is, with the whole URI in its first line and [`Proxy::authorization`] among its headers;
//! for `https` it is asked for a [`Tunnel`] first. There is no I/O here: a transport does that.
//!
//! Only `http://` proxies are supported: one that is reached by `https://` or `socks5://`, which Go would
//! take, is an error of the requests that would go through it.

mod exempt;
#[cfg(test)]
mod tests;
mod tunnel;

pub use tunnel::{Tunnel, TunnelError};

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::header::HeaderValue;
use http::uri::Scheme;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::credentials::Credentials;
use crate::endpoint::{ZONE_ADVICE, has_zone};
use crate::error::Invalid;
use crate::proxy::exempt::Exempt;

/// The rules by which requests go through proxies; by default, none does.
///
/// ```
/// use etcd_v2_proto::proxy::Proxies;
///
/// let proxies = Proxies::all("http://user:secret@proxy.example:3128")?.except("10.0.0.0/8,.local");
/// let proxy = proxies.proxy_for(&"https://etcd.example:2379/v2/keys".try_into()?)?;
/// assert_eq!(proxy.map(ToString::to_string).as_deref(), Some("http://proxy.example:3128"));
/// assert!(proxies.proxy_for(&"http://10.0.0.1:2379/v2/keys".try_into()?)?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    rules: Option<Arc<Rules>>,
}

#[derive(Clone, Debug)]
struct Rules {
    http: Choice,
    https: Choice,
    exempt: Exempt,
}

/// No proxy, or one, or something that is none and spoils the requests that would go through it.
type Choice = Option<Result<Proxy, Invalid>>;

impl Proxies {
    /// Every request goes straight to its endpoint.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Every request goes through this proxy, those to this machine included, unless
    /// [excepted](Self::except).
    ///
    /// # Errors
    /// When `url` is not that of an HTTP proxy: `http://`, perhaps a user name and a password, host
    /// and port (80 if left out). `http://` may be missing.
    pub fn all(url: &str) -> Result<Self, Invalid> {
        let proxy = Proxy::parse("proxy", url)?;
        let (http, https) = (Some(Ok(proxy.clone())), Some(Ok(proxy)));
        Ok(Self { rules: Some(Arc::new(Rules { http, https, exempt: Exempt::default() })) })
    }

    /// The proxies that environment variables name; `lookup` gives the value of one.
    ///
    /// - `HTTP_PROXY` is for `http` endpoints, `HTTPS_PROXY` for `https` endpoints; in lower case if
    ///   there is none in upper case. The form is that of [`all`](Self::all).
    /// - `NO_PROXY`, or `no_proxy`, lists exceptions as [`except`](Self::except) takes them.
    /// - `localhost`, names below it and loopback addresses are always excepted.
    /// - Where `REQUEST_METHOD` is set, the program may be a CGI script, to which anybody in the world
    ///   can give an `HTTP_PROXY`. So that is refused there.
    ///
    /// A value that names no HTTP proxy, and a refused one, are errors of the requests that would go
    /// through it, and of no others.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let either = |upper: &str, lower: &str| {
            let full = |name| lookup(name).filter(|value| !value.is_empty());
            full(upper).or_else(|| full(lower))
        };
        let mut http = either("HTTP_PROXY", "http_proxy")
            .map(|value| Proxy::parse("HTTP_PROXY", value.trim()));
        if http.is_some() && either("REQUEST_METHOD", "REQUEST_METHOD").is_some() {
            http = Some(Err(Invalid::new(
                "HTTP_PROXY",
                "not used while REQUEST_METHOD is set: in a CGI script it may be a header of the \
                 request; set the proxy explicitly, or switch proxies off",
            )));
        }
        let https = either("HTTPS_PROXY", "https_proxy")
            .map(|value| Proxy::parse("HTTPS_PROXY", value.trim()));
        if http.is_none() && https.is_none() {
            return Self::none();
        }
        let mut exempt = Exempt::this_machine();
        if let Some(list) = either("NO_PROXY", "no_proxy") {
            exempt.add(&list);
        }
        Self { rules: Some(Arc::new(Rules { http, https, exempt })) }
    }

    /// Goes straight to the hosts of this list, separated by commas.
    ///
    /// - `example.com` stands for that host and all below it, `.example.com` and `*.example.com` only
    ///   for those below it;
    /// - `10.0.0.1` and `::1` stand for an address, `10.0.0.0/8` for a network;
    /// - a host or an address may have a port, as in `10.0.0.1:2379` or `[::1]:2379`, and then means
    ///   that port only;
    /// - `*` stands for everything.
    ///
    /// Names are not resolved: an address is compared with endpoints that are written as addresses.
    #[must_use]
    pub fn except(mut self, list: &str) -> Self {
        if let Some(rules) = &mut self.rules {
            Arc::make_mut(rules).exempt.add(list);
        }
        self
    }

    /// The proxy that a request for this absolute URI goes through, if any.
    ///
    /// # Errors
    /// When it would go through something that is not an HTTP proxy.
    pub fn proxy_for(&self, uri: &Uri) -> Result<Option<&Proxy>, Invalid> {
        let Some(rules) = &self.rules else { return Ok(None) };
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let (choice, port) = if is_https { (&rules.https, 443) } else { (&rules.http, 80) };
        let Some(choice) = choice else { return Ok(None) };
        let host = uri.host().unwrap_or_default();
        if rules.exempt.covers(bare(host), uri.port_u16().unwrap_or(port)) {
            return Ok(None);
        }
        choice.as_ref().map(Some).map_err(Invalid::clone)
    }
}

/// An HTTP proxy. Displayed as its URL without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Without brackets.
    host: Box<str>,
    port: u16,
    credentials: Option<Credentials>,
}

impl Proxy {
    /// Reads a URL that may lack its scheme. No error contains the value, which may have a password.
    fn parse(field: &'static str, value: &str) -> Result<Self, Invalid> {
        // The parser of URLs would leave them out, and read another host or password.
        if value.trim().contains(char::is_control) {
            let reason = "has a line break, a tab or another control character";
            return Err(Invalid::new(field, reason));
        }
        // `proxy:3128` would be a URL with the scheme `proxy`.
        let url = match value.contains("://") {
            true => Url::parse(value),
            false => Url::parse(&format!("http://{value}")),
        };
        if has_zone(value) {
            return Err(Invalid::new(field, ZONE_ADVICE));
        }
        let url = url.map_err(|error| Invalid::new(field, format!("is not a URL: {error}")))?;
        if url.scheme() != "http" {
            let reason =
                format!("{}:// proxies are not supported, only http:// ones", url.scheme());
            return Err(Invalid::new(field, reason));
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(Invalid::new(field, "has no host"));
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let user = percent_decode_str(user).decode_utf8_lossy();
                let password = percent_decode_str(password.unwrap_or_default()).decode_utf8_lossy();
                let credentials = Credentials::new(&user, &password);
                Some(credentials.map_err(|error| Invalid::new(field, error.to_string()))?)
            }
        };
        Ok(Self {
            host: bare(host).into(),
            port: url.port_or_known_default().unwrap_or(80),
            credentials,
        })
    }

    /// The host to connect to: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the header `Proxy-Authorization`, marked as sensitive, if the proxy's URL has a
    /// user name.
    #[must_use]
    pub fn authorization(&self) -> Option<HeaderValue> {
        self.credentials.as_ref().and_then(Credentials::header)
    }

    /// Begins to ask for a tunnel to the host of an absolute URI.
    #[must_use]
    pub fn tunnel(&self, uri: &Uri) -> Tunnel {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let target = format!("{}:{port}", uri.host().unwrap_or_default());
        Tunnel::new(self, target)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "http://[{host}]:{port}")
        } else {
            write!(f, "http://{host}:{port}")
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
