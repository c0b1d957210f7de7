//! Waiting for something in a mirror, in both colours.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use etcd_v2_proto::{Error, ErrorKind};

use super::{Board, Snapshot};

/// Waits until a copy is as it should be, and has it then; see
/// [`Mirror::wait_for`](super::Mirror::wait_for).
///
/// It is a future for asynchronous callers, on any runtime, and is as good as dropped when it is not
/// awaited any more. Others let their thread [`block`](Self::block).
#[must_use = "this does nothing until it is awaited or blocked on"]
pub struct WaitFor<P> {
    board: Arc<Board>,
    is_it: P,
    /// By which number the board knows the task that waits.
    question: Option<u64>,
}

impl<P: FnMut(&Snapshot) -> bool> WaitFor<P> {
    pub(super) fn new(board: Arc<Board>, is_it: P) -> Self {
        Self { board, is_it, question: None }
    }

    /// Blocks the thread until it is so.
    ///
    /// # Errors
    /// Why the mirror [ended](super::Mirror::error) before that.
    pub fn block(self) -> Result<Snapshot, Error> {
        self.until(None)
    }

    /// Blocks the thread until it is so, but no longer than `limit`.
    ///
    /// # Errors
    /// Why the mirror [ended](super::Mirror::error) before that, or
    /// [`TimedOut`](ErrorKind::TimedOut).
    pub fn block_for(self, limit: Duration) -> Result<Snapshot, Error> {
        self.until(Instant::now().checked_add(limit))
    }

    fn until(mut self, end: Option<Instant>) -> Result<Snapshot, Error> {
        loop {
            let version = match self.look() {
                Ok(done) => return done,
                Err(version) => version,
            };
            if !self.board.block(version, end) {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    /// The end of the waiting, or after which version to look again. What the caller asks runs without
    /// any lock.
    fn look(&mut self) -> Result<Result<Snapshot, Error>, u64> {
        let look = self.board.look();
        if look.snapshot.is_synced() && (self.is_it)(&look.snapshot) {
            return Ok(Ok(look.snapshot));
        }
        look.end.map(Err).ok_or(look.version)
    }
}

/// Nothing in it is pinned.
impl<P> Unpin for WaitFor<P> {}

impl<P: FnMut(&Snapshot) -> bool> Future for WaitFor<P> {
    type Output = Result<Snapshot, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let this = &mut *self;
            match this.look() {
                Ok(done) => return Poll::Ready(done),
                Err(version) => {
                    if this.board.ask(version, &mut this.question, context.waker()) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl<P> Drop for WaitFor<P> {
    fn drop(&mut self) {
        if let Some(question) = self.question {
            self.board.forget(question);
        }
    }
}

impl<P> fmt::Debug for WaitFor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor").finish_non_exhaustive()
    }
}
