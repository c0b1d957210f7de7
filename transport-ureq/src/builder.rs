//! The settings of a transport.

use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use etcd_v2_proto::Invalid;
use etcd_v2_proto::proxy::Proxies;
#[cfg(feature = "tls")]
use etcd_v2_proto::tls::{Security, Tls};
use socket2::TcpKeepalive;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::UreqTransport;
use crate::connector::{LateResolver, ReachConnector};
use crate::dial::Dialer;
use crate::lookup::Lookups;
use crate::race::Winners;
use crate::reach::Reach;

/// Settings of a [`UreqTransport`]; made by [`UreqTransport::builder`].
///
/// ```
/// use std::time::Duration;
///
/// let transport = transport_ureq::UreqTransport::builder()
///     .max_idle_per_origin(4)
///     .idle_timeout(Some(Duration::from_secs(20)))
///     .build();
/// # drop(transport);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing before `build`"]
pub struct Builder {
    keep_alive: Option<TcpKeepalive>,
    user_timeout: Option<Duration>,
    max_head: usize,
    max_idle: usize,
    max_idle_per_origin: usize,
    idle_timeout: Option<Duration>,
    /// Those of the environment unless set.
    proxies: Option<Proxies>,
    #[cfg(feature = "tls")]
    security: Security,
    adjust: Adjust,
}

impl Builder {
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
    /// # use transport_ureq::UreqTransport;
    /// let as_in_go = Duration::from_secs(30);
    /// let builder = UreqTransport::builder().tcp_keep_alive(as_in_go, as_in_go, 9);
    /// let transport = builder.tcp_user_timeout(None).build();
    /// # drop(transport);
    /// ```
    pub const fn tcp_keep_alive(mut self, idle: Duration, interval: Duration, probes: u32) -> Self {
        self.keep_alive = Some(keep_alive(idle, interval, probes));
        self
    }

    /// Leaves silent peers alone.
    pub const fn no_tcp_keep_alive(mut self) -> Self {
        self.keep_alive = None;
        self
    }

    /// Has the system give up connections when what was sent on them has not been acknowledged for that
    /// long; 3 seconds unless told, `None` leaves it to the system, which may take a quarter of an hour. It
    /// does so on Linux and Android (`TCP_USER_TIMEOUT`).
    ///
    /// This is what ends a call without time limits that a network swallowed. A server that is stopped
    /// has its system acknowledge all the same, until there is no more room there: of a small request, what
    /// does not fit is not waited for any longer than this either. A request of more than 16 KiB is given as
    /// long as its own limit, if that is longer, since a live server may pause before it reads on; without
    /// a limit, it is left to the system.
    pub const fn tcp_user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.user_timeout = timeout;
        self
    }

    /// How many bytes the head of an answer may have, status line included; 64 KiB unless told.
    ///
    /// A larger one is a failure after sending.
    pub const fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// How many unused connections to keep in all; 128 unless told, 0 keeps none.
    ///
    /// The one that was not used for the longest time goes first.
    pub const fn max_idle(mut self, connections: usize) -> Self {
        self.max_idle = connections;
        self
    }

    /// How many unused connections to keep for each origin (scheme, host and port); 32 unless told, 0
    /// keeps none.
    ///
    /// It does not limit how many are in use at the same time: every thread that waits has one of its own.
    pub const fn max_idle_per_origin(mut self, connections: usize) -> Self {
        self.max_idle_per_origin = connections;
        self
    }

    /// How long to keep a connection that is not used; 60 seconds unless told, `None` for ever.
    ///
    /// See [the crate page](crate#idle-connections) for when unused connections go.
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
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

    /// Adjusts the configuration of ureq, for what has no setting here.
    ///
    /// `adjust` gets what the other settings lead to. The limits that it sets on time hold in addition
    /// to those of each request, and run out as those do. Not up to it are what the core relies on
    /// (redirects, statuses, methods, decompression) and what is done here in ureq's stead (proxies,
    /// TLS, name resolution, buffers).
    ///
    /// ```
    /// use transport_ureq::ureq::config::IpFamily;
    ///
    /// let transport = transport_ureq::UreqTransport::builder()
    ///     .ureq_config(|config| config.user_agent("inventory/1.0").ip_family(IpFamily::Ipv4Only))
    ///     .build();
    /// # drop(transport);
    /// ```
    pub fn ureq_config(
        mut self,
        adjust: impl Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> + Send + Sync + 'static,
    ) -> Self {
        self.adjust = Adjust(Some(Arc::new(adjust)));
        self
    }

    /// The transport, without any connection yet.
    #[must_use]
    pub fn build(self) -> UreqTransport {
        let config = Agent::config_builder()
            // The core sets every header.
            .user_agent("")
            .accept("")
            .max_response_header_size(self.max_head)
            .max_idle_connections(self.max_idle)
            .max_idle_connections_per_host(self.max_idle_per_origin)
            .max_idle_age(self.idle_timeout.unwrap_or(Duration::MAX));
        let config = match &self.adjust {
            Adjust(Some(adjust)) => adjust(config),
            Adjust(None) => config,
        };
        let config = config
            // The core wants bodies as they are, follows redirects and judges statuses.
            .accept_encoding("")
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // Otherwise taken from the environment, by other rules than ours.
            .proxy(None)
            .build();
        let proxies =
            self.proxies.unwrap_or_else(|| Proxies::from_vars(|name| env::var(name).ok()));
        let reach = Reach {
            dialer: Dialer {
                keepalive: self.keep_alive,
                user_timeout: self.user_timeout,
                no_delay: config.no_delay(),
                family: config.ip_family(),
                lookups: Arc::new(Lookups::by_system()),
                winners: Arc::new(Winners::default()),
            },
            proxies: proxies.clone(),
            #[cfg(feature = "tls")]
            security: self.security,
        };
        let max_head = config.max_response_header_size();
        let connector = ReachConnector { reach, max_head };
        let agent = Agent::with_parts(config, connector, LateResolver);
        UreqTransport { agent, proxies, epoch: Instant::now() }
    }
}

