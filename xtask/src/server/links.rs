//! Relays in front of members, so that one of them can be cut off, or be far away.

use std::{
    collections::BTreeMap,
    io::BufReader,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::delay::{self, Delay};

/// A relay in front of each member's peer URL, or in front of each URL for clients.
///
/// The members say in the first request of a connection who they are, so a relay knows both ends. What
/// is sent while the two are cut from each other waits, as TCP would have it.
///
/// A relay can also delay what it forwards. It cannot delay the TCP connect, because the kernel completes the
/// handshake before the relay accepts the connection. So connecting takes no time, and the first response takes
/// a whole round trip. On a real network, connecting takes a round trip as well.
#[derive(Debug, Default)]
pub struct Links {
    shared: Arc<Shared>,
    doors: Vec<Door>,
}

#[derive(Debug)]
struct Door {
    address: SocketAddr,
    delay: Delay,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Which relay is in front of whom, by the number that a member has for the others.
    members: BTreeMap<String, usize>,
    isolated: Option<usize>,
    sockets: Vec<Weak<TcpStream>>,
    over: bool,
}

impl Links {
    /// Puts a relay in front of this peer URL and returns its own.
    ///
    /// # Errors
    ///
    /// Fails if the URL is no address, or if there is no port for the relay.
    pub fn add(&mut self, upstream: &str) -> Result<String> {
        let upstream = address_of(upstream)?;
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for a relay")?;
        let door = listener.local_addr()?;
        let (shared, index) = (Arc::clone(&self.shared), self.doors.len());
        let delay = Delay::default();
        self.doors.push(Door { address: door, delay: delay.clone() });
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.lock().over {
                    return;
                }
                let (shared, delay) = (Arc::clone(&shared), delay.clone());
                if let Ok(client) = client {
                    thread::spawn(move || shared.serve(client, upstream, index, &delay));
                }
            }
        });
        Ok(format!("http://{door}"))
    }

    /// How many relays there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.doors.len()
    }

    /// The URLs of the relays, in the order in which they were added.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.doors.iter().map(|door| format!("http://{}", door.address)).collect()
    }

    /// Delays everything that the relay of this number receives from now on, so that a request and its response
    /// together take this much longer. The throughput is not limited.
    ///
    /// # Panics
    ///
    /// If there is no such relay.
    pub fn set_round_trip(&self, relay: usize, round_trip: Duration) {
        self.doors[relay].delay.set(round_trip / 2);
    }

    /// The same for all relays.
    pub fn set_round_trips(&self, round_trip: Duration) {
        for door in &self.doors {
            door.delay.set(round_trip / 2);
        }
    }

    /// Tells which member has which number; relays are counted as they were added.
    pub fn introduce(&self, members: BTreeMap<String, usize>) {
        self.shared.lock().members = members;
    }

    /// Cuts the member behind this relay off from the others, or nobody.
    pub fn isolate(&self, member: Option<usize>) {
        self.shared.lock().isolated = member;
        self.shared.changed.notify_all();
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let sockets = {
            let mut state = self.shared.lock();
            state.over = true;
            std::mem::take(&mut state.sockets)
        };
        self.shared.changed.notify_all();
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            _ = socket.shutdown(Shutdown::Both);
        }
        for door in &self.doors {
            _ = TcpStream::connect_timeout(&door.address, Duration::from_secs(1));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: Arc<Self>, client: TcpStream, upstream: SocketAddr, to: usize, delay: &Delay) {
        let client = self.adopt(client);
        let mut reader = BufReader::new(&*client);
        let Some((mut first, from)) = first_head(&mut reader) else { return };
        first.extend_from_slice(reader.buffer());
        let from = from.as_deref();
        let arrived = Instant::now();
        self.wait_for_way(from, to);
        let Ok(server) = TcpStream::connect_timeout(&upstream, Duration::from_secs(1)) else {
            return;
        };
        let server = self.adopt(server);
        let way = || self.wait_for_way(from, to);
        thread::scope(|scope| {
            scope.spawn(|| delay::copy(&server, &client, delay, None, way));
            delay::copy(&client, &server, delay, Some((arrived, first)), way);
        });
    }

    fn adopt(&self, socket: TcpStream) -> Arc<TcpStream> {
        _ = socket.set_nodelay(true);
        let socket = Arc::new(socket);
        let mut state = self.lock();
        state.sockets.retain(|socket| socket.strong_count() > 0);
        state.sockets.push(Arc::downgrade(&socket));
        socket
    }

    fn wait_for_way(&self, from: Option<&str>, to: usize) {
        let state = self.lock();
        let cut = |state: &mut State| {
            let from = from.and_then(|from| state.members.get(from)).copied();
            let isolated = state.isolated;
            !state.over && isolated.is_some() && (isolated == Some(to) || isolated == from)
        };
        drop(self.changed.wait_while(state, cut));
    }
}

