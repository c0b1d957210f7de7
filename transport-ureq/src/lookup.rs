//! Lookups of host names: one for each host at a time, on a bounded number of threads.
//!
//! The resolver of the operating system blocks and cannot be stopped. So each lookup has a thread of its
//! own. Every call that needs the same host waits for that one lookup, and leaves it when its limit is
//! reached. A resolver that hangs therefore costs a few threads, and not one for each attempt.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::panic;
use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::call::Call;

/// The lookups of a transport.
pub(crate) struct Lookups {
    resolve: Box<Resolve>,
    state: Mutex<State>,
    /// Notified when a lookup ends.
    ended: Condvar,
}

/// Finds the addresses of a host; their port means nothing.
pub(crate) type Resolve = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

struct State {
    /// The process that started the lookups: their threads do not exist in a process forked from it.
    process: u32,
    /// How many threads are busy.
    running: usize,
    hosts: HashMap<Arc<str>, Arc<Lookup>>,
}

/// A lookup, running until it has a result.
#[derive(Default)]
struct Lookup {
    result: OnceLock<Found>,
}

struct Found {
    when: Instant,
    addresses: io::Result<Vec<SocketAddr>>,
}

impl Lookups {
    /// Lookups by the operating system.
    pub(crate) fn by_system() -> Self {
        Self::by(|host| (host, 0).to_socket_addrs().map(Iterator::collect))
    }

    pub(crate) fn by(
        resolve: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        let state = State { process: process::id(), running: 0, hosts: HashMap::new() };
        Self { resolve: Box::new(resolve), state: Mutex::new(state), ended: Condvar::new() }
    }

