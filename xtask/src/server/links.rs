//! What members say to each other goes through here, so that one of them can be cut off.

use std::{
    collections::BTreeMap,
    io::{BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

/// A relay in front of each member's peer URL.
///
/// The members say in the first request of a connection who they are, so a relay knows both ends. What
/// is sent while the two are cut from each other waits, as TCP would have it.
#[derive(Debug, Default)]
pub struct Links {
    shared: Arc<Shared>,
    doors: Vec<SocketAddr>,
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
        self.doors.push(door);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.lock().over {
                    return;
                }
                let shared = Arc::clone(&shared);
                if let Ok(client) = client {
                    thread::spawn(move || shared.serve(client, upstream, index));
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
            _ = TcpStream::connect_timeout(door, Duration::from_secs(1));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: Arc<Self>, client: TcpStream, upstream: SocketAddr, to: usize) {
        let client = self.adopt(client);
        let mut reader = BufReader::new(&*client);
        let Some((head, from)) = first_head(&mut reader) else { return };
        self.wait_for_way(from.as_deref(), to);
        let Ok(server) = TcpStream::connect_timeout(&upstream, Duration::from_secs(1)) else {
            return;
        };
        let server = self.adopt(server);
        if (&*server).write_all(&head).is_err() || (&*server).write_all(reader.buffer()).is_err() {
            return;
        }
        let back = {
            let (shared, from) = (Arc::clone(&self), from.clone());
            let (server, client) = (Arc::clone(&server), Arc::clone(&client));
            thread::spawn(move || shared.relay(&server, &client, from.as_deref(), to))
        };
        self.relay(&client, &server, from.as_deref(), to);
        _ = back.join();
    }

    fn relay(&self, mut from: &TcpStream, mut into: &TcpStream, sender: Option<&str>, to: usize) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            self.wait_for_way(sender, to);
            if into.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        _ = from.shutdown(Shutdown::Both);
        _ = into.shutdown(Shutdown::Both);
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
    use std::sync::mpsc;

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
}
