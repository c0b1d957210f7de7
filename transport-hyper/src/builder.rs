//! How a transport is put together.

use std::env;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use etcd_v2_proto::Invalid;
use etcd_v2_proto::proxy::Proxies;
#[cfg(feature = "tls")]
use etcd_v2_proto::tls::{Security, Tls};
use http::Uri;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use tokio::time::Instant;
use tower_service::Service;

use crate::HyperTransport;
use crate::connect::{self, Connect};
use crate::failure::HeadLimits;
use crate::pool::{Limits, Pool};
use crate::reach::Reach;
use crate::tcp::TcpConnector;

/// Puts a [`HyperTransport`] together; see [`HyperTransport::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use transport_hyper::HyperTransport;
///
/// let transport = HyperTransport::builder()
///     .no_tcp_keep_alive()
///     .idle_timeout(Some(Duration::from_secs(20)))
///     .max_idle_per_origin(4)
///     .build();
/// # let _ = transport;
/// ```
#[derive(Debug)]
#[must_use = "call `build` to get the transport"]
pub struct Builder {
    /// Unless there is another connector.
    pub(crate) tcp: TcpConnector,
    connector: Option<Box<dyn Connect>>,
    connector_secures: bool,
    /// Those of the environment unless set.
    proxies: Option<Proxies>,
    #[cfg(feature = "tls")]
    security: Security,
    limits: Limits,
    max_head: usize,
    max_response_header_lines: usize,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            tcp: TcpConnector::new(),
            connector: None,
            connector_secures: false,
            proxies: None,
            #[cfg(feature = "tls")]
            security: Security::default(),
            limits: Limits {
                max_idle: 128,
                // As many as there are tasks in a busy service; more cost memory on both sides.
                max_idle_per_origin: 32,
                // Shorter than what firewalls and load balancers forget connections after.
                idle_timeout: Some(Duration::from_secs(60)),
            },
            max_head: 64 << 10,
            max_response_header_lines: USUAL_LINES,
        }
    }

    /// Makes connections with `connector` instead of a plain [`TcpConnector`].
    ///
    /// It is asked for an absolute URI whose path is `/`, and cloned for each connection. TLS is not its
    /// affair: for an `https` endpoint it is asked for `http` and the port, such as
    /// `http://etcd.example:443/`, and TLS is spoken over what it connects with. For a request that goes
    /// through a proxy it is asked for the proxy. The time limit for connecting covers all that it does.
    pub fn connector<C>(mut self, connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + 'static,
        C::Response: Read + Write + Unpin + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
        C::Future: Send,
    {
        self.connector = Some(connect::erase(connector));
        self.connector_secures = false;
        self
    }

    /// Makes connections with `connector`, which does TLS itself.
    ///
    /// For an `https` endpoint it is asked for that endpoint and has to make all of the connection:
    /// neither the settings of TLS nor the [proxies](Self::proxies) apply there, and the time limit for
    /// connecting covers the handshake. In all else it is used as by [`connector`](Self::connector). It
    /// needs no feature of this crate.
    pub fn connector_with_tls<C>(self, connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + 'static,
        C::Response: Read + Write + Unpin + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
        C::Future: Send,
    {
        Self { connector_secures: true, ..self.connector(connector) }
    }

    /// How to secure connections to `https` endpoints.
    ///
    /// [`Tls::new`] unless set; then the CAs of the platform are read when the first such connection
    /// is made, and what is wrong with them is a failure before sending.
    ///
    /// # Errors
    /// What is wrong with the settings; they are looked at here, once and for all.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Result<Self, Invalid> {
        self.security = Security::new(tls)?;
        Ok(self)
    }

    /// Which requests go through which HTTP proxy.
    ///
    /// Unless set, that is up to the environment variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`
    /// at the time of [`build`](Self::build); see [`Proxies::from_vars`].
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Goes straight to every endpoint, whatever the environment says.
    pub fn no_proxy(self) -> Self {
        self.proxies(Proxies::none())
    }

    /// Has the system probe connections that were silent for `idle`, every `interval`, and give them up
    /// after that many `probes` without an answer; 30 seconds, 10 seconds and 3 unless told.
    ///
    /// This is what ends a watch without time limits whose server vanished without a word. Systems count
    /// in whole seconds, and some know only the first number. Where there is a
    /// [user timeout](Self::tcp_user_timeout), Linux takes it in place of the number of probes: a silent peer
    /// is given up at the first probe whose answer is that late, after 40 seconds unless told.
    ///
    /// Go's client, on Linux, has 30 seconds, 30 seconds, the system's 9 probes and no user timeout, which is
    /// five minutes until a silent peer is given up:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use transport_hyper::HyperTransport;
    /// let as_in_go = Duration::from_secs(30);
    /// let builder = HyperTransport::builder().tcp_keep_alive(as_in_go, as_in_go, 9);
    /// let transport = builder.tcp_user_timeout(None).build();
    /// # drop(transport);
    /// ```
    ///
    /// Another [connector](Self::connector) has keep-alive of its own.
    pub fn tcp_keep_alive(mut self, idle: Duration, interval: Duration, probes: u32) -> Self {
        self.tcp = self.tcp.tcp_keep_alive(idle, interval, probes);
        self
    }

    /// Leaves silent peers alone.
    pub fn no_tcp_keep_alive(mut self) -> Self {
        self.tcp = self.tcp.no_tcp_keep_alive();
        self
    }

    /// Has the system give up connections when what was sent on them has not been acknowledged for that
    /// long; 3 seconds unless told, `None` leaves it to the system, which may take a quarter of an hour. It
    /// does so on Linux and Android (`TCP_USER_TIMEOUT`).
    ///
    /// This is what ends a call without time limits that a network swallowed. A server that is stopped
    /// has its system acknowledge all the same, until there is no more room there.
    ///
    /// Linux counts a server whose host answers every probe, but has no room for more, as one that does not
    /// acknowledge. So this limit is lifted from a connection on which 8 KiB or more were written, until the
    /// server responds: a large request is limited by the call's own time limits, and by the system's.
    ///
    /// Another [connector](Self::connector) does as it likes.
    pub fn tcp_user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.tcp = self.tcp.tcp_user_timeout(timeout);
        self
    }

    /// How many unused connections to keep in all; 128 unless told, 0 keeps none.
    ///
    /// The one that was not used for the longest time goes first.
    pub const fn max_idle(mut self, connections: usize) -> Self {
        self.limits.max_idle = connections;
        self
    }

    /// How many unused connections to keep for each origin (scheme, host and port); 32 unless told, 0
    /// keeps none.
    ///
    /// It does not limit how many are in use at the same time.
    pub const fn max_idle_per_origin(mut self, connections: usize) -> Self {
        self.limits.max_idle_per_origin = connections;
        self
    }

    /// How long to keep a connection that is not used; 60 seconds unless told, `None` for ever.
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// How many bytes the head of an answer may have, status line included; 64 KiB unless told.
    ///
    /// A larger one is a failure after sending, and the endpoint is not tried again for the same call. Informational
    /// responses (1xx) before it have the same limit, and so have the trailers of a chunked body, and its chunk sizes as
    /// long as no data come.
    pub const fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// How many header lines the head of a response may have; 100 unless set, 16384 at most.
    ///
    /// More of them are a failure as for [`max_head`](Self::max_head). With another number than 100, each response
    /// costs the memory for that many.
    pub const fn max_response_header_lines(mut self, lines: usize) -> Self {
        self.max_response_header_lines = if lines < MAX_LINES { lines } else { MAX_LINES };
        self
    }

    /// The transport. It opens no connection before it is asked to send something.
    #[must_use]
    pub fn build(self) -> HyperTransport {
        let mut http = http1::Builder::new();
        http.max_buf_size(self.max_head.max(READ_AT_ONCE)).max_header_size(self.max_head);
        if self.max_response_header_lines != USUAL_LINES {
            http.max_headers(self.max_response_header_lines);
        }
        let proxies =
            self.proxies.unwrap_or_else(|| Proxies::from_vars(|name| env::var(name).ok()));
        let reach = Reach {
            connector: self.connector.unwrap_or_else(|| connect::erase_tcp(self.tcp)),
            connector_secures: self.connector_secures,
            proxies,
            #[cfg(feature = "tls")]
            security: self.security,
            http,
            head_limits: HeadLimits { lines: self.max_response_header_lines, bytes: self.max_head },
        };
        HyperTransport {
            pool: Arc::new(Pool::new(self.limits)),
            reach: Arc::new(reach),
            epoch: Instant::now(),
            max_head: self.max_head,
        }
    }
}

