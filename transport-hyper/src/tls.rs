//! TLS over the stream of any connector.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use etcd_v2_proto::Invalid;
use etcd_v2_proto::tls::rustls::ClientConfig;
use etcd_v2_proto::tls::rustls::pki_types::ServerName;
use etcd_v2_proto::tls::{Security, explain, explain_begun_handshake, explain_handshake};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::BoxError;
use crate::plain::is_closed_by_peer;
use crate::tls::greeting::Greeting;

mod greeting;

/// A secured connection that is to be.
pub(crate) struct Session {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Session {
    /// What it takes to make a connection to this host secure.
    ///
    /// # Errors
    /// When the settings make no sense, here or for this host.
    pub(crate) fn to(host: &str, security: &Security) -> Result<Self, Invalid> {
        let (config, name) = security.for_host(host)?;
        Ok(Self { config, name })
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// When that fails, in words for people.
    pub(crate) async fn begin<S>(self, stream: S) -> Result<Secured<S>, BoxError>
    where
        S: Read + Write + Unpin,
    {
        let connector = TlsConnector::from(self.config);
        let stream = Greeting::new(TokioIo::new(stream));
        match connector.connect(self.name, stream).into_fallible().await {
            Ok(stream) => Ok(Secured { stream: TokioIo::new(stream), deaf: None }),
            Err((error, stream)) => {
                let explained = if stream.is_tls() {
                    explain_begun_handshake(&error)
                } else {
                    explain_handshake(&error)
                };
                Err(explained.map_or_else(|| error.into(), Into::into))
            }
        }
    }
}

/// An error of a connection, in words for people if TLS is to blame.
pub(crate) fn in_words(error: BoxError) -> BoxError {
    explain(&*error).map_or(error, Into::into)
}

/// A secured stream.
pub(crate) struct Secured<S: Read + Write + Unpin> {
    stream: TokioIo<TlsStream<Greeting<TokioIo<S>>>>,
    /// Why nothing can be written any more.
    deaf: Option<io::Error>,
}

impl<S: Read + Write + Unpin> Secured<S> {
    /// Writes, as long as the server takes it.
    ///
    /// One that closes may have said why before, and that is still to be read. So what went wrong with
    /// writing is told as the outcome of reading, unless that has something better to tell.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(
            Pin<&mut TokioIo<TlsStream<Greeting<TokioIo<S>>>>>,
            &mut Context<'_>,
        ) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.deaf.is_some() {
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.stream), context) {
            Poll::Ready(Err(error)) if is_closed_by_peer(&error) => {
                self.deaf = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            result => result,
        }
    }
}

impl<S: Read + Write + Unpin> Read for Secured<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.deaf.is_none() {
            return Read::poll_read(Pin::new(&mut self.stream), context, cursor);
        }
        let mut bytes = [0; LAST_WORDS];
        let room = cursor.remaining().min(LAST_WORDS);
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        let result = ready!(Pin::new(self.stream.inner_mut()).poll_read(context, &mut buffer));
        let is_better = match &result {
            Ok(()) => !buffer.filled().is_empty(),
            Err(error) => explain(error).is_some(),
        };
        match self.deaf.take_if(|_| !is_better) {
            Some(error) => Poll::Ready(Err(error)),
            None => {
                cursor.put_slice(buffer.filled());
                Poll::Ready(result)
            }
        }
    }
}

impl<S: Read + Write + Unpin> Write for Secured<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| Write::poll_write(stream, context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        Write::is_write_vectored(&self.stream)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream, context| Write::poll_write_vectored(stream, context, slices))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(context, Write::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.stream), context)
    }
}

impl<S: Read + Write + Unpin> Drop for Secured<S> {
    /// Tells the server that this is the end, if it listens and nothing else is still to be written.
    fn drop(&mut self) {
        let (stream, tls) = self.stream.inner_mut().get_mut();
        if self.deaf.is_some() || tls.wants_write() {
            return;
        }
        tls.send_close_notify();
        let mut records = Vec::new();
        if tls.write_tls(&mut records).is_ok() && !records.is_empty() {
            let mut context = Context::from_waker(Waker::noop());
            let _ = Pin::new(stream).poll_write(&mut context, &records);
        }
    }
}

/// How much is read at a time when the server has hung up.
const LAST_WORDS: usize = 4096;
