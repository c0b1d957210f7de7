//! Looking up the addresses of hosts.
//!
//! The resolver of the system blocks its thread, for half a minute and longer when name servers are silent, and cannot
//! be stopped. So it runs on threads of its own: those of the runtime belong to the application.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::process;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

/// Looks up each host once at a time, however many connections wait for it, on a few threads.
pub(crate) struct Resolver {
    lookup: Box<Lookup>,
    state: Mutex<State>,
}

/// Finds the addresses of a host; their ports mean nothing.
pub(crate) type Lookup = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

#[derive(Default)]
struct State {
    /// The process that runs the threads: a child by `fork` has none of them.
    process: u32,
    threads: usize,
    lookups: HashMap<String, Progress>,
}

struct Progress {
    stage: Stage,
    result: watch::Sender<Option<Found>>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// No thread has begun.
    Queued,
    /// A thread began at this time.
    Running(Instant),
    /// It ended at this time.
    Done(Instant),
}

type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

impl Resolver {
    /// The resolver of the system, which all connectors of this process share.
    pub(crate) fn system() -> Arc<Self> {
        static SYSTEM: LazyLock<Arc<Resolver>> = LazyLock::new(|| {
            Resolver::new(|host| Ok((host, 0).to_socket_addrs()?.collect::<Vec<_>>()))
        });
        Arc::clone(&SYSTEM)
    }

    pub(crate) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { lookup: Box::new(lookup), state: Mutex::default() })
    }

    /// The addresses of a host with this port. A lookup of the host that is under way is joined.
    ///
    /// # Errors
    /// When the system finds none, or has no thread to look with.
    pub(crate) async fn resolve(
        self: &Arc<Self>,
        host: &str,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut result = self.join(host);
        loop {
            self.start_threads()?;
            // Until then, other lookups may have turned out to hang.
            let done = timeout(HANGS_AFTER, result.wait_for(Option::is_some));
            let Ok(done) = done.await else { continue };
            let done =
                done.map_err(|_| io::Error::other("the lookup was interrupted by a fork"))?;
            return match &*done {
                Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
                Some(Ok(addresses)) => {
                    Ok(addresses.iter().map(|each| with_port(*each, port)).collect())
                }
                None => Ok(Vec::new()),
            };
        }
    }

    fn join(&self, host: &str) -> watch::Receiver<Option<Found>> {
        let mut state = self.lock();
        state.discard_old();
        match state.lookups.entry(host.to_owned()) {
            Entry::Occupied(known) => known.get().result.subscribe(),
            Entry::Vacant(place) => {
                let (sender, result) = watch::channel(None);
                place.insert(Progress { stage: Stage::Queued, result: sender });
                result
            }
        }
    }

    /// Starts a thread if there is work for one more.
    fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        let mut state = self.lock();
        if !state.needs_a_thread() {
            return Ok(());
        }
        let resolver = Arc::clone(self);
        let thread = thread::Builder::new().name("etcd-resolver".to_owned());
        match thread.spawn(move || resolver.work()) {
            Ok(_) => state.threads += 1,
            // The other threads do the work.
            Err(_) if state.threads > 0 => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Looks up one host after the other, until there are none.
    fn work(&self) {
        let process = process::id();
        loop {
            let Some(host) = self.next() else { return };
            let found = (self.lookup)(&host).map(Arc::from).map_err(Arc::new);
            let mut state = self.lock();
            if state.process != process {
                return;
            }
            if let Some(lookup) = state.lookups.get_mut(&host) {
                lookup.stage = Stage::Done(Instant::now());
                lookup.result.send_replace(Some(found));
            }
        }
    }

    /// A host for a thread to look up; without one, the thread ends.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        let queued = state.lookups.iter_mut().find(|(_, lookup)| lookup.is_wanted());
        let Some((host, lookup)) = queued else {
            state.threads = state.threads.saturating_sub(1);
            return None;
        };
        lookup.stage = Stage::Running(Instant::now());
        Some(host.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops the results that are too old to use and the lookups that nothing waits for.
    fn discard_old(&mut self) {
        let process = process::id();
        if self.process != process {
            *self = Self { process, ..Self::default() };
        }
        self.lookups.retain(|_, lookup| match lookup.stage {
            Stage::Queued => lookup.is_wanted(),
            Stage::Running(_) => true,
            Stage::Done(since) => since.elapsed() < REUSED_FOR,
        });
    }

    fn needs_a_thread(&self) -> bool {
        let stages = || self.lookups.values().map(|lookup| lookup.stage);
        let hangs = |stage| matches!(stage, Stage::Running(since) if since.elapsed() > HANGS_AFTER);
        let hanging = stages().filter(|stage| hangs(*stage)).count();
        stages().any(|stage| matches!(stage, Stage::Queued))
            && self.threads < MAX_THREADS
            && self.threads.saturating_sub(hanging) < MAX_BUSY_THREADS
    }
}

impl Progress {
    fn is_wanted(&self) -> bool {
        matches!(self.stage, Stage::Queued) && self.result.receiver_count() > 0
    }
}

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// Connections that are made at the same moment use the same result.
const REUSED_FOR: Duration = Duration::from_millis(100);

/// A lookup that takes longer no longer keeps a thread from another host.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// How many lookups run at the same time, without those that hang.
const MAX_BUSY_THREADS: usize = 4;

/// How many threads there are at most, whatever hangs.
const MAX_THREADS: usize = 32;
