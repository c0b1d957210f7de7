//! Finding the addresses of a host, and connecting to one of them in time.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use ureq::config::IpFamily;

use crate::call::Call;

/// How to set up a connection.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) keepalive: Option<TcpKeepalive>,
    /// How long to bear with it that nothing is acknowledged, where systems can be told.
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) no_delay: bool,
    pub(crate) family: IpFamily,
}

impl Dialer {
    /// Connects to a host, written as in a URI, within the call's limit for that.
    ///
    /// # Errors
    /// When the name has no address, no address takes the connection, or the call has to be given up.
    pub(crate) fn dial(&self, host: &str, port: u16, call: &mut Call) -> io::Result<TcpStream> {
        let result = resolve(host, port, call).and_then(|addresses| {
            let addresses: Vec<_> = self.family.keep_wanted(addresses.into_iter()).collect();
            connect(&addresses, call)
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
}

fn resolve(host: &str, port: u16, call: &mut Call) -> io::Result<Vec<SocketAddr>> {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = host.to_owned();
    let look_up = move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
    match call.left_to_connect()? {
        None => look_up(),
        Some(left) => match on_a_thread(look_up, left)? {
            Some(result) => result,
            None => Err(call.time_out()),
        },
    }
}

/// What `work` returns, or `None` if it takes longer than that; then it is left to itself, since the
/// operating system's resolver cannot be stopped.
fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    left: Duration,
) -> io::Result<Option<T>> {
    let (result, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().name("resolver".into()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = result.send(work());
    })?;
    match receiver.recv_timeout(left) {
        Ok(result) => Ok(Some(result)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the resolver gave no answer")),
    }
}

/// Tries one address after the other; each gets an equal share of the time that is left.
fn connect(addresses: &[SocketAddr], call: &mut Call) -> io::Result<TcpStream> {
    let mut last = None;
    for (address, untried) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let attempt = match call.left_to_connect()? {
            None => TcpStream::connect(address),
            Some(left) => {
                let share = left / u32::try_from(untried).unwrap_or(u32::MAX);
                TcpStream::connect_timeout(address, share.max(Duration::from_millis(1)))
            }
        };
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    call.left_to_connect()?;
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
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
        Dialer { keepalive, user_timeout: None, no_delay: true, family: IpFamily::Any }
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
            let found = resolve(host, 2379, &mut call(None)).unwrap();
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

    #[test]
    fn lookup_that_takes_too_long_is_left_behind() {
        let (sender, receiver) = mpsc::channel::<()>();
        let endless = move || receiver.recv();
        assert!(on_a_thread(endless, Duration::from_millis(5)).unwrap().is_none());
        assert_eq!(on_a_thread(|| 7, Duration::from_secs(10)).unwrap(), Some(7));
        drop(sender);
    }

    #[test]
    fn addresses_of_a_name_share_the_time_that_is_left() {
        let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        for limit in [None, Some(Duration::from_secs(10))] {
            let stream = connect(&[refused, good], &mut call(limit)).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            let error = connect(&[refused, refused], &mut call(limit)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert_eq!(
                connect(&[], &mut call(limit)).unwrap_err().to_string(),
                "the name has no address"
            );
        }
    }
}
