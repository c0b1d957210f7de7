//! The user timeout of a TCP socket, which must not take a server that is slow to read for a dead one.
//!
//! The user timeout of Linux ends a connection when nothing is acknowledged for that long. It also does so when the
//! server acknowledges every probe but has no room for more, since its process does not read at the moment. A large
//! request can fill that room. So the timeout is lifted from the moment when a large request is written until the next
//! request. What the server sends meanwhile, such as a ticket of TLS or `100 Continue`, does not mean that it has read
//! the request.

use std::io;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;

/// When the system gives up data that is not acknowledged.
pub(crate) struct UserTimeout {
    /// `None` where it is left to the system, or where there is no such option.
    limit: Option<Duration>,
    /// How many bytes were written of the present request, and by the handshake before it.
    written: usize,
    is_lifted: bool,
}

impl UserTimeout {
    /// As the connector has set it.
    pub(crate) fn of(stream: &TcpStream) -> Self {
        Self { limit: get(stream), written: 0, is_lifted: false }
    }

    /// Looks at the result of a write, and names the cause of an error.
    pub(crate) fn note_written(
        &mut self,
        stream: &TcpStream,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let length = match &written {
            Poll::Ready(Ok(length)) => *length,
            // The system has no room for more.
            Poll::Pending => MAX_SMALL,
            Poll::Ready(Err(_)) => return written.map_err(explained),
        };
        self.written = self.written.saturating_add(length);
        if self.written >= MAX_SMALL && !self.is_lifted && self.limit.is_some() {
            self.is_lifted = true;
            set(stream, None);
        }
        written
    }

    /// The next bytes that are written are the first ones of a request.
    pub(crate) fn begin_request(&mut self, stream: &TcpStream) {
        self.written = 0;
        if self.is_lifted {
            self.is_lifted = false;
            set(stream, self.limit);
        }
    }
}

/// Says what it means that the system gave the connection up.
#[cold]
pub(crate) fn explained(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::TimedOut {
        return error;
    }
    let text = format!(
        "the host of the server no longer acknowledges data or probes: it is down or out of reach ({error})"
    );
    io::Error::new(error.kind(), text)
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn get(stream: &TcpStream) -> Option<Duration> {
    socket2::SockRef::from(stream).tcp_user_timeout().ok().flatten()
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn get(_: &TcpStream) -> Option<Duration> {
    None
}

/// `None` leaves it to the system.
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) fn set(stream: &TcpStream, timeout: Option<Duration>) {
    // A system that refuses an option can still connect.
    let _ = socket2::SockRef::from(stream).set_tcp_user_timeout(timeout);
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub(crate) fn set(_: &TcpStream, _: Option<Duration>) {}

/// Smaller requests fit into the first window of any system, with headers and TLS.
const MAX_SMALL: usize = 8 << 10;

// Other systems have no such option.
#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::pin::Pin;

    use hyper::rt::{Read as _, ReadBuf, Write as _};
    use tower_service::Service;

    use super::*;
    use crate::TcpConnector;
    use crate::socket::Socket;

    #[tokio::test]
    async fn the_user_timeout_is_lifted_for_large_requests_until_the_next_request() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let mut stream = Socket::new(TcpConnector::new().call(uri).await.unwrap());
        let (mut peer, _) = listener.accept().unwrap();
        let state = stream.inner().state();
        let limit = || state.tcp().and_then(get).unwrap_or_default();
        let seconds = Duration::from_secs(3);
        for _ in 0..3 {
            state.begin_request();
            for (length, expected) in [(4000, seconds), (4000, seconds), (4000, Duration::ZERO)] {
                let bytes = vec![b'x'; length];
                let written =
                    poll_fn(|context| Pin::new(&mut stream).poll_write(context, &bytes)).await;
                assert_eq!(written.unwrap(), length);
                assert_eq!(limit(), expected);
            }
            peer.read_exact(&mut [0; 12_000]).unwrap();
            peer.write_all(b"answer").unwrap();
            let mut space = [0; 16];
            let mut buffer = ReadBuf::new(&mut space);
            poll_fn(|context| Pin::new(&mut stream).poll_read(context, buffer.unfilled()))
                .await
                .unwrap();
            // It may be a ticket or `100 Continue`, and the request still unread.
            assert_eq!(limit(), Duration::ZERO);
        }
    }
}
