//! A TCP connection that does not take a server that is slow to read for a dead one.
//!
//! The user timeout of Linux ends a connection when nothing is acknowledged for that long. It also does so when the
//! server acknowledges every probe but has no room for more, since its process does not read at the moment. A large
//! request can fill that room.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;

/// A connection that a [`TcpConnector`](crate::TcpConnector) has made.
pub struct TcpConnection {
    stream: TokioIo<TcpStream>,
    user_timeout: UserTimeout,
}

/// When the system gives up data that is not acknowledged.
struct UserTimeout {
    limit: Option<Duration>,
    /// How many bytes were written since the server said something.
    unanswered: usize,
    is_lifted: bool,
}

impl TcpConnection {
    pub(crate) fn new(stream: TcpStream, limit: Option<Duration>) -> Self {
        let limit = limit.filter(|_| cfg!(any(target_os = "android", target_os = "linux")));
        let user_timeout = UserTimeout { limit, unanswered: 0, is_lifted: false };
        user_timeout.set(&stream, limit);
        Self { stream: TokioIo::new(stream), user_timeout }
    }

    /// The socket.
    #[must_use]
    pub fn inner(&self) -> &TcpStream {
        self.stream.inner()
    }

    fn note_write(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(length)) => self.user_timeout.note_written(length, self.stream.inner()),
            // The system has no room for more.
            Poll::Pending => self.user_timeout.note_written(MAX_SMALL, self.stream.inner()),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(explained(error))),
        }
        written
    }
}

impl UserTimeout {
    fn note_written(&mut self, length: usize, stream: &TcpStream) {
        self.unanswered = self.unanswered.saturating_add(length);
        if self.unanswered >= MAX_SMALL && !self.is_lifted && self.limit.is_some() {
            self.is_lifted = true;
            self.set(stream, None);
        }
    }

    fn note_read(&mut self, stream: &TcpStream) {
        self.unanswered = 0;
        if self.is_lifted {
            self.is_lifted = false;
            self.set(stream, self.limit);
        }
    }

    /// `None` leaves it to the system.
    fn set(&self, stream: &TcpStream, timeout: Option<Duration>) {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if self.limit.is_some() {
            // A system that refuses an option can still connect.
            let _ = SockRef::from(stream).set_tcp_user_timeout(timeout);
        }
        #[cfg(not(any(target_os = "android", target_os = "linux")))]
        let _ = (stream, timeout);
    }
}

impl Read for TcpConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, cursor);
        match read {
            Poll::Ready(Ok(())) => {
                let this = &mut *self;
                this.user_timeout.note_read(this.stream.inner());
                read
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(explained(error))),
            Poll::Pending => read,
        }
    }
}

impl Write for TcpConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_write(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpConnection").field(self.inner()).finish()
    }
}

/// Says what it means that the system gave the connection up.
fn explained(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::TimedOut {
        return error;
    }
    let text = format!(
        "the host of the server no longer acknowledges data or probes: it is down or out of reach \
         ({error})"
    );
    io::Error::new(error.kind(), text)
}

/// Smaller requests fit into the first window of any system, with headers and TLS.
const MAX_SMALL: usize = 8 << 10;