/// What to do with the configuration of ureq.
#[derive(Clone)]
struct Adjust(Option<Arc<Adjustment>>);

type Adjustment = dyn Fn(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> + Send + Sync;

impl fmt::Debug for Adjust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "some" } else { "none" })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            keep_alive: Some(keep_alive(Duration::from_secs(30), Duration::from_secs(10), 3)),
            user_timeout: Some(Duration::from_secs(3)),
            max_head: 64 << 10,
            max_idle: 128,
            max_idle_per_origin: 32,
            idle_timeout: Some(Duration::from_secs(60)),
            proxies: None,
            #[cfg(feature = "tls")]
            security: Security::default(),
            adjust: Adjust(None),
        }
    }
}

const fn keep_alive(idle: Duration, interval: Duration, probes: u32) -> TcpKeepalive {
    TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes)
}

// Other systems do not tell all that was set.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use etcd_v2_proto::{Interrupt, Timing};
    use socket2::SockRef;
    use ureq::config::IpFamily;

    use super::*;
    use crate::call::Call;

    /// Connects as the transport would.
    fn connect(builder: Builder) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (keepalive, user_timeout) = (builder.keep_alive, builder.user_timeout);
        let dialer = Dialer {
            keepalive,
            user_timeout,
            no_delay: true,
            family: IpFamily::Any,
            lookups: Arc::new(Lookups::by_system()),
            winners: Arc::new(Winners::default()),
        };
        let mut call = Call::to_send(Timing::default(), &Interrupt::never(), false, 0);
        dialer.dial("127.0.0.1", port, &mut call).unwrap()
    }

    #[test]
    fn peers_that_acknowledge_nothing_are_given_up_as_the_settings_say() {
        let timeout = |builder| SockRef::from(&connect(builder)).tcp_user_timeout().unwrap();
        let (three, seven) = (Some(Duration::from_secs(3)), Some(Duration::from_secs(7)));
        assert_eq!(timeout(Builder::default()), three);
        assert_eq!(timeout(Builder::default().tcp_user_timeout(seven)), seven);
        let systems = timeout(Builder::default().tcp_user_timeout(None));
        assert_eq!(systems.unwrap_or_default(), Duration::ZERO);
    }

    /// Says whether and how a peer is probed.
    fn probes(builder: Builder) -> Option<(Duration, Duration, u32)> {
        let stream = connect(builder);
        let socket = SockRef::from(&stream);
        socket.keepalive().unwrap().then(|| {
            let idle = socket.tcp_keepalive_time().unwrap();
            let interval = socket.tcp_keepalive_interval().unwrap();
            (idle, interval, socket.tcp_keepalive_retries().unwrap())
        })
    }

    #[test]
    fn silent_peers_are_probed_as_the_settings_say() {
        let (ten, thirty) = (Duration::from_secs(10), Duration::from_secs(30));
        assert_eq!(probes(Builder::default()), Some((thirty, ten, 3)));
        let as_in_go = Builder::default().tcp_keep_alive(thirty, thirty, 9);
        assert_eq!(probes(as_in_go), Some((thirty, thirty, 9)));
        assert_eq!(probes(Builder::default().no_tcp_keep_alive()), None);
    }
}
