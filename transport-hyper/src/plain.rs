//! A stream as the connector made it, which takes note of a server that expected TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

/// A stream whose first bytes are looked at.
pub(crate) struct Plain<S> {
    stream: S,
    /// Whether the server has ever been told anything.
    has_said: bool,
    /// Whether the server has ever said anything.
    has_heard: bool,
}

impl<S> Plain<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, has_said: false, has_heard: false }
    }
}

impl<S: Read + Unpin> Read for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_heard {
            return Pin::new(&mut self.stream).poll_read(context, cursor);
        }
        let mut bytes = [0; FIRST_READ];
        let room = cursor.remaining().min(FIRST_READ);
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer.unfilled()))?;
        let heard = buffer.filled();
        if heard.starts_with(ALERT) {
            return Poll::Ready(Err(io::Error::other(
                "the server speaks TLS on this port: use https://",
            )));
        }
        if heard.is_empty() && room > 0 && self.has_said {
            return Poll::Ready(Err(io::Error::other(
                "the server closed the connection without an answer; if it speaks TLS on this port, \
                 use https://",
            )));
        }
        self.has_heard = !heard.is_empty();
        cursor.put_slice(heard);
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for Plain<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.has_said |= written > 0;
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        self.has_said |= written > 0;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How an alert of TLS begins, of whichever version. One that speaks TLS answers everything else so.
const ALERT: &[u8] = &[0x15, 0x03];

/// How many bytes the first read takes at most.
const FIRST_READ: usize = 1024;
