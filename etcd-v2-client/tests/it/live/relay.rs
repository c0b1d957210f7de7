//! A relay between a client and a server, whose connections can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Passes bytes on, in both directions, until it is dropped.
pub(super) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Both sides of each connection that was not cut.
    streams: Mutex<Vec<TcpStream>>,
    /// What clients have sent.
    asked: Mutex<Vec<u8>>,
    over: AtomicBool,
}

impl Relay {
    /// A relay to the server at this URL.
    pub(super) fn to(endpoint: &str) -> Self {
        let server: SocketAddr = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::<Shared>::default());
        let own = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if own.over.load(Ordering::Relaxed) {
                    break;
                }
                // A server that is gone is a connection that breaks.
                if let Ok(server) = TcpStream::connect(server) {
                    own.join(&client, &server);
                }
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        for stream in lock(&self.shared.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How often a client has sent these words.
    pub(super) fn asked(&self, words: &str) -> usize {
        let asked = lock(&self.shared.asked);
        asked.windows(words.len()).filter(|window| *window == words.as_bytes()).count()
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: &TcpStream, server: &TcpStream) {
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let both = || (client.try_clone().unwrap(), server.try_clone().unwrap());
        lock(&self.streams).extend([both().0, both().1]);
        let ((from, to), shared) = (both(), Arc::clone(self));
        thread::spawn(move || {
            pass(from, to, |piece| lock(&shared.asked).extend_from_slice(piece));
        });
        let (to, from) = both();
        thread::spawn(move || pass(from, to, |_| ()));
    }
}

/// Passes on what comes until either side closes, and closes both then.
fn pass(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(amount @ 1..) = from.read(&mut piece) {
        note(&piece[..amount]);
        if to.write_all(&piece[..amount]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.cut();
        // Lets the thread that accepts see that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}
