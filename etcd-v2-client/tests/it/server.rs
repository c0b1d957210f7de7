//! A server in threads that does to each connection what a script says, and remembers what it saw.
//!
//! Every wait has a bound, so a script that is never carried on fails its test instead of holding it
//! up. A dropped server hangs up everywhere, waits for its threads, and fails if a script did.

mod answers;
mod peer;

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use answers::{change, etcd, html, plausible, refusal, response};
pub(crate) use peer::{Peer, Seen};

/// How long anything that has to come may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A scripted server; see the module.
pub(crate) struct Server {
    address: SocketAddr,
    log: Arc<Log>,
    accepting: Option<JoinHandle<()>>,
}

/// What a server has seen, and what it has to put away in the end.
#[derive(Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    /// Whole requests, in the order of arrival.
    seen: Vec<Seen>,
    connections: usize,
    /// How many connections the client was seen to close.
    closed: usize,
    /// All bytes that came, whether or not they made a request.
    received: usize,
    /// All bytes that the system took from the scripts.
    written: usize,
    over: bool,
    streams: Vec<(usize, TcpStream)>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Carries out `script` for each connection, in a thread of its own. Where the script ends, the
    /// connection is closed.
    pub(crate) fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, script) = (Arc::<Log>::default(), Arc::new(script));
        let shared = Arc::clone(&log);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut state = shared.lock();
                if state.over {
                    break;
                }
                state.connections += 1;
                let number = state.connections;
                state.streams.push((number, stream.try_clone().unwrap()));
                let mut peer = Peer::new(stream, number, Arc::clone(&shared));
                let script = Arc::clone(&script);
                state.threads.push(thread::spawn(move || {
                    script(&mut peer);
                    peer.close();
                }));
                shared.changed.notify_all();
            }
        });
        Self { address, log, accepting: Some(accepting) }
    }

    /// Answers every request with what `answer` makes of it, and keeps the connections.
    pub(crate) fn each<A: AsRef<[u8]>>(
        answer: impl Fn(&Seen) -> A + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |peer| {
            while let Some(seen) = peer.request() {
                peer.write(answer(&seen));
            }
        })
    }

    /// Answers every request with the same bytes, and keeps the connections.
    pub(crate) fn always(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::each(move |_| answer.clone())
    }

    /// Answers every request as an etcd would that has nothing against it.
    pub(crate) fn healthy() -> Self {
        Self::each(plausible)
    }

    /// Takes requests and never answers.
    pub(crate) fn hung() -> Self {
        Self::start(|peer| while peer.request().is_some() {})
    }

    /// Handles each request with `script`, whose result says whether the connection may go on, and
    /// those of the connections after the first `bad` ones as a healthy server would.
    pub(crate) fn healthy_after(
        bad: usize,
        script: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |peer| {
            if peer.number <= bad {
                return script(peer);
            }
            while let Some(seen) = peer.request() {
                peer.write(plausible(&seen));
            }
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What stands in the `Host` header of a request to this server.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().seen.clone()
    }

    /// The lines of the requests: method and target.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.log.lock().seen.iter().map(Seen::line).collect()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        self.log.lock().seen.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.lock().connections
    }

    pub(crate) fn received(&self) -> usize {
        self.log.lock().received
    }

    pub(crate) fn written(&self) -> usize {
        self.log.lock().written
    }

    pub(crate) fn until_seen(&self, requests: usize) {
        self.log.wait("so many requests", |state| state.seen.len() >= requests);
    }

    pub(crate) fn until_connected(&self, connections: usize) {
        self.log.wait("so many connections", |state| state.connections >= connections);
    }

    /// Waits until the client has closed so many connections.
    pub(crate) fn until_closed(&self, connections: usize) {
        self.log.wait("connections closed by the client", |state| state.closed >= connections);
    }

    /// How many connections the client was seen to close so far.
    pub(crate) fn closed(&self) -> usize {
        self.log.lock().closed
    }
}

impl Log {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something.
    fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, is_there: impl Fn(&State) -> bool) {
        let waiting = |state: &mut State| !is_there(state);
        let result = self.changed.wait_timeout_while(self.lock(), PATIENCE, waiting);
        let timed_out = result.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "it never came: {what}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let streams = {
            let mut state = self.log.lock();
            state.over = true;
            std::mem::take(&mut state.streams)
        };
        for (_, stream) in streams {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.log.changed.notify_all();
        // Lets the thread that accepts see that it is over.
        drop(TcpStream::connect(self.address));
        let accepting = self.accepting.take().map(JoinHandle::join);
        let threads = std::mem::take(&mut self.log.lock().threads);
        let failed =
            threads.into_iter().map(JoinHandle::join).chain(accepting).find(Result::is_err);
        if let Some(Err(panic)) = failed
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// A port that refuses connections, and that nobody else gets while this lives.
pub(crate) struct Refusing {
    address: SocketAddr,
    _bound: tokio::net::TcpSocket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let bound = tokio::net::TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: bound.local_addr().unwrap(), _bound: bound }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Something that scripts wait for and tests let happen.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.open.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.open.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let (open, changed) = &*self.open;
        let open = open.lock().unwrap_or_else(PoisonError::into_inner);
        let result = changed.wait_timeout_while(open, PATIENCE, |open| !*open);
        let timed_out = result.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "the gate was never opened");
    }
}