    /// The addresses of a host, as soon as its lookup has ended.
    ///
    /// # Errors
    /// When the lookup fails or cannot start, or no time is left for it.
    pub(crate) fn find(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        call: &mut Call,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.lock();
        state.forget_lookups_of_another_process();
        let mut joined = None;
        loop {
            if joined.is_none() {
                joined = self.join(host, &mut state)?;
            }
            if let Some(found) = joined.as_deref().and_then(|lookup: &Lookup| lookup.result.get()) {
                return found.with_port(port);
            }
            state = match call.time_to_connect() {
                None => self.ended.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(call.time_out()),
                Some(left) => {
                    self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The lookup of this host that runs or has just ended, or a new one; `None` if too many run.
    fn join(self: &Arc<Self>, host: &str, state: &mut State) -> io::Result<Option<Arc<Lookup>>> {
        if let Some(lookup) = state.hosts.get(host).filter(|lookup| lookup.is_of_use()) {
            return Ok(Some(Arc::clone(lookup)));
        }
        if state.running == MOST_AT_ONCE {
            return Ok(None);
        }
        state.hosts.retain(|_, lookup| lookup.is_of_use());
        let host: Arc<str> = host.into();
        let lookup = Arc::new(Lookup::default());
        let work = {
            let (lookups, lookup, host) =
                (Arc::clone(self), Arc::clone(&lookup), Arc::clone(&host));
            move || lookups.run(&lookup, &host)
        };
        thread::Builder::new().name("resolver".into()).spawn(work)?;
        state.running += 1;
        state.hosts.insert(host, Arc::clone(&lookup));
        Ok(Some(lookup))
    }

    /// What the thread of a lookup does.
    fn run(&self, lookup: &Lookup, host: &str) {
        let resolve = panic::AssertUnwindSafe(|| (self.resolve)(host));
        let addresses = panic::catch_unwind(resolve)
            .unwrap_or_else(|_| Err(io::Error::other("the resolver panicked")));
        let mut state = self.lock();
        state.running -= 1;
        let _ = lookup.result.set(Found { when: Instant::now(), addresses });
        drop(state);
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").finish_non_exhaustive()
    }
}

impl State {
    fn forget_lookups_of_another_process(&mut self) {
        if self.process != process::id() {
            self.process = process::id();
            self.running = 0;
            self.hosts.clear();
        }
    }
}

impl Lookup {
    /// Whether it runs, or its result is for attempts of this moment.
    fn is_of_use(&self) -> bool {
        self.result.get().is_none_or(|found| found.when.elapsed() < MOMENT)
    }
}

impl Found {
    fn with_port(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        match &self.addresses {
            Ok(addresses) => {
                let mut addresses = addresses.clone();
                addresses.iter_mut().for_each(|address| address.set_port(port));
                Ok(addresses)
            }
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

/// How many lookups run at the same time; calls for further hosts wait for their turn.
const MOST_AT_ONCE: usize = 8;

/// For how long a result is good for other attempts. Attempts of the same moment need no lookups of
/// their own, and a change of the name is seen by all later ones.
const MOMENT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use etcd_v2_proto::{Interrupt, Timing};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Lookups that end when they are let, and how many were started.
    struct Held {
        lookups: Arc<Lookups>,
        started: Arc<AtomicUsize>,
        let_go: mpsc::Sender<()>,
    }

    fn held() -> Held {
        let (let_go, may_go) = mpsc::channel();
        let (may_go, started) = (Mutex::new(may_go), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&started);
        let lookups = Arc::new(Lookups::by(move |host| {
            count.fetch_add(1, Ordering::SeqCst);
            // Ends also when the test does.
            let _ = may_go.lock().unwrap().recv();
            if host == "panics" {
                panic!("as the test wants it")
            }
            let last = host.bytes().last().unwrap_or_default();
            Ok(vec![SocketAddr::from(([127, 0, 0, last], 0))])
        }));
        Held { lookups, started, let_go }
    }

    impl Held {
        fn find(&self, host: &str, limit: Option<Duration>) -> io::Result<Vec<SocketAddr>> {
            let timing = Timing::new(limit, None);
            let mut call = Call::to_send(timing, &Interrupt::never(), false, 0);
            self.lookups.find(host, 2379, &mut call)
        }

        fn running(&self) -> usize {
            self.lookups.lock().running
        }
    }

    #[test]
    fn attempts_for_one_host_share_one_lookup_however_long_it_hangs() {
        let held = held();
        let hung = |limit| held.find("a", Some(limit)).unwrap_err().kind();
        // One after the other, and at the same time.
        for _ in 0..50 {
            assert_eq!(hung(Duration::from_millis(1)), io::ErrorKind::TimedOut);
        }
        thread::scope(|scope| {
            for _ in 0..200 {
                scope
                    .spawn(|| assert_eq!(hung(Duration::from_millis(20)), io::ErrorKind::TimedOut));
            }
        });
        assert_eq!((held.running(), held.started.load(Ordering::SeqCst) <= 1), (1, true));
        // All that wait get what it finds in the end.
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..50)
                .map(|number| (number % 2 == 0).then_some(LONG))
                .map(|limit| {
                    scope.spawn({
                        let held = &held;
                        move || held.find("a", limit)
                    })
                })
                .collect();
            held.let_go.send(()).unwrap();
            // For those that begin so late that the result is of another moment.
            for _ in 0..50 {
                held.let_go.send(()).unwrap();
            }
            for thread in waiting {
                let found = thread.join().unwrap().unwrap();
                assert_eq!(found, [SocketAddr::from(([127, 0, 0, b'a'], 2379))]);
            }
        });
        assert_eq!(held.running(), 0);
    }

    #[test]
    fn hung_lookups_of_many_hosts_occupy_few_threads_and_the_others_wait_for_their_turn() {
        let held = held();
        for number in 0..100 {
            let error = held.find(&number.to_string(), Some(Duration::from_millis(1))).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(held.running() <= MOST_AT_ONCE);
        }
        assert_eq!(held.running(), MOST_AT_ONCE);
        thread::scope(|scope| {
            let turn = scope.spawn(|| held.find("z", Some(LONG)));
            for _ in 0..=MOST_AT_ONCE {
                held.let_go.send(()).unwrap();
            }
            let found = turn.join().unwrap().unwrap();
            assert_eq!(found, [SocketAddr::from(([127, 0, 0, b'z'], 2379))]);
        });
    }

    #[test]
    fn result_is_of_its_moment_and_a_failed_lookup_is_an_error() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let lookups = Lookups::by(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::new(io::ErrorKind::NotFound, "no such host"))
        });
        let held = Held { lookups: Arc::new(lookups), started: count, let_go: mpsc::channel().0 };
        for round in 1..=3 {
            let error = held.find("a", Some(LONG)).unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::NotFound, "no such host")
            );
            assert_eq!(held.started.load(Ordering::SeqCst), round);
            thread::sleep(MOMENT);
        }
    }

    #[test]
    fn lookup_that_panics_is_an_error_and_frees_its_thread() {
        let held = held();
        held.let_go.send(()).unwrap();
        let error = held.find("panics", Some(LONG)).unwrap_err();
        assert_eq!(error.to_string(), "the resolver panicked");
        assert_eq!(held.running(), 0);
    }
}
