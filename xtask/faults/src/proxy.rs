//! A proxy in front of one server, that does to requests and answers what networks and dying servers
//! do, and knows what really happened.

mod connection;
mod http;
mod log;
mod rule;
mod sink;
#[cfg(test)]
mod tests;

use std::{
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use xtask::server::address_of;

pub(crate) use self::{
    http::Head,
    log::Entry,
    rule::{Effect, Rule},
};

/// A proxy on a loopback port of its own. Its connections end when it is dropped.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What the connections have in common.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    log: Vec<Entry>,
    sockets: Vec<Weak<TcpStream>>,
    /// Nothing gets through, in neither direction, until this is over.
    held: bool,
    /// How many times the rules were replaced: what is stuck because of the old ones is let go.
    round: u64,
    refusing: bool,
    over: bool,
}

impl FaultProxy {
    /// A proxy in front of the server at this URL.
    pub(crate) fn start(upstream: &str) -> Result<Self> {
        let upstream = address_of(upstream)?;
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for a proxy")?;
        let address = listener.local_addr()?;
        let shared =
            Arc::new(Shared { upstream, state: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(listener, address));
        Ok(Self { address, shared })
    }

    /// The URL to reach it: `http://127.0.0.1:…`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the rules: of those that match a request, the first counts; without one, it passes.
    /// What a black hole or a refusal has caught is let go.
    pub(crate) fn set_rules(&self, rules: impl IntoIterator<Item = Rule>) {
        let mut state = self.shared.lock();
        state.rules = rules.into_iter().collect();
        state.round += 1;
        state.refusing = false;
        self.shared.changed.notify_all();
    }

    /// Lets nothing through any more, silently and on all connections, as a network that lost its way;
    /// or lets it through again, together with what has been kept waiting.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.lock().held = held;
        self.shared.changed.notify_all();
    }

    /// Closes all connections; new ones are let through.
    pub(crate) fn cut(&self) {
        let sockets = std::mem::take(&mut self.shared.lock().sockets);
        for socket in sockets.iter().filter_map(Weak::upgrade) {
            _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// What has come so far, oldest first.
    pub(crate) fn log(&self) -> Vec<Entry> {
        self.shared.lock().log.clone()
    }

    /// Forgets what has come so far.
    pub(crate) fn clear_log(&self) {
        self.shared.lock().log.clear();
    }
}

impl Drop for FaultProxy {
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
        // Wakes whoever waits for connections.
        _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut listener = Some(listener);
        loop {
            let Some(open) = &listener else {
                let state = self.lock();
                let wait = self.changed.wait_while(state, |state| state.refusing && !state.over);
                drop(wait);
                listener = TcpListener::bind(address).ok();
                if listener.is_none() && !self.lock().over {
                    thread::sleep(PAUSE);
                }
                continue;
            };
            let accepted = open.accept();
            {
                let state = self.lock();
                if state.over {
                    return;
                }
                if state.refusing {
                    listener = None;
                    continue;
                }
            }
            if let Ok((socket, _)) = accepted {
                let shared = Arc::clone(&self);
                thread::spawn(move || connection::serve(&shared, socket));
            }
        }
    }

    /// Closes the listener, so that from now on connections are refused.
    fn refuse(&self, address: SocketAddr) {
        self.lock().refusing = true;
        _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }

    /// A socket that is shut when the proxy goes away.
    fn adopt(&self, socket: TcpStream) -> Arc<TcpStream> {
        _ = socket.set_nodelay(true);
        let socket = Arc::new(socket);
        let mut state = self.lock();
        state.sockets.retain(|socket| socket.strong_count() > 0);
        state.sockets.push(Arc::downgrade(&socket));
        socket
    }

    /// What is to become of this request, and the number of its entry in the log.
    fn decide(&self, method: &str, target: &str) -> (Effect, u64, u64) {
        let mut state = self.lock();
        let effect = state.rules.iter_mut().find_map(|rule| rule.take(method, target));
        let effect = effect.unwrap_or(Effect::Pass);
        let id = state.log.last().map_or(0, |entry| entry.id + 1);
        state.log.push(Entry::new(id, method, target));
        (effect, id, state.round)
    }

    fn note(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        let mut state = self.lock();
        // They are in the order of their numbers.
        if let Ok(place) = state.log.binary_search_by_key(&id, |entry| entry.id) {
            change(&mut state.log[place]);
        }
    }

    /// Waits while nothing gets through.
    fn wait_for_way(&self) {
        let state = self.lock();
        drop(self.changed.wait_while(state, |state| state.held && !state.over));
    }

    /// Waits until the rules are replaced.
    fn wait_for_rules(&self, round: u64) {
        let state = self.lock();
        drop(self.changed.wait_while(state, |state| state.round == round && !state.over));
    }
}

const PAUSE: Duration = Duration::from_millis(5);