/// The default of hyper, which needs no allocation for that many.
const USUAL_LINES: usize = 100;

/// A map of headers holds half as many again; hyper would panic when there were more.
const MAX_LINES: usize = 16_384;

/// Large bodies are read in pieces that grow from 8 KiB up to this size, in bytes.
const READ_AT_ONCE: usize = 128 << 10;

// Other systems do not tell all that was set.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::SockRef;

    use super::*;

    /// Connects as the transport would, and says whether and how its peer is probed.
    async fn probes(mut builder: Builder) -> Option<(Duration, Duration, u32)> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let stream = builder.tcp.call(uri).await.unwrap();
        let socket = SockRef::from(stream.inner());
        socket.keepalive().unwrap().then(|| {
            let idle = socket.tcp_keepalive_time().unwrap();
            let interval = socket.tcp_keepalive_interval().unwrap();
            (idle, interval, socket.tcp_keepalive_retries().unwrap())
        })
    }

    /// Connects as the transport would, and says for how long the system bears with no acknowledgement.
    async fn user_timeout(mut builder: Builder) -> Option<Duration> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let stream = builder.tcp.call(uri).await.unwrap();
        SockRef::from(stream.inner()).tcp_user_timeout().unwrap()
    }

    #[tokio::test]
    async fn peers_that_acknowledge_nothing_are_given_up_as_the_settings_say() {
        let (three, seven) = (Some(Duration::from_secs(3)), Some(Duration::from_secs(7)));
        assert_eq!(user_timeout(Builder::new()).await, three);
        assert_eq!(user_timeout(Builder::new().tcp_user_timeout(seven)).await, seven);
        let systems = user_timeout(Builder::new().tcp_user_timeout(None)).await;
        assert_eq!(systems.unwrap_or_default(), Duration::ZERO);
    }

    #[tokio::test]
    async fn silent_peers_are_probed_as_the_settings_say() {
        let (ten, thirty) = (Duration::from_secs(10), Duration::from_secs(30));
        assert_eq!(probes(Builder::new()).await, Some((thirty, ten, 3)));
        let as_in_go = Builder::new().tcp_keep_alive(thirty, thirty, 9);
        assert_eq!(probes(as_in_go).await, Some((thirty, thirty, 9)));
        assert_eq!(probes(Builder::new().no_tcp_keep_alive()).await, None);
    }
}
