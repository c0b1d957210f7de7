//! Interrupting a driver from outside: to stop it, or to make it leave an endpoint.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A handle that interrupts a driver while it waits.
///
/// Clones are the same handle. To the users of a client it is [`new`](Self::new), [`stop`](Self::stop),
/// [`is_stopped`](Self::is_stopped) and [`sleep`](Self::sleep), a pause that a stop ends; the rest is for
/// drivers. One driver has one interrupt: to stop many with one handle, give each a
/// [`child`](Self::child) of it, as the clients do. An async caller seldom needs one, since dropping the
/// future stops the call, too.
///
/// ```
/// use etcd_v2_proto::{AbandonReason, Interrupt, Reason};
///
/// let all = Interrupt::new();
/// let one = all.child();
/// one.leave();
/// assert_eq!(one.take(), Some(Reason::Leave(AbandonReason::Unresponsive)));
/// assert_eq!(one.take(), None, "leaving happens once");
/// all.stop();
/// assert_eq!(one.take(), Some(Reason::Stopped));
/// assert_eq!(one.take(), Some(Reason::Stopped), "stopping is for good");
/// ```
#[derive(Clone, Default)]
pub struct Interrupt {
    inner: Option<Arc<Inner>>,
}

/// What an interrupt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to know every reason")]
pub enum Reason {
    /// End the conversation: the caller wants no more of it.
    Stopped,
    /// Give up this attempt as failed after sending, so that the conversation goes on elsewhere.
    Leave(AbandonReason),
}

/// Why an attempt at an endpoint is given up; see [`monitor`](crate::monitor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbandonReason {
    /// The endpoint did not answer a probe.
    Unresponsive,
    /// The endpoint answered probes, but had no leader.
    NoLeader {
        /// For how long the request had been waiting.
        waited: Duration,
    },
    /// The leader changed while the request was waiting. What was sent to the old one may be lost.
    LeaderChanged,
    /// Most endpoints named another leader than this one, twice. So its member is cut off from its peers: a leader
    /// that is does not step down before etcd 3.0.
    OtherLeader,
}

/// Keeps a function registered that breaks a blocked call; see [`Interrupt::on_interrupt`].
#[derive(Debug)]
#[must_use = "dropping it unregisters the function"]
pub struct Hook {
    owner: Weak<Inner>,
    id: u64,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// The registration with the handle this one is a child of, kept for its drop, and that handle: a
    /// stop has to come through it even if nobody else keeps it.
    _parent: Option<(Hook, Arc<Self>)>,
}

#[derive(Default)]
struct State {
    stopped: bool,
    leave: Option<AbandonReason>,
    waker: Option<Waker>,
    listeners: BTreeMap<u64, Listener>,
    next_id: u64,
}

enum Listener {
    Child(Weak<Inner>),
    Breaker(Box<dyn Fn() + Send>),
}

