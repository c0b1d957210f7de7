//! The connector for plain TCP.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower_service::Service;

use crate::tcp::preferred::Preferred;
use crate::tcp::resolver::Resolver;
use crate::user_timeout;

mod preferred;
mod race;
mod resolver;
#[cfg(test)]
mod tests;

/// Connects over TCP, without delaying small packets (`TCP_NODELAY`) and with keep-alive probes.
///
/// The system looks up each name once at a time, for all connections that wait for it, on up to 4 threads that belong
/// to no runtime; more, up to 32, if lookups hang. A result is used for 100 milliseconds.
///
/// The address of a name that accepted the latest connection is tried first, then the others in the order of the
/// resolver. The next address is tried when one fails or has not answered within 250 milliseconds, or sooner if there
/// are so many that the last one would not have half of the limit for connecting; the first to answer is used. The
/// connector has no time limit of its own.
#[derive(Clone, Debug)]
pub struct TcpConnector {
    keep_alive: Option<TcpKeepalive>,
    user_timeout: Option<Duration>,
    /// How long the caller waits for a connection.
    limit: Option<Duration>,
    /// That of the system unless it is another one.
    resolver: Option<Arc<Resolver>>,
}

impl TcpConnector {
    /// A connector that has the system probe connections that were silent for 30 seconds, every 10
    /// seconds, and give them up after 3 probes without an answer, or when what was sent has not been
    /// acknowledged for 3 seconds.
    #[must_use]
    pub const fn new() -> Self {
        let (idle, interval) = (Duration::from_secs(30), Duration::from_secs(10));
        let user_timeout = Some(Duration::from_secs(3));
        let tcp = Self { keep_alive: None, user_timeout, limit: None, resolver: None };
        tcp.tcp_keep_alive(idle, interval, 3)
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
    /// `None` leaves it to the system. It does so on Linux and Android, and not while the response to a large request
    /// is awaited.
    ///
    /// For connectors that are built on this one; otherwise it is set by the method of the same name of
    /// the [builder](crate::Builder::tcp_user_timeout), which says more about it.
    #[must_use]
    pub const fn tcp_user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.user_timeout = timeout;
        self
    }

    /// For a caller that waits no longer than this.
    pub(crate) const fn within(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<TcpStream>> {
        let (host, port) = target(&uri)?;
        let (stream, _) = match host.parse::<IpAddr>() {
            Ok(address) => race::connect(SocketAddr::new(address, port)).await?,
            Err(_) => self.connect_by_name(host, port).await?,
        };
        // A system that refuses an option can still connect.
        let _ = stream.set_nodelay(true);
        if let Some(keep_alive) = &self.keep_alive {
            let _ = SockRef::from(&stream).set_tcp_keepalive(keep_alive);
        }
        user_timeout::set(&stream, self.user_timeout);
        Ok(TokioIo::new(stream))
    }

    async fn connect_by_name(&self, host: &str, port: u16) -> io::Result<(TcpStream, SocketAddr)> {
        let started = Instant::now();
        let resolver = self.resolver.clone().unwrap_or_else(Resolver::system);
        let mut addresses = resolver.resolve(host, port).await?;
        PREFERRED.to_front(host, &mut addresses);
        let is_a_choice = addresses.len() > 1;
        let left = self.limit.map(|limit| limit.saturating_sub(started.elapsed()));
        let connected = race::race(addresses, left).await?;
        if is_a_choice {
            PREFERRED.remember(host, connected.1);
        }
        Ok(connected)
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

/// Addresses are those of hosts, whichever connector found them.
static PREFERRED: Preferred = Preferred::new();
