//! Asking a proxy for a connection to a server behind it.

use std::fmt;

use http::StatusCode;
use zeroize::Zeroizing;

use crate::proxy::Proxy;

/// A `CONNECT` request and its answer, which comes in pieces.
///
/// ```
/// # use etcd_v2_proto::proxy::Proxies;
/// # let uri = "https://etcd.example:2379/".parse::<http::Uri>()?;
/// # let proxies = Proxies::all("http://proxy.example:3128")?;
/// # let proxy = proxies.proxy_for(&uri)?.ok_or("no proxy")?;
/// let mut tunnel = proxy.tunnel(&uri);
/// assert!(tunnel.request().starts_with(b"CONNECT etcd.example:2379 HTTP/1.1\r\n"));
/// assert!(!tunnel.receive(b"HTTP/1.1 200 Connection esta")?);
/// assert!(tunnel.receive(b"blished\r\n\r\n")?, "from here on the server is at the other end");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tunnel {
    proxy: Proxy,
    /// Host and port.
    target: String,
    request: Zeroizing<String>,
    answer: Vec<u8>,
}

/// Why there is no tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The proxy wants a user name and a password, or others.
    #[error(
        "the proxy {proxy} {}",
        if *.tried {
            format!("does not accept the user name and password in its URL ({})", status.as_u16())
        } else {
            format!("wants a user name and a password ({}): put them into its URL", status.as_u16())
        }
    )]
    Login {
        /// The proxy.
        proxy: String,
        /// What the proxy said: 407, or 401 as tinyproxy has it where they are wrong.
        status: StatusCode,
        /// Whether it was given some.
        tried: bool,
    },
    /// The proxy cannot reach the server, or will not.
    #[error("the proxy {proxy} {} {target} ({status})", if status.is_server_error() {
        "cannot connect to"
    } else {
        "refuses to connect to"
    })]
    Refused {
        /// The proxy.
        proxy: String,
        /// The host and port that were asked for.
        target: String,
        /// What the proxy said.
        status: StatusCode,
    },
    /// The answer is none that an HTTP proxy gives.
    #[error("what listens at {proxy} does not answer as an HTTP proxy does")]
    NoProxy {
        /// What was taken for a proxy.
        proxy: String,
    },
    /// The proxy closed the connection before the end of its answer.
    #[error("the proxy {proxy} closed the connection without an answer")]
    Closed {
        /// The proxy.
        proxy: String,
    },
}

impl Tunnel {
    pub(super) fn new(proxy: &Proxy, target: String) -> Self {
        let authorization = proxy.authorization();
        let authorization = authorization.as_ref().and_then(|value| value.to_str().ok());
        let login = authorization.map_or(0, |value| LOGIN.len() + value.len() + 2);
        // With room for all of it, so that growing leaves no copy behind.
        let length = 2 * target.len() + login + 40;
        let mut request = Zeroizing::new(String::with_capacity(length));
        for part in ["CONNECT ", &target, " HTTP/1.1\r\nHost: ", &target, "\r\n"] {
            request.push_str(part);
        }
        if let Some(value) = authorization {
            for part in [LOGIN, value, "\r\n"] {
                request.push_str(part);
            }
        }
        request.push_str("\r\n");
        Self { proxy: proxy.clone(), target, request, answer: Vec::new() }
    }

    /// The bytes to send to the proxy.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    /// Takes what the proxy said, and tells whether the tunnel is open; if not, there is more to come.
    ///
    /// # Errors
    /// When the proxy says no or does not make sense; saying more than its answer is no sense either,
    /// because in TLS the client speaks first.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<bool, TunnelError> {
        let seen = self.answer.len().saturating_sub(END.len() - 1);
        self.answer.extend_from_slice(bytes);
        let end = self.answer[seen..].windows(END.len()).position(|window| window == END);
        let begun = self.answer.len().min(START.len());
        let (head, rest) = self.answer.split_at(end.map_or(self.answer.len(), |end| seen + end));
        if head[..begun] != START[..begun] || head.len() > LONGEST {
            return Err(self.nonsense());
        }
        if end.is_none() {
            return Ok(false);
        }
        // `HTTP/1.1 200 …`
        let status = head.get(9..12).and_then(|digits| StatusCode::from_bytes(digits).ok());
        let proxy = self.proxy.to_string();
        match status {
            None => Err(self.nonsense()),
            Some(status) if status.is_success() && rest == END => Ok(true),
            Some(status) if status.is_success() => Err(self.nonsense()),
            Some(
                status @ (StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED),
            ) => {
                let tried = self.proxy.credentials.is_some();
                Err(TunnelError::Login { proxy, status, tried })
            }
            Some(status) => {
                Err(TunnelError::Refused { proxy, target: self.target.clone(), status })
            }
        }
    }

    /// What it means that the proxy closed the connection instead.
    #[must_use]
    pub fn closed(&self) -> TunnelError {
        TunnelError::Closed { proxy: self.proxy.to_string() }
    }

    fn nonsense(&self) -> TunnelError {
        TunnelError::NoProxy { proxy: self.proxy.to_string() }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("proxy", &self.proxy)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

const LOGIN: &str = "Proxy-Authorization: ";
const START: &[u8] = b"HTTP/1.";
const END: &[u8] = b"\r\n\r\n";

/// The longest head of an answer to take.
const LONGEST: usize = 16 << 10;
