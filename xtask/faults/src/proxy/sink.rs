//! Where answers go.

use std::{
    io::{self, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use super::Shared;

/// A client, to whom an answer goes in the way that a fault wants it.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
    /// How many bytes still get there.
    left: usize,
    /// How many of the body do.
    body: usize,
    /// Whether each byte goes alone, and how long after the one before.
    alone: Option<Duration>,
    /// How long the first byte waits.
    delay: Duration,
}

impl<'a> Sink<'a> {
    pub(super) const fn new(shared: &'a Shared, client: &'a TcpStream) -> Self {
        Self {
            shared,
            client,
            left: usize::MAX,
            body: usize::MAX,
            alone: None,
            delay: Duration::ZERO,
        }
    }

    pub(super) const fn at_most(self, left: usize) -> Self {
        Self { left, ..self }
    }

    pub(super) const fn at_most_of_the_body(self, body: usize) -> Self {
        Self { body, ..self }
    }

    pub(super) fn begin_body(&mut self) {
        self.left = self.left.min(self.body);
    }

    pub(super) const fn byte_by_byte(self, pause: Duration) -> Self {
        Self { alone: Some(pause), ..self }
    }

    pub(super) const fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.shared.wait_for_way();
        let mut client = self.client;
        client.write_all(bytes)
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(std::mem::take(&mut self.delay));
        let wanted = &bytes[..bytes.len().min(self.left)];
        match self.alone {
            Some(pause) => {
                for byte in wanted.chunks(1) {
                    self.send(byte)?;
                    thread::sleep(pause);
                }
            }
            None if wanted.is_empty() => {}
            None => self.send(wanted)?,
        }
        self.left -= wanted.len();
        // What does not get there is lost, and not an error.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
