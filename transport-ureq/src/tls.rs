//! TLS over a socket whose blocking calls obey the limits of a [`Call`].

use std::fmt;
use std::io::{self, Read, Write};

use etcd_v2_proto::tls::rustls::Error;
use etcd_v2_proto::tls::rustls::client::ClientConnection;
use etcd_v2_proto::tls::{Security, explain, explain_begun_handshake, explain_handshake};

use crate::call::Call;
use crate::socket::Socket;

#[cfg(feature = "ring")]
#[cfg(test)]
mod tests;

/// A secured connection.
pub(crate) struct Session {
    socket: Socket,
    tls: ClientConnection,
}

impl Session {
    /// Makes a connection to this host secure.
    ///
    /// # Errors
    /// When the handshake fails, in words for people, or the call has to be given up.
    pub(crate) fn begin(
        security: &Security,
        host: &str,
        socket: Socket,
        call: &mut Call,
    ) -> io::Result<Self> {
        let (config, name) = security.for_host(host).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        // What is written leaves at once, so nothing piles up.
        tls.set_buffer_limit(None);
        let mut session = Self { socket, tls };
        match call.while_shaking_hands(|call| session.shake_hands(call)) {
            Ok(()) => Ok(session),
            Err(error) => {
                let explained = if session.tls.protocol_version().is_some() {
                    explain_begun_handshake(&error)
                } else {
                    explain_handshake(&error)
                };
                Err(explained.map_or(error, io::Error::other))
            }
        }
    }

    fn shake_hands(&mut self, call: &mut Call) -> io::Result<()> {
        self.push(call)?;
        while self.tls.is_handshaking() {
            if self.pull(call)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.push(call)?;
        }
        Ok(())
    }

    /// Writes all the bytes, and takes note when the first one leaves.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up.
    pub(crate) fn write(&mut self, bytes: &[u8], call: &mut Call) -> io::Result<()> {
        self.tls.writer().write_all(bytes)?;
        let result = self.push(call);
        if result.is_err() && !call.sent && call.verdict.is_none() {
            // It may have said why it closes.
            self.take_what_is_there().map_err(in_words)?;
        }
        result
    }

    /// Waits for bytes from the server; 0 means that it closed its side, and said so.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up. A connection that closes
    /// unannounced is an unexpected end: anybody in between can have cut it.
    pub(crate) fn read(&mut self, buffer: &mut [u8], call: &mut Call) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            // What TLS has to say to that, if anything, leaves with the next request.
            self.pull(call).map_err(in_words)?;
        }
    }

    /// Whether this process has made the connection.
    pub(crate) fn is_ours(&self) -> bool {
        self.socket.is_ours()
    }

    /// Whether the connection is open and the server has sent no data unasked.
    ///
    /// What it may send at any time, such as tickets for further sessions, is taken in. That there
    /// is none, as nearly always, costs one system call.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.take_what_is_there().unwrap_or(false)
    }

    /// Whether all that came were words among the two sides of TLS itself.
    fn take_what_is_there(&mut self) -> io::Result<bool> {
        for _ in 0..MOST_IDLE_READS {
            let state = self.tls.process_new_packets().map_err(invalid)?;
            if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
                return Ok(false);
            }
            if self.socket.is_quiet() {
                return Ok(true);
            }
            let Self { socket, tls } = self;
            if socket.without_waiting(|stream| tls.read_tls(stream))? == 0 {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Sends what TLS has to say.
    fn push(&mut self, call: &mut Call) -> io::Result<()> {
        if !self.tls.wants_write() {
            return Ok(());
        }
        let records = self.records()?;
        self.socket.write(&records, call)
    }

    fn records(&mut self) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records)?;
        }
        Ok(records)
    }

    /// Waits for what the server has to say.
    fn pull(&mut self, call: &mut Call) -> io::Result<usize> {
        let Self { socket, tls } = self;
        let amount = tls.read_tls(&mut Incoming { socket, call })?;
        self.tls.process_new_packets().map_err(invalid)?;
        Ok(amount)
    }
}

impl Drop for Session {
    /// Tells the server that this is the end, or what was wrong, if it still listens.
    fn drop(&mut self) {
        // A forked process has a copy of the session. Its words would break the one of its parent.
        if !self.is_ours() {
            return;
        }
        self.tls.send_close_notify();
        if let Ok(records) = self.records() {
            let _ = self.socket.without_waiting(|stream| stream.write_all(&records));
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// The socket in the eyes of rustls.
struct Incoming<'a> {
    socket: &'a mut Socket,
    call: &'a mut Call,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer, self.call)
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn in_words(error: io::Error) -> io::Error {
    explain(&error).map_or(error, io::Error::other)
}

/// How many reads of an idle connection may bring nothing but words of TLS itself.
const MOST_IDLE_READS: usize = 8;