impl Interrupt {
    /// An interrupt that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: Some(Arc::default()) }
    }

    /// An interrupt that can never be used; it costs nothing.
    #[must_use]
    pub const fn never() -> Self {
        Self { inner: None }
    }

    /// Whether this is [`Interrupt::never`].
    #[must_use]
    pub const fn is_never(&self) -> bool {
        self.inner.is_none()
    }

    /// An interrupt of its own that is stopped with this one, too.
    #[must_use]
    pub fn child(&self) -> Self {
        let Some(inner) = &self.inner else { return Self::new() };
        let child = Arc::new_cyclic(|child| Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            _parent: Some((inner.register(Listener::Child(Weak::clone(child))), Arc::clone(inner))),
        });
        // Looked at after registering, so that a stop in between is not missed.
        if inner.lock().stopped {
            child.set(Reason::Stopped);
        }
        Self { inner: Some(child) }
    }

    /// Ends the conversation, now and for good.
    pub fn stop(&self) {
        if let Some(inner) = &self.inner {
            inner.set(Reason::Stopped);
        }
    }

    /// Makes the driver give up its present attempt and go on elsewhere, because the endpoint is
    /// [unresponsive](AbandonReason::Unresponsive).
    pub fn leave(&self) {
        self.abandon_attempt(AbandonReason::Unresponsive);
    }

    /// The same for this reason, which is what the error of the attempt says.
    pub fn abandon_attempt(&self, reason: AbandonReason) {
        if let Some(inner) = &self.inner {
            inner.set(Reason::Leave(reason));
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.lock().stopped)
    }

    /// What has been asked for; a request to leave is used up by asking.
    #[must_use]
    pub fn take(&self) -> Option<Reason> {
        self.inner.as_ref().and_then(|inner| inner.lock().take())
    }

    /// Becomes ready when the interrupt is used; remembers the waker of the latest caller only.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Reason> {
        let Some(inner) = &self.inner else { return Poll::Pending };
        let mut state = inner.lock();
        if let Some(reason) = state.take() {
            return Poll::Ready(reason);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Blocks the thread for that long.
    ///
    /// # Errors
    /// The reason, as soon as the interrupt is used.
    pub fn sleep(&self, pause: Duration) -> Result<(), Reason> {
        let Some(inner) = &self.inner else {
            std::thread::sleep(pause);
            return Ok(());
        };
        let (mut state, _) = inner
            .changed
            .wait_timeout_while(inner.lock(), pause, |state| {
                !state.stopped && state.leave.is_none()
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.take().map_or(Ok(()), Err)
    }

    /// Registers a function that breaks a blocked call, for instance by shutting down its socket.
    ///
    /// It runs on the thread that uses the interrupt, or here and now if that has happened already,
    /// and perhaps twice. Once the returned [`Hook`] is dropped it does not run any more. It must not
    /// use this interrupt.
    pub fn on_interrupt(&self, breaker: impl Fn() + Send + 'static) -> Hook {
        let Some(inner) = &self.inner else { return Hook { owner: Weak::new(), id: 0 } };
        let hook = inner.register(Listener::Breaker(Box::new(breaker)));
        // Looked at after registering, so that a use in between is not missed.
        let state = inner.lock();
        if let Some(Listener::Breaker(breaker)) = state.listeners.get(&hook.id)
            && (state.stopped || state.leave.is_some())
        {
            breaker();
        }
        drop(state);
        hook
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.inner {
            None => "never",
            Some(_) if self.is_stopped() => "stopped",
            Some(_) => "idle",
        };
        f.debug_tuple("Interrupt").field(&state).finish()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.upgrade() {
            owner.lock().listeners.remove(&self.id);
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(self: &Arc<Self>, listener: Listener) -> Hook {
        let mut state = self.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.listeners.insert(id, listener);
        Hook { owner: Arc::downgrade(self), id }
    }

    fn set(&self, reason: Reason) {
        let mut state = self.lock();
        match reason {
            Reason::Stopped => state.stopped = true,
            Reason::Leave(why) => state.leave = Some(why),
        }
        let mut children = Vec::new();
        for listener in state.listeners.values() {
            match listener {
                // Under the lock, so that a dropped hook has certainly run to its end: the socket it
                // shuts down may be in somebody else's hands a moment later.
                Listener::Breaker(breaker) => breaker(),
                // Not under the lock: the last owner of a child unregisters it here when it goes.
                Listener::Child(child) => children.extend(child.upgrade()),
            }
        }
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        if reason == Reason::Stopped {
            for child in children {
                child.set(reason);
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl State {
    fn take(&mut self) -> Option<Reason> {
        if self.stopped { Some(Reason::Stopped) } else { self.leave.take().map(Reason::Leave) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::thread;

    use super::*;

    #[test]
    fn a_sleeper_is_woken_at_once() {
        let interrupt = Interrupt::new();
        let sleeper = interrupt.clone();
        let sleeping = thread::spawn(move || sleeper.sleep(Duration::from_secs(60)));
        interrupt.stop();
        assert_eq!(sleeping.join().unwrap(), Err(Reason::Stopped));
        assert_eq!(Interrupt::new().sleep(Duration::from_millis(1)), Ok(()));
    }

    #[test]
    fn children_stop_with_their_parent_and_not_the_other_way() {
        let parent = Interrupt::new();
        let (first, second) = (parent.child(), parent.child());
        first.stop();
        assert!(!parent.is_stopped() && !second.is_stopped());
        parent.leave();
        assert_eq!(second.take(), None, "each driver leaves by itself");
        parent.stop();
        assert!(second.is_stopped() && parent.child().is_stopped());
    }

    #[test]
    fn a_stop_reaches_grandchildren_whose_parent_is_forgotten() {
        let all = Interrupt::new();
        let grandchild = all.child().child();
        all.stop();
        assert!(grandchild.is_stopped());
    }

    #[test]
    fn forgotten_children_leave_nothing_behind() {
        let parent = Interrupt::new();
        for _ in 0..100 {
            drop(parent.child());
        }
        assert!(parent.inner.as_ref().unwrap().lock().listeners.is_empty());
    }

    #[test]
    fn a_breaker_runs_while_it_is_hooked_and_never_after() {
        let (interrupt, runs) = (Interrupt::new(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&runs);
        let hook = interrupt.on_interrupt(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        interrupt.leave();
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        drop(hook);
        interrupt.stop();
        assert_eq!(runs.load(Ordering::SeqCst), 1);

        let count = Arc::clone(&runs);
        let _late = interrupt.on_interrupt(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(runs.load(Ordering::SeqCst), 2, "it was used before");
    }

    #[test]
    fn the_waker_of_the_latest_caller_is_woken() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (interrupt, count) = (Interrupt::new(), Arc::new(Count(AtomicUsize::new(0))));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        assert!(interrupt.poll(&mut context).is_pending());
        interrupt.leave();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(
            interrupt.poll(&mut context),
            Poll::Ready(Reason::Leave(AbandonReason::Unresponsive))
        );
        assert!(interrupt.poll(&mut context).is_pending());
        assert!(Interrupt::never().poll(&mut context).is_pending());
    }
}
