//! Connectors that misbehave.

use std::convert::Infallible;
use std::future::{Future, Pending, pending};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use transport_hyper::TcpConnector;

/// Never gets anywhere.
#[derive(Clone)]
pub(crate) struct Never;

impl Service<Uri> for Never {
    type Response = TokioIo<TcpStream>;
    type Error = Infallible;
    type Future = Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        pending()
    }
}

/// Takes its time before it connects.
#[derive(Clone)]
#[cfg(feature = "ring")]
pub(crate) struct Slow(pub(crate) Duration);

#[cfg(feature = "ring")]
impl Service<Uri> for Slow {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let pause = self.0;
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            TcpConnector::new().call(uri).await
        })
    }
}

/// Connects and notes what it was asked for; knows nothing but TCP.
#[derive(Clone, Default)]
pub(crate) struct Noting {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Noting {
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Service<Uri> for Noting {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.asked.lock().unwrap().push(uri.to_string());
        Box::pin(async move {
            let authority = uri.authority().unwrap().as_str();
            TcpStream::connect(authority).await.map(TokioIo::new)
        })
    }
}

/// Does TLS itself.
#[derive(Clone)]
#[cfg(feature = "ring")]
pub(crate) struct Terminating {
    pub(crate) tcp: Noting,
    pub(crate) config: Arc<rustls::ClientConfig>,
}

#[cfg(feature = "ring")]
impl Service<Uri> for Terminating {
    type Response = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let name = uri.host().unwrap().to_owned().try_into().unwrap();
        let (tcp, config) = (self.tcp.call(uri), Arc::clone(&self.config));
        Box::pin(async move {
            let stream = tcp.await?.into_inner();
            let secured = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
            Ok(TokioIo::new(secured))
        })
    }
}

type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// Connects, but once told so, all its connections are found closed as soon as somebody looks, or the next time.
#[derive(Clone, Default)]
pub(crate) struct Mortal {
    pub(crate) are_dead: Arc<AtomicBool>,
    /// How many looks find a dead one alive.
    pub(crate) unnoticed: Arc<AtomicUsize>,
    /// How many connections were begun.
    pub(crate) begun: Arc<AtomicUsize>,
    /// How long each one takes.
    pub(crate) pause: Duration,
}

impl Service<Uri> for Mortal {
    type Response = MortalStream;
    type Error = io::Error;
    type Future = Connecting<MortalStream>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let connecting = TcpConnector::new().call(uri);
        let (is_dead, unnoticed) = (Arc::clone(&self.are_dead), Arc::clone(&self.unnoticed));
        let pause = self.pause;
        Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            Ok(MortalStream { stream: connecting.await?, is_dead, unnoticed })
        })
    }
}

pub(crate) struct MortalStream {
    stream: TokioIo<TcpStream>,
    is_dead: Arc<AtomicBool>,
    unnoticed: Arc<AtomicUsize>,
}

impl Read for MortalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_dead.load(Ordering::SeqCst) {
            let fewer = |left: usize| left.checked_sub(1);
            let unnoticed = self.unnoticed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
            return if unnoticed.is_ok() { Poll::Pending } else { Poll::Ready(Ok(())) };
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for MortalStream {
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
