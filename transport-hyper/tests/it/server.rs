//! A server in threads that does exactly what a test says.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[cfg(feature = "ring")]
use rustls::ServerConfig;
use xtask::Stream;

use crate::PATIENCE;

pub(crate) struct Server {
    scheme: &'static str,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    accepted: usize,
    /// What was received, head and body, in the order of arrival.
    requests: Vec<String>,
    /// How many connections were seen to be closed by the client.
    closed: usize,
}

/// The server's side of one connection.
pub(crate) struct Peer {
    pub(crate) stream: Stream,
    log: Arc<Mutex<Log>>,
    /// The how manieth connection this is, from 1.
    pub(crate) number: usize,
}

impl Server {
    /// Serves each connection with `handler`, in a thread of its own.
    pub(crate) fn start(handler: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), handler)
    }

    pub(crate) fn on(
        listener: TcpListener,
        handler: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        Self::over("http", listener, Stream::Plain, handler)
    }

    /// Speaks TLS; the handler begins before the handshake, which its first read makes.
    #[cfg(feature = "ring")]
    pub(crate) fn secured(
        config: Arc<ServerConfig>,
        handler: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        let secure = move |stream| Stream::secured(Arc::clone(&config), stream).unwrap();
        Self::over("https", TcpListener::bind("127.0.0.1:0").unwrap(), secure, handler)
    }

    fn over(
        scheme: &'static str,
        listener: TcpListener,
        wrap: impl Fn(TcpStream) -> Stream + Send + 'static,
        handler: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Log>>::default();
        let (handler, shared) = (Arc::new(handler), Arc::clone(&log));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&shared));
                let number = {
                    let mut log = log.lock().unwrap();
                    log.accepted += 1;
                    log.accepted
                };
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let stream = wrap(stream);
                thread::spawn(move || handler(&mut Peer { stream, log, number }));
            }
        });
        Self { scheme, address, log }
    }

    /// Answers every request with its path.
    pub(crate) fn echo() -> Self {
        Self::start(|peer| {
            while let Some(request) = peer.request() {
                peer.answer(path(&request));
            }
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same place by `http` or `https`, whatever is spoken there.
    #[cfg(feature = "tls")]
    pub(crate) fn url_by(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.log.lock().unwrap().accepted
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.lock().unwrap().requests.clone()
    }

    /// The method and target of every request.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |text: &String| text.split(" HTTP/1.1").next().unwrap().to_owned();
        self.requests().iter().map(line).collect()
    }

    pub(crate) fn closed(&self) -> usize {
        self.log.lock().unwrap().closed
    }

    /// How often a request for this path was received.
    pub(crate) fn saw(&self, wanted: &str) -> usize {
        self.requests().iter().filter(|request| path(request) == wanted).count()
    }
}

impl Peer {
    /// How many requests all connections have received.
    pub(crate) fn requests(&self) -> usize {
        self.log.lock().unwrap().requests.len()
    }

    /// Receives a whole request, or `None` when the client has closed the connection.
    pub(crate) fn request(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(1) => text.push(byte[0]),
                Err(error) if is_timeout(&error) => panic!("no request came"),
                _ => {
                    self.log.lock().unwrap().closed += 1;
                    return None;
                }
            }
            if text.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let head = String::from_utf8(text.clone()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        text.extend_from_slice(&body);
        let request = String::from_utf8(text).unwrap();
        self.log.lock().unwrap().requests.push(request.clone());
        Some(request)
    }

    /// Waits for bytes of any kind.
    pub(crate) fn read_once(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 64 << 10];
        let length = self.stream.read(&mut buffer).unwrap();
        buffer.truncate(length);
        buffer
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // The client may be gone, which is for the test to judge.
        let _ = self.stream.write_all(bytes.as_ref());
    }

    pub(crate) fn answer(&mut self, body: &str) {
        self.write(answer(body));
    }

    /// Waits until the client closes the connection and tells how many bytes came until then.
    pub(crate) fn drain(&mut self) -> usize {
        let mut buffer = vec![0; 64 << 10];
        let mut total = 0;
        loop {
            match self.stream.read(&mut buffer) {
                Err(error) if is_timeout(&error) => panic!("the client keeps the connection"),
                Ok(0) | Err(_) => {
                    self.log.lock().unwrap().closed += 1;
                    return total;
                }
                Ok(length) => total += length,
            }
        }
    }

    /// Closes in an orderly way.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.socket().shutdown(Shutdown::Both);
    }

    /// Says that nothing more comes from here.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.socket().shutdown(Shutdown::Write);
    }

    /// Closes with a reset.
    pub(crate) fn reset(&mut self) {
        let socket = socket2::SockRef::from(self.stream.socket());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        // A linger of zero takes effect when the last handle is closed; this one is replaced.
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        self.stream = Stream::Plain(stream);
    }
}

/// An answer of known length.
pub(crate) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
