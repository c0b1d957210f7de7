//! A stream as the connector made it, which takes note of a server that expected something else than
//! plain HTTP/1.1.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use etcd_v2_proto::ConnectionError;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

/// A stream whose first bytes are looked at.
pub(crate) struct Plain<S> {
    stream: S,
    /// Whether there is nothing more to be told from what the server says first.
    has_heard: bool,
}

impl<S> Plain<S> {
    /// If the connector has secured the stream, the port is the right one.
    pub(crate) const fn new(stream: S, is_secured: bool) -> Self {
        Self { stream, has_heard: is_secured }
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
        let mut read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer.unfilled()));
        let heard = buffer.filled();
        if read.is_ok() && heard.is_empty() && room > 0 {
            read = Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = read {
            let explained = ConnectionError::of_silence(&error);
            return Poll::Ready(Err(explained.map_or(error, io::Error::other)));
        }
        if let Some(explained) = ConnectionError::of_greeting(heard) {
            return Poll::Ready(Err(io::Error::other(explained)));
        }
        self.has_heard = true;
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How many bytes the first read takes at most.
const FIRST_READ: usize = 1024;
