//! A stream without TLS: it notes a server that expects something else than plain HTTP/1.1, and reads what a
//! server has said that takes no more of a request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use etcd_v2_proto::ConnectionError;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

/// A stream whose first bytes are looked at, and that is read to its end when writing fails.
pub(crate) struct Plain<S> {
    stream: S,
    /// Whether there is nothing more to be told from what the server says first.
    has_heard: bool,
    /// Why nothing can be written any more.
    write_error: Option<io::Error>,
}

impl<S> Plain<S> {
    /// If the connector has secured the stream, the port is the right one.
    pub(crate) const fn new(stream: S, is_secured: bool) -> Self {
        Self { stream, has_heard: is_secured, write_error: None }
    }
}

impl<S: Write + Unpin> Plain<S> {
    /// Writes, as long as the server takes it.
    ///
    /// A server that closes may have sent a response before, such as 413, and that is still to be read. So the
    /// error is reported when reading has come to its end without a response.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.write_error.is_some() {
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(Err(error)) if is_closed_by_peer(&error) => {
                self.write_error = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            result => result,
        }
    }
}

impl<S: Read + Unpin> Read for Plain<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_heard && self.write_error.is_none() {
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
            if let Some(error) = self.write_error.take() {
                return Poll::Ready(Err(error));
            }
            let explained = ConnectionError::of_silence(&error);
            return Poll::Ready(Err(explained.map_or(error, io::Error::other)));
        }
        if !self.has_heard
            && let Some(explained) = ConnectionError::of_greeting(heard)
        {
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
        self.write(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| stream.poll_write_vectored(context, slices))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(context, Write::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Whether it is the other side that has ended writing; then there is soon an end to reading.
pub(crate) fn is_closed_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}

/// How many bytes the first read takes at most, and each one after a failed write.
const FIRST_READ: usize = 1024;
