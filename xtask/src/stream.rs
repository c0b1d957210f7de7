//! Connections of servers that exist only for a test.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use anyhow::{Context, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The server's end of a connection, with or without TLS.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// Without.
    Plain(TcpStream),
    /// With. The handshake is made by the first read or write.
    Secured(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    /// Speaks TLS over a connection that was accepted.
    ///
    /// # Errors
    ///
    /// Fails if rustls does not take the configuration.
    pub fn secured(config: Arc<ServerConfig>, socket: TcpStream) -> Result<Self> {
        let connection = ServerConnection::new(config).context("cannot begin with TLS")?;
        Ok(Self::Secured(Box::new(StreamOwned::new(connection, socket))))
    }

    /// What is below TLS.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secured(stream) => &stream.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Secured(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Secured(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Secured(stream) => stream.flush(),
        }
    }
}
