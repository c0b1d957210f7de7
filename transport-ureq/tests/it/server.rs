//! A server that follows a script, with a thread for every connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "ring")]
use rustls::ServerConfig;
use xtask::Stream;

use crate::PATIENCE;

pub(crate) struct Server {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    accepted: AtomicUsize,
    over: AtomicBool,
    requests: Mutex<Vec<String>>,
}

/// The server's end of one connection.
pub(crate) struct Peer {
    /// Which connection this is, counted from 0.
    pub(crate) number: usize,
    pub(crate) stream: Stream,
    unread: Vec<u8>,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    pub(crate) fn on(listener: TcpListener, script: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self::over("http", listener, Stream::Plain, script)
    }

    /// Speaks TLS; the script begins before the handshake, which its first read makes.
    #[cfg(feature = "ring")]
    pub(crate) fn secured(
        config: Arc<ServerConfig>,
        script: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let secure = move |stream| Stream::secured(Arc::clone(&config), stream).unwrap();
        Self::over("https", TcpListener::bind("127.0.0.1:0").unwrap(), secure, script)
    }

    fn over(
        scheme: &'static str,
        listener: TcpListener,
        wrap: impl Fn(TcpStream) -> Stream + Send + 'static,
        script: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (script, seen) = (Arc::new(script), Arc::clone(&shared));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if seen.over.load(Ordering::SeqCst) {
                    return;
                }
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let stream = wrap(stream);
                let number = seen.accepted.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&seen);
                let script = Arc::clone(&script);
                thread::spawn(move || script(Peer { number, stream, unread: Vec::new(), shared }));
            }
        });
        Self { scheme, address, shared }
    }

    /// Answers every request with the same bytes and keeps the connection.
    pub(crate) fn answering(answer: &'static str) -> Self {
        Self::start(move |mut peer| {
            while peer.request().is_some() {
                peer.say(answer);
            }
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Every request that arrived whole.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The method and target of every request that arrived whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.texts().iter().map(|text| text.split(" HTTP/1.1").next().unwrap().to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Peer {
    /// The next request, head and body, or `None` if the client has closed.
    pub(crate) fn request(&mut self) -> Option<String> {
        loop {
            if let Some(length) = complete(&self.unread) {
                let text: Vec<u8> = self.unread.drain(..length).collect();
                let text = String::from_utf8(text).unwrap();
                self.shared.requests.lock().unwrap().push(text.clone());
                return Some(text);
            }
            let mut buffer = [0; 1 << 16];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
            }
        }
    }

    /// Reads some of a request, which [`request`](Self::request) takes up.
    pub(crate) fn read_some(&mut self) {
        let bytes = self.read_once_raw();
        self.unread.extend_from_slice(&bytes);
    }

    /// What a single read brings.
    pub(crate) fn read_once(&mut self) -> String {
        String::from_utf8(self.read_once_raw()).unwrap()
    }

    /// Waits for bytes of any kind.
    pub(crate) fn read_once_raw(&mut self) -> Vec<u8> {
        let mut buffer = [0; 1 << 16];
        let length = self.stream.read(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    /// Says something, if the client still listens.
    pub(crate) fn say(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(text.as_ref()).is_ok()
    }

    /// Waits until what was said is in the socket of the client, or that is closed, where the system shows
    /// it.
    pub(crate) fn until_it_has_arrived(&self) {
        let port = self.stream.socket().peer_addr().unwrap().port();
        let local = format!(":{port:04X}");
        let began = Instant::now();
        while let Ok(table) = std::fs::read_to_string("/proc/net/tcp") {
            // The columns are: number, local and remote address, state, queues for sending:receiving.
            let is_on_the_way = table.lines().any(|line| {
                let columns: Vec<_> = line.split_whitespace().collect();
                matches!(*columns, [_, address, _, "01", queues, ..]
                    if address.ends_with(&local) && queues.ends_with(":00000000"))
            });
            if !is_on_the_way {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it does not arrive");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until the client closes, and says whether it did.
    pub(crate) fn sees_close(&mut self) -> bool {
        let mut buffer = [0; 1 << 16];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
        }
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(self.stream.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// The length of the request at the beginning of these bytes, if all of it is there.
fn complete(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = head + length.map_or(0, |length| length.parse::<usize>().unwrap());
    (bytes.len() >= length).then_some(length)
}