/// The address of a URL of `http`.
///
/// # Errors
///
/// Fails if it has a name for a host, or no port.
pub fn address_of(url: &str) -> Result<SocketAddr> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    address.parse().with_context(|| format!("{url} is no address"))
}

/// The first head on a connection, and who sent it.
fn first_head(reader: &mut BufReader<&TcpStream>) -> Option<(Vec<u8>, Option<String>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 64 << 10 {
        let begin = head.len();
        std::io::BufRead::read_until(reader, b'\n', &mut head).ok()?;
        if head.len() == begin {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let from = text.lines().find_map(|line| line.strip_prefix("x-server-from:"));
    let from = from.map(|from| from.trim().to_owned());
    Some((head, from))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        sync::mpsc,
    };

    use super::*;

    #[test]
    fn only_what_concerns_the_isolated_member_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, sender) = (client.unwrap(), sender.clone());
                thread::spawn(move || {
                    let mut buffer = [0; 256];
                    while let Ok(count @ 1..) = client.read(&mut buffer) {
                        sender
                            .send(String::from_utf8_lossy(&buffer[..count]).into_owned())
                            .unwrap();
                    }
                });
            }
        });
        let mut links = Links::default();
        let door = address_of(&links.add(&upstream).unwrap()).unwrap();
        links.introduce(BTreeMap::from([("a0".to_owned(), 0), ("b1".to_owned(), 1)]));
        let say = |from: &str| {
            let mut client = TcpStream::connect(door).unwrap();
            client
                .write_all(format!("GET / HTTP/1.1\r\nX-Server-From: {from}\r\n\r\n").as_bytes())
                .unwrap();
            client
        };
        let hears = || heard.recv_timeout(Duration::from_millis(400)).ok();
        let mut open = say("b1");
        assert!(hears().is_some_and(|head| head.contains("b1")));

        links.isolate(Some(1));
        open.write_all(b"late").unwrap();
        let _other = say("c2");
        assert!(hears().is_some_and(|head| head.contains("c2")), "nobody else is cut off");
        assert_eq!(hears(), None);
        links.isolate(None);
        assert_eq!(hears().as_deref(), Some("late"));

        links.isolate(Some(0));
        let _again = say("c2");
        assert_eq!(hears(), None, "the member behind the relay is the isolated one");
    }

    #[test]
    fn relay_delays_both_directions_and_applies_a_changed_delay_to_what_follows() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut buffer = [0; 256];
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                client.write_all(&buffer[..count]).unwrap();
            }
        });
        let mut links = Links::default();
        let door = address_of(&links.add(&upstream).unwrap()).unwrap();
        assert_eq!(links.urls(), [format!("http://{door}")]);
        let mut client = TcpStream::connect(door).unwrap();
        let mut round = |text: &str| {
            let began = Instant::now();
            client.write_all(text.as_bytes()).unwrap();
            let mut back = vec![0; text.len()];
            client.read_exact(&mut back).unwrap();
            assert_eq!(back, text.as_bytes());
            began.elapsed()
        };
        let far = Duration::from_millis(200);
        links.set_round_trip(0, far);
        let head = "GET / HTTP/1.1\r\n\r\n";
        assert!(round(head) >= far, "the first request is delayed, too");
        assert!(round("more") >= far);
        links.set_round_trips(Duration::ZERO);
        // The machine may be busy, so one fast round is enough.
        assert!((0..20).any(|_| round("near") < far / 2));
    }
}
