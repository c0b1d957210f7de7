//! The connections that are not in use, by origin.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::connection::{Connection, Origin};

/// Keeps connections for the next request to the same origin.
pub(crate) struct Pool {
    limits: Limits,
    state: Mutex<State>,
}

/// How much a pool keeps.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections in all.
    pub(crate) max_idle: usize,
    /// Connections for each origin.
    pub(crate) max_idle_per_origin: usize,
    /// How long a connection is kept, or `None` for ever.
    pub(crate) idle_timeout: Option<Duration>,
}

#[derive(Default)]
struct State {
    /// A client talks to a handful of origins; looking through them is cheaper than hashing.
    shelves: Vec<Shelf>,
    /// The task that closes what was not used for too long, while there is anything.
    reaper: Option<AbortHandle>,
}

/// The unused connections to one origin, the latest used at the end.
struct Shelf {
    origin: Origin,
    idle: Vec<Idle>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// The connection that was used last, if one is left, and for how long it has not been used.
    pub(crate) fn take(
        &self,
        origin: &Origin,
        runtime: runtime::Id,
        now: Instant,
    ) -> Option<(Connection, Duration)> {
        let mut state = self.lock();
        let shelf = state.shelves.iter_mut().find(|shelf| shelf.origin == *origin)?;
        let mut at = shelf.idle.len();
        while at > 0 {
            at -= 1;
            let idle = &shelf.idle[at];
            let unused = now.saturating_duration_since(idle.since);
            if self.limits.are_over(&idle.connection, unused) {
                shelf.idle.remove(at);
            } else if idle.connection.runtime == runtime {
                return Some((shelf.idle.remove(at).connection, unused));
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to the end.
    pub(crate) fn put(self: &Arc<Self>, connection: Connection) {
        let Limits { max_idle, max_idle_per_origin, .. } = self.limits;
        if max_idle == 0 || max_idle_per_origin == 0 || connection.is_closed() {
            return;
        }
        let idle = Idle { connection, since: Instant::now() };
        let mut state = self.lock();
        let origin = &idle.connection.origin;
        match state.shelves.iter_mut().find(|shelf| shelf.origin == *origin) {
            Some(shelf) => {
                if shelf.idle.len() >= max_idle_per_origin {
                    shelf.idle.remove(0);
                }
                shelf.idle.push(idle);
            }
            None => {
                // Without a time limit this is the only chance to forget origins.
                state.retain(|idle| !idle.connection.is_closed());
                state.shelves.push(Shelf { origin: origin.clone(), idle: vec![idle] });
            }
        }
        if state.count() > max_idle {
            state.remove_oldest();
        }
        if let Some(timeout) = self.limits.idle_timeout {
            self.watch_over(&mut state, timeout);
        }
    }

    /// Starts the reaper, unless there is one. Without a runtime there is nobody to run it, and
    /// connections are closed when the next one is asked for.
    fn watch_over(self: &Arc<Self>, state: &mut State, timeout: Duration) {
        // It is also finished when its runtime is gone.
        if state.reaper.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            let reaper = runtime.spawn(reap(Arc::downgrade(self), timeout));
            state.reaper = Some(reaper.abort_handle());
        }
    }

    /// Closes what was not used for too long, and tells how long the next one has left. When nothing
    /// is kept any more, the reaper ends.
    fn evict(&self, timeout: Duration) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        let unused = |idle: &Idle| now.saturating_duration_since(idle.since);
        state.retain(|idle| !self.limits.are_over(&idle.connection, unused(idle)));
        let oldest =
            state.shelves.iter().flat_map(|shelf| &shelf.idle).map(|idle| idle.since).min();
        if oldest.is_none() {
            state.reaper = None;
        }
        oldest.map(|since| timeout.saturating_sub(now.saturating_duration_since(since)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.idle.len()).sum()
    }

    /// Removes the connection that was not used for the longest time.
    fn remove_oldest(&mut self) {
        let filled = self.shelves.iter_mut().filter(|shelf| !shelf.idle.is_empty());
        if let Some(shelf) = filled.min_by_key(|shelf| shelf.idle[0].since) {
            shelf.idle.remove(0);
        }
    }

    fn retain(&mut self, is_kept: impl Fn(&Idle) -> bool) {
        self.shelves.retain_mut(|shelf| {
            shelf.idle.retain(&is_kept);
            !shelf.idle.is_empty()
        });
    }
}

impl Limits {
    /// Whether a connection is not worth keeping that was not used for so long.
    fn are_over(&self, connection: &Connection, unused: Duration) -> bool {
        connection.is_closed() || self.idle_timeout.is_some_and(|limit| unused >= limit)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(reaper) = mem::take(state).reaper {
            reaper.abort();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.lock().count();
        f.debug_struct("Pool").field("limits", &self.limits).field("idle", &idle).finish()
    }
}

/// Closes connections as their time comes. It does not keep the pool alive.
async fn reap(pool: Weak<Pool>, timeout: Duration) {
    let mut pause = timeout;
    loop {
        tokio::time::sleep(pause).await;
        let Some(next) = pool.upgrade().and_then(|pool| pool.evict(timeout)) else { return };
        // Not more often than that, however many connections come and go.
        pause = next.max(LEAST_PAUSE);
    }
}

const LEAST_PAUSE: Duration = Duration::from_millis(10);
