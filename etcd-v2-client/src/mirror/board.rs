//! Where a mirror is published, and where those wait who wait for something in it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use etcd_v2_proto::Error;
use etcd_v2_proto::mirror::{Snapshot, Status};

/// What is published. The lock is only held to copy or to replace it.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    look: Look,
    status: Status,
    heard: Option<Instant>,
    /// Who waits in tasks, each by the number of its question.
    wakers: BTreeMap<u64, Waker>,
    /// How many questions there have been.
    questions: u64,
}

/// What those who wait look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) snapshot: Snapshot,
    /// Why nothing more comes.
    pub(super) end: Option<Error>,
    /// How many times it was published.
    pub(super) version: u64,
}

impl Board {
    pub(super) fn look(&self) -> Look {
        self.state().look.clone()
    }

    pub(super) fn status(&self) -> Status {
        self.state().status.clone()
    }

    pub(super) fn heard(&self) -> Option<Instant> {
        self.state().heard
    }

    /// Shows how it is now, and wakes everybody if the copy is another.
    pub(super) fn publish(&self, snapshot: &Snapshot, status: &Status) {
        let mut state = self.state();
        state.status.clone_from(status);
        if !state.look.snapshot.is(snapshot) {
            state.look.snapshot.clone_from(snapshot);
            self.wake(state);
        }
    }

    /// Shows that nothing more comes, and why, unless that is known.
    pub(super) fn end(&self, why: impl FnOnce() -> Error) {
        let mut state = self.state();
        if state.look.end.is_none() {
            state.look.end = Some(why());
            state.status.connected = false;
            self.wake(state);
        }
    }

    /// Shows whether a server gave a sign of life, and whether it tells the changes.
    pub(super) fn hear(&self, is_alive: bool, connected: bool) {
        let mut state = self.state();
        if is_alive {
            state.heard = Some(Instant::now());
        }
        state.status.connected = connected;
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        state.look.version += 1;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_values().for_each(Waker::wake);
    }

    /// Has a task woken at the next version after this one, in place of an earlier question of its. False
    /// if that is there already.
    pub(super) fn ask(&self, after: u64, question: &mut Option<u64>, waker: &Waker) -> bool {
        let mut state = self.state();
        if state.look.version != after {
            return false;
        }
        let number = *question.get_or_insert(state.questions);
        state.questions = state.questions.max(number + 1);
        state.wakers.insert(number, waker.clone());
        true
    }

    /// Forgets a question.
    pub(super) fn forget(&self, question: u64) {
        self.state().wakers.remove(&question);
    }

    /// Waits for the next version after this one. False if the time is up before.
    pub(super) fn block(&self, after: u64, until: Option<Instant>) -> bool {
        let mut state = self.state();
        while state.look.version == after {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return false,
                Some(left) => {
                    let woken = self.changed.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
