//! Connecting to a host in time.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use ureq::config::IpFamily;

use crate::call::Call;
use crate::lookup::Lookups;
use crate::race::Winners;

/// How to set up a connection.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) keepalive: Option<TcpKeepalive>,
    /// How long to bear with it that nothing is acknowledged, where systems can be told.
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) no_delay: bool,
    pub(crate) family: IpFamily,
    pub(crate) lookups: Arc<Lookups>,
    pub(crate) winners: Arc<Winners>,
}

impl Dialer {
    /// Connects to a host, written as in a URI, within the call's limit for that.
    ///
    /// # Errors
    /// When the name has no address, no address takes the connection, or the call has to be given up.
    pub(crate) fn dial(&self, host: &str, port: u16, call: &mut Call) -> io::Result<TcpStream> {
        let result = self.resolve(host, port, call).and_then(|addresses| {
            let addresses = self.family.keep_wanted(addresses.into_iter()).collect();
            self.winners.connect(addresses, call)
        });
        if result.is_err() {
            // It may have been used meanwhile, and was meant for this attempt.
            call.heed_interrupt()?;
        }
        let stream = result?;
        stream.set_nodelay(self.no_delay)?;
        if let Some(keepalive) = &self.keepalive {
            SockRef::from(&stream).set_tcp_keepalive(keepalive)?;
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Some(timeout) = self.user_timeout {
            SockRef::from(&stream).set_tcp_user_timeout(Some(timeout))?;
        }
        Ok(stream)
    }

    fn resolve(&self, host: &str, port: u16, call: &mut Call) -> io::Result<Vec<SocketAddr>> {
        let literal =
            host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::new(address, port)]),
            Err(_) => self.lookups.find(host, port, call),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use etcd_v2_proto::{Interrupt, Timing};

    use super::*;

    fn call(limit: Option<Duration>) -> Call {
        Call::to_send(Timing::new(limit, None), &Interrupt::never(), false, 0)
    }

    fn dialer(keepalive: Option<TcpKeepalive>) -> Dialer {
        Dialer {
            keepalive,
            user_timeout: None,
            no_delay: true,
            family: IpFamily::Any,
            lookups: Arc::new(Lookups::by_system()),
            winners: Arc::default(),
        }
    }

    #[test]
    fn sockets_send_at_once_and_notice_dead_peers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(7))
            .with_interval(Duration::from_secs(5))
            .with_retries(2);
        for keepalive in [Some(keepalive), None] {
            let dialer = dialer(keepalive.clone());
            let stream = dialer.dial("127.0.0.1", port, &mut call(None)).unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.tcp_nodelay().unwrap());
            assert_eq!(socket.keepalive().unwrap(), keepalive.is_some());
            #[cfg(target_os = "linux")]
            if keepalive.is_some() {
                assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 2);
            }
        }
    }

    #[test]
    fn literal_addresses_need_no_resolver() {
        for (host, address) in
            [("127.0.0.1", "127.0.0.1:2379"), ("[::1]", "[::1]:2379"), ("::1", "[::1]:2379")]
        {
            let found = dialer(None).resolve(host, 2379, &mut call(None)).unwrap();
            assert_eq!(found, [address.parse().unwrap()]);
        }
    }

    #[test]
    fn addresses_of_the_other_family_are_left_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let dialer = Dialer { family: IpFamily::Ipv6Only, ..dialer(None) };
        let error = dialer.dial("127.0.0.1", port, &mut call(None)).unwrap_err();
        assert_eq!(error.to_string(), "the name has no address");
    }

    // Elsewhere the system never connects a socket to itself in this way.
    #[cfg(target_os = "linux")]
    #[test]
    fn socket_that_the_system_connects_to_itself_is_refused() {
        use std::io::ErrorKind;

        // The system chooses even ports first.
        let mut reserved = Vec::new();
        let port = loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            if port.is_multiple_of(2) {
                break port;
            }
            reserved.push(listener);
        };
        // Sooner or later it chooses the port that is connected to.
        for _ in 0..200_000 {
            let error = dialer(None).dial("127.0.0.1", port, &mut call(None)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
            if error.to_string().contains("connected the socket to itself") {
                // The port is free again at once.
                TcpListener::bind(("127.0.0.1", port)).unwrap();
                return;
            }
        }
        panic!("the system has not chosen this port once");
    }
}
