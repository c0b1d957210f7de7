//! What a connection consists of, secured or not.

use std::io;

use crate::call::Call;
use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::Session;

/// A connection whose blocking calls obey the limits of a [`Call`].
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Secured(Box<Session>),
}

impl Wire {
    /// Writes all the bytes, and takes note when the first one leaves.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up.
    pub(crate) fn write(&mut self, bytes: &[u8], call: &mut Call) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write(bytes, call),
            #[cfg(feature = "tls")]
            Self::Secured(session) => session.write(bytes, call),
        }
    }

    /// Waits for bytes from the server; 0 means that it closed its side.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up.
    pub(crate) fn read(&mut self, buffer: &mut [u8], call: &mut Call) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer, call),
            #[cfg(feature = "tls")]
            Self::Secured(session) => session.read(buffer, call),
        }
    }

    /// Whether the connection is open and the server has said nothing unasked.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_quiet(),
            #[cfg(feature = "tls")]
            Self::Secured(session) => session.is_quiet(),
        }
    }

    /// Whether this process has made the connection.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_ours(),
            #[cfg(feature = "tls")]
            Self::Secured(session) => session.is_ours(),
        }
    }

    pub(crate) const fn is_secured(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }
}
