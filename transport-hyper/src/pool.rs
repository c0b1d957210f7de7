//! The connections that are not in use, by origin.

use std::fmt;
use std::mem;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use tokio::runtime;
use tokio::time::Instant;

use crate::connection::{Connection, Origin};
use crate::keeper::{self, Keeper, Tending};

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
    /// Who looks after them, one for each runtime that has any.
    keepers: Vec<Keeper>,
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

// A connection is dropped when the lock is free again: that takes a while, and may be anybody's code. Only to look at
// it, the keeper polls it before.
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
        let at = shelf.idle.iter().rposition(|idle| idle.is_of(runtime))?;
        let Idle { connection, since } = shelf.idle.remove(at);
        drop(state);
        let unused = now.saturating_duration_since(since);
        // If it was not used for too long, so were the others, and are about to be closed.
        let is_over = self.limits.idle_timeout.is_some_and(|limit| unused >= limit);
        (!is_over).then_some((connection, unused))
    }

    /// Keeps a connection whose last answer was read to the end.
    pub(crate) fn put(self: &Arc<Self>, mut connection: Box<Connection>) {
        let Limits { max_idle, max_idle_per_origin, idle_timeout } = self.limits;
        let is_ready = connection.is_ready() || connection.is_still_ready();
        let keeps_none = max_idle == 0 || max_idle_per_origin == 0;
        if keeps_none || idle_timeout == Some(Duration::ZERO) || !is_ready {
            return;
        }
        connection.rest();
        let since = Instant::now();
        let mut state = self.lock();
        let call = keeper::call(&mut state.keepers, &connection.runtime, since, idle_timeout);
        let surplus = state.put(Idle { connection, since }, max_idle, max_idle_per_origin);
        drop(state);
        call.make(self);
        drop(surplus);
    }

    /// Closes what was not used for too long, and what has ended of the connections of this runtime, on behalf of its
    /// keeper, and tells when there is more to do. When none of them is left, and none was put back since the last look,
    /// the keeper is not needed any more.
    pub(crate) fn look_after(
        &self,
        runtime: runtime::Id,
        context: &mut Context<'_>,
    ) -> Option<Instant> {
        let mut tending = Tending::new(self.limits.idle_timeout, context);
        let process = process::id();
        let mut state = self.lock();
        let over = state.remove(|idle| {
            if !idle.connection.is_of(process) {
                true
            } else if idle.is_of(runtime) {
                !tending.keeps(&mut idle.connection, idle.since)
            } else {
                // Its own runtime may not be run at present.
                tending.is_over(idle.since)
            }
        });
        let next = tending.end(&mut state.keepers, runtime);
        drop(state);
        drop(over);
        next
    }

    /// Closes what a runtime has left behind.
    pub(crate) fn forget(&self, runtime: runtime::Id) {
        let mut state = self.lock();
        state.keepers.retain(|keeper| keeper.runtime != runtime);
        let over = state.remove(|idle| idle.is_of(runtime));
        drop(state);
        drop(over);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Keeps one, instead of another one if there are that many.
    fn put(&mut self, idle: Idle, max_idle: usize, max_idle_per_origin: usize) -> Option<Idle> {
        let origin = &idle.connection.origin;
        let mut surplus = None;
        match self.shelves.iter_mut().find(|shelf| shelf.origin == *origin) {
            Some(shelf) => {
                if shelf.idle.len() >= max_idle_per_origin {
                    surplus = Some(shelf.idle.remove(0));
                }
                shelf.idle.push(idle);
            }
            None => self.shelves.push(Shelf { origin: origin.clone(), idle: vec![idle] }),
        }
        if self.count() > max_idle { self.remove_oldest() } else { surplus }
    }

    fn count(&self) -> usize {
        self.shelves.iter().map(|shelf| shelf.idle.len()).sum()
    }

    /// Removes the connection that was not used for the longest time.
    fn remove_oldest(&mut self) -> Option<Idle> {
        let filled = self.shelves.iter_mut().filter(|shelf| !shelf.idle.is_empty());
        filled.min_by_key(|shelf| shelf.idle[0].since).map(|shelf| shelf.idle.remove(0))
    }

    /// Removes all of which this is so.
    fn remove(&mut self, mut is_over: impl FnMut(&mut Idle) -> bool) -> Vec<Idle> {
        let mut removed = Vec::new();
        self.shelves.retain_mut(|shelf| {
            removed.extend(shelf.idle.extract_if(.., &mut is_over));
            !shelf.idle.is_empty()
        });
        removed
    }
}

impl Idle {
    fn is_of(&self, runtime: runtime::Id) -> bool {
        self.connection.runtime.id() == runtime
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut state.keepers).into_iter().for_each(Keeper::dismiss);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.lock().count();
        f.debug_struct("Pool").field("limits", &self.limits).field("idle", &idle).finish()
    }
}
