//! The connections that are not in use, by origin.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
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
    /// The task that closes what is not worth keeping, while there is anything.
    keeper: Option<AbortHandle>,
}

/// The unused connections to one origin, the latest used at the end.
struct Shelf {
    origin: Origin,
    idle: Vec<Idle>,
}

struct Idle {
    connection: Box<Connection>,
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
    ) -> Option<(Box<Connection>, Duration)> {
        let mut state = self.lock();
        let shelf = state.shelves.iter_mut().find(|shelf| shelf.origin == *origin)?;
        let mut at = shelf.idle.len();
        while at > 0 {
            at -= 1;
            let idle = &shelf.idle[at];
            let unused = now.saturating_duration_since(idle.since);
            if self.limits.idle_timeout.is_some_and(|limit| unused >= limit) {
                shelf.idle.remove(at);
            } else if idle.connection.runtime == runtime {
                return Some((shelf.idle.remove(at).connection, unused));
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to the end.
    pub(crate) fn put(self: &Arc<Self>, mut connection: Box<Connection>) {
        let Limits { max_idle, max_idle_per_origin, .. } = self.limits;
        let is_ready = connection.is_ready() || connection.is_still_ready();
        if max_idle == 0 || max_idle_per_origin == 0 || !is_ready {
            return;
        }
        connection.leave();
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
            None => state.shelves.push(Shelf { origin: origin.clone(), idle: vec![idle] }),
        }
        if state.count() > max_idle {
            state.remove_oldest();
        }
        self.watch_over(&mut state);
    }

    /// Starts the keeper, unless there is one. Without a runtime there is nobody to run it, and
    /// connections are closed when the next one is asked for.
    fn watch_over(self: &Arc<Self>, state: &mut State) {
        // It is also finished when its runtime is gone.
        if state.keeper.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            state.keeper = Some(runtime.spawn(keep(Arc::downgrade(self))).abort_handle());
        }
    }

    /// Closes what was not used for too long, or has ended, and tells how long nothing more is to be done unless
    /// another connection ends. When nothing is kept any more, the keeper ends.
    fn look_after(&self, context: &mut Context<'_>) -> Option<Duration> {
        let (now, mut next) = (Instant::now(), FAR);
        let mut state = self.lock();
        state.retain(|idle| {
            let unused = now.saturating_duration_since(idle.since);
            let left = self.limits.idle_timeout.map_or(FAR, |limit| limit.saturating_sub(unused));
            let restless = SETTLED.saturating_sub(unused);
            let is_kept = !left.is_zero()
                && (!restless.is_zero() || idle.connection.poll(context).is_pending());
            if is_kept {
                next = next.min(left).min(if restless.is_zero() { FAR } else { restless });
            }
            is_kept
        });
        if state.shelves.is_empty() {
            state.keeper = None;
            return None;
        }
        Some(next)
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

    fn retain(&mut self, mut is_kept: impl FnMut(&mut Idle) -> bool) {
        self.shelves.retain_mut(|shelf| {
            shelf.idle.retain_mut(&mut is_kept);
            !shelf.idle.is_empty()
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(keeper) = mem::take(state).keeper {
            keeper.abort();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.lock().count();
        f.debug_struct("Pool").field("limits", &self.limits).field("idle", &idle).finish()
    }
}

/// Closes connections as their time comes, or as their servers close them. It does not keep the pool alive.
async fn keep(pool: Weak<Pool>) {
    // What was just put back is likely to be in use again by now.
    tokio::time::sleep(SETTLED).await;
    let mut pause = pin!(tokio::time::sleep(SETTLED));
    poll_fn(|context| {
        loop {
            let next = pool.upgrade().and_then(|pool| pool.look_after(context));
            let Some(next) = next else { return Poll::Ready(()) };
            // Not more often than that, however many connections come and go.
            pause.as_mut().reset(Instant::now() + next.max(LEAST_PAUSE));
            ready!(pause.as_mut().poll(context));
        }
    })
    .await;
}

/// Connections that were not used for so long are likely to be left for longer. Until then to listen to them costs
/// more than it is worth.
const SETTLED: Duration = Duration::from_secs(1);
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// As good as never.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
