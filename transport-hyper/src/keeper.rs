//! The task that looks after connections that are not in use: it closes those that nobody has used for too long, and
//! those that their servers have closed.
//!
//! Each runtime that has connections has its own keeper, and when the runtime goes, so does the keeper, and what is left
//! of its connections. It does not keep the pool alive.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::time::{Instant, sleep_until};

use crate::connection::Connection;
use crate::pool::Pool;

/// What the pool knows of a keeper.
pub(crate) struct Keeper {
    pub(crate) runtime: runtime::Id,
    /// When it looks next, unless it is called before.
    looks: Instant,
    waker: Option<Waker>,
    /// Whether a connection was put back since it looked last.
    is_needed: bool,
}

impl Keeper {
    /// Has it end, since there is no pool any more.
    pub(crate) fn dismiss(self) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
    }
}

/// What to do when the pool is not locked any more.
pub(crate) enum Call {
    Nothing,
    Wake(Waker),
    Start(Handle),
}

/// A connection of this runtime is put back now.
pub(crate) fn call(
    keepers: &mut Vec<Keeper>,
    runtime: &Handle,
    now: Instant,
    idle_timeout: Option<Duration>,
) -> Call {
    let id = runtime.id();
    let Some(keeper) = keepers.iter_mut().find(|keeper| keeper.runtime == id) else {
        keepers.push(Keeper { runtime: id, looks: now, waker: None, is_needed: true });
        return Call::Start(runtime.clone());
    };
    keeper.is_needed = true;
    let is_late = keeper.looks > now + first_look(idle_timeout);
    is_late.then(|| keeper.waker.take()).flatten().map_or(Call::Nothing, Call::Wake)
}

impl Call {
    pub(crate) fn make(self, pool: &Arc<Pool>) {
        match self {
            Self::Nothing => {}
            Self::Wake(waker) => waker.wake(),
            Self::Start(runtime) => {
                let duty = Duty { pool: Arc::downgrade(pool), runtime: runtime.id() };
                runtime.spawn(keep(duty));
            }
        }
    }
}

/// One look at the connections of a runtime.
pub(crate) struct Tending<'a, 'b> {
    idle_timeout: Option<Duration>,
    context: &'a mut Context<'b>,
    now: Instant,
    /// When to look at one of them again, if there is any.
    next: Option<Instant>,
}

impl<'a, 'b> Tending<'a, 'b> {
    pub(crate) fn new(idle_timeout: Option<Duration>, context: &'a mut Context<'b>) -> Self {
        Self { idle_timeout, context, now: Instant::now(), next: None }
    }

    /// Whether a connection is worth keeping that has not been used since.
    pub(crate) fn keeps(&mut self, connection: &mut Connection, since: Instant) -> bool {
        let settled = since + SETTLED;
        let is_settled = settled <= self.now;
        if self.is_over(since) || (is_settled && connection.is_ending(self.context)) {
            return false;
        }
        let look = if is_settled { self.now + FAR } else { settled };
        self.next = self.next.into_iter().chain([look]).chain(self.end_of(since)).min();
        true
    }

    /// Whether a connection has not been used for too long.
    pub(crate) fn is_over(&self, since: Instant) -> bool {
        self.end_of(since).is_some_and(|end| end <= self.now)
    }

    fn end_of(&self, since: Instant) -> Option<Instant> {
        self.idle_timeout.and_then(|limit| since.checked_add(limit))
    }

    /// When to look again, if there is anything to look after, or was a moment ago.
    pub(crate) fn end(self, keepers: &mut Vec<Keeper>, runtime: runtime::Id) -> Option<Instant> {
        let at = keepers.iter().position(|keeper| keeper.runtime == runtime)?;
        let keeper = &mut keepers[at];
        if !mem::take(&mut keeper.is_needed) && self.next.is_none() {
            keepers.swap_remove(at);
            return None;
        }
        let next = self.next.unwrap_or_else(|| self.now + first_look(self.idle_timeout));
        // By the clock not more often than that, however many connections come and go.
        keeper.looks = next.max(self.now + LEAST_PAUSE);
        keeper.waker = Some(self.context.waker().clone());
        Some(keeper.looks)
    }
}

async fn keep(mut duty: Duty) {
    let mut pause = pin!(sleep_until(Instant::now()));
    poll_fn(|context| {
        loop {
            let pool = duty.pool.upgrade();
            let Some(next) = pool.and_then(|pool| pool.look_after(duty.runtime, context)) else {
                return Poll::Ready(());
            };
            pause.as_mut().reset(next);
            ready!(pause.as_mut().poll(context));
        }
    })
    .await;
    duty.pool = Weak::new();
}

/// Dropped before it is done, because the runtime goes, it closes what that leaves behind.
struct Duty {
    pool: Weak<Pool>,
    runtime: runtime::Id,
}

impl Drop for Duty {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.forget(self.runtime);
        }
    }
}

/// When a connection is looked at that was put back just now.
fn first_look(idle_timeout: Option<Duration>) -> Duration {
    idle_timeout.map_or(SETTLED, |limit| limit.clamp(LEAST_PAUSE, SETTLED))
}

/// Connections that were not used for so long are likely to be left for longer. Until then to listen to them costs
/// more than it is worth.
const SETTLED: Duration = Duration::from_secs(1);
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// When there is nothing to look for.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
