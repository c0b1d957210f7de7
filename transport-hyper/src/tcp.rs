//! The connector for plain TCP.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::tcp::race::race;

mod race;

/// Connects over TCP, without delaying small packets (`TCP_NODELAY`) and with keep-alive probes.
///
/// The addresses of a name are tried in the order in which the resolver gives them, the next one
/// when one fails or has not answered within 250 milliseconds; the first to answer is taken. There
/// is no time limit of its own.
#[derive(Clone, Debug)]
pub struct TcpConnector {
    keep_alive: Option<TcpKeepalive>,
    user_timeout: Option<Duration>,
}

impl TcpConnector {
    /// A connector that has the system probe connections that were silent for 30 seconds, every 10
    /// seconds, and give them up after 3 probes without an answer, or when what was sent has not been
    /// acknowledged for 3 seconds.
    #[must_use]
    pub const fn new() -> Self {
        let (idle, interval) = (Duration::from_secs(30), Duration::from_secs(10));
        let user_timeout = Some(Duration::from_secs(3));
        Self { keep_alive: None, user_timeout }.tcp_keep_alive(idle, interval, 3)
    }

    /// Has the system probe connections that were silent for `idle`, every `interval`, and give them
    /// up after that many `probes` without an answer.
    ///
    /// For connectors that are built on this one; otherwise it is set by the method of the same name of
    /// the [builder](crate::Builder::tcp_keep_alive), which says more about it.
    #[must_use]
    pub const fn tcp_keep_alive(mut self, idle: Duration, interval: Duration, probes: u32) -> Self {
        let keep_alive = TcpKeepalive::new().with_time(idle);
        #[cfg(any(
            target_os = "android",
            target_os = "freebsd",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "windows",
        ))]
        let keep_alive = keep_alive.with_interval(interval).with_retries(probes);
        let _ = (interval, probes);
        self.keep_alive = Some(keep_alive);
        self
    }

    /// Leaves silent peers alone.
    #[must_use]
    pub const fn no_tcp_keep_alive(mut self) -> Self {
        self.keep_alive = None;
        self
    }

    /// Has the system give up connections when what was sent has not been acknowledged for that long;
    /// `None` leaves it to the system. It does so on Linux and Android.
    ///
    /// For connectors that are built on this one; otherwise it is set by the method of the same name of
    /// the [builder](crate::Builder::tcp_user_timeout), which says more about it.
    #[must_use]
    pub const fn tcp_user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.user_timeout = timeout;
        self
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let (host, port) = target(&uri)?;
        let stream = match host.parse::<IpAddr>() {
            Ok(address) => TcpStream::connect(SocketAddr::new(address, port)).await?,
            Err(_) => race(tokio::net::lookup_host((host, port)).await?).await?,
        };
        // A system that refuses an option can still connect.
        let _ = stream.set_nodelay(true);
        if let Some(keep_alive) = &self.keep_alive {
            let _ = SockRef::from(&stream).set_tcp_keepalive(keep_alive);
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Some(timeout) = self.user_timeout {
            let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(timeout));
        }
        Ok(TokioIo::new(stream))
    }
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Uri> for TcpConnector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        Connecting(Box::pin(self.clone().connect(uri)))
    }
}

/// A connection that a [`TcpConnector`] is making.
pub struct Connecting(Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>);

impl Future for Connecting {
    type Output = io::Result<TokioIo<TcpStream>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
fn target(uri: &Uri) -> io::Result<(&str, u16)> {
    let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::Unsupported, reason));
    let scheme = uri.scheme();
    if scheme == Some(&Scheme::HTTPS) {
        return refuse("https needs a connector that speaks TLS".to_owned());
    }
    let (Some(scheme), Some(host)) = (scheme, uri.host()) else {
        return refuse("there is no host to connect to".to_owned());
    };
    if *scheme != Scheme::HTTP {
        return refuse(format!("the scheme {scheme} is not supported"));
    }
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok((literal.unwrap_or(host), uri.port_u16().unwrap_or(80)))
}
