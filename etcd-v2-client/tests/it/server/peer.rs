//! The server's side of one connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Log, PATIENCE};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
    /// On which connection of the server it came, from 1.
    pub(crate) connection: usize,
    headers: Vec<(String, String)>,
}

/// One connection, for a script to use.
pub(crate) struct Peer {
    /// Which connection of the server it is, from 1.
    pub(crate) number: usize,
    /// None once it is reset.
    stream: Option<TcpStream>,
    /// What came but was not asked for.
    ahead: Vec<u8>,
    log: Arc<Log>,
}

impl Seen {
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// The value of a header; it must not have come twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice");
        value.map(String::as_str)
    }

    fn parse(head: &str, connection: usize) -> Self {
        let mut lines = head.lines();
        let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
        let (method, target) = (first.next().unwrap(), first.next().unwrap());
        assert_eq!(first.next().as_deref(), Some("HTTP/1.1"));
        let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        let headers = headers.collect();
        Self { method, target, body: String::new(), connection, headers }
    }
}

impl Peer {
    pub(super) fn new(stream: TcpStream, number: usize, log: Arc<Log>) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { number, stream: Some(stream), ahead: Vec::new(), log }
    }

    /// A whole request, or `None` if the connection ended before it.
    pub(crate) fn request(&mut self) -> Option<Seen> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.receive() {
                return None;
            }
        };
        let head: Vec<u8> = self.ahead.drain(..end).collect();
        let mut seen = Seen::parse(&String::from_utf8(head).unwrap(), self.number);
        assert_eq!(seen.header("transfer-encoding"), None);
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.ahead.len() < length {
            if !self.receive() {
                return None;
            }
        }
        seen.body = String::from_utf8(self.ahead.drain(..length).collect()).unwrap();
        self.log.note(|state| state.seen.push(seen.clone()));
        Some(seen)
    }

    /// Receives something; `false` once the connection has ended.
    fn receive(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let mut piece = vec![0; 64 << 10];
        match stream.read(&mut piece) {
            Ok(0) => {}
            Ok(amount) => {
                self.ahead.extend_from_slice(&piece[..amount]);
                self.log.note(|state| state.received += amount);
                return true;
            }
            Err(error) if is_timeout(&error) => panic!("nothing ever came on this connection"),
            Err(_) => {}
        }
        self.log.note(|state| state.closed += usize::from(!state.over));
        false
    }

    /// Waits until something has come, without taking it.
    pub(crate) fn until_something_came(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.peek(&mut [0]);
        }
    }

    /// Waits until the client closes the connection, whatever else it sends.
    pub(crate) fn hang(&mut self) {
        while self.receive() {}
    }

    /// Sends bytes; `false` if the client takes no more. Whether that is right is for the test to say.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match stream.write_all(bytes.as_ref()) {
            Ok(()) => {
                self.log.note(|state| state.written += bytes.as_ref().len());
                true
            }
            Err(error) if is_timeout(&error) => panic!("the client left the answer unread"),
            Err(_) => false,
        }
    }

    /// Sends the same bytes again and again, with a pause after each time, until the client has enough.
    pub(crate) fn drip(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) {
        while !self.log.lock().over && self.write(&bytes) {
            thread::sleep(pause);
        }
    }

    /// Whether the test has seen enough.
    pub(crate) fn is_over(&self) -> bool {
        self.log.lock().over
    }

    /// Closes as a program does that has nothing more to say.
    pub(crate) fn close(&mut self) {
        if let Some(stream) = self.forget() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Says that nothing more comes from here, and still receives.
    pub(crate) fn finish(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Closes with a reset.
    pub(crate) fn reset(&mut self) {
        if let Some(stream) = self.forget() {
            // The option belongs to the socket, and the last handle of it is dropped here.
            tokio::net::TcpSocket::from_std_stream(stream).set_zero_linger().unwrap();
        }
    }

    /// The last handle of the socket.
    fn forget(&mut self) -> Option<TcpStream> {
        self.log.note(|state| state.streams.retain(|(number, _)| *number != self.number));
        self.stream.take()
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
