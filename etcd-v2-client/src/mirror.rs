//! A local copy of a subtree that is kept up to date.
//!
//! A mirror has two ends. The [`Mirror`] is to be read: it hands out [`Snapshot`]s, without I/O, in either
//! colour, and wakes who waits for something. The [`Updates`], or
//! [`blocking::Updates`](crate::blocking::Updates), do the work: they list the subtree, watch it, and tell
//! each [`Update`]. Whoever needs only the copy lets them run by themselves, in a task or on a thread.
//!
//! ```no_run
//! # #[cfg(feature = "hyper")]
//! # async fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
//! let (services, updates) = client.keys().mirror("/services");
//! tokio::spawn(updates.run());
//!
//! let snapshot = services.wait_until_synced().await?;
//! for node in snapshot.below("/services/web") {
//!     println!("{} {:?}", node.key(), node.value());
//! }
//! let up = services.wait_for(|now| now.get("/services/web/7").is_some()).await?;
//! println!("as of index {:?}", up.index());
//! # Ok(()) }
//! ```
//!
//! What a mirror guarantees is in [`proto::mirror`](etcd_v2_proto::mirror).
//!
//! # Those who cannot keep up
//!
//! Nothing is queued. The updates are made one by one, as they are asked for, and the copy changes with
//! them; while nobody asks, nothing is read from the server. So memory is bounded by the copy, whatever
//! the pace. Whoever is so slow that the server has dropped the history meanwhile (its last 1000 changes)
//! is told the difference, and that it is one: [`Update::Resynced`].
//!
//! The copy is in memory about as large as the answer to a listing of it. No more is taken than the policy
//! allows for an [answer](crate::Policy::max_answer); a mirror that would grow beyond that ends with
//! [`TooLarge`](crate::ErrorKind::TooLarge).

mod board;
mod publish;
mod updates;
mod wait;

pub use etcd_v2_proto::mirror::{Nodes, Snapshot, Status, Update};
pub use updates::Updates;
pub use wait::WaitFor;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::{Error, Interrupt, Mirror as Conversation};

pub(crate) use board::Board;
pub(crate) use publish::Mirroring;
pub(crate) use updates::begin;

use crate::Inner;
use crate::shared::Learning;

/// A local copy of a subtree, to be read; see [`Keys::mirror`](crate::Keys::mirror) and
/// [`blocking::Keys::mirror`](crate::blocking::Keys::mirror).
///
/// It is the same type in both colours, cheap to clone, and none of its methods but those that say so
/// waits for anything. It stays readable when its updates have ended: [`error`](Self::error) tells why.
#[derive(Clone)]
pub struct Mirror {
    board: Arc<Board>,
}

impl Mirror {
    /// The copy as it is now; empty before the [first listing](Snapshot::is_synced).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.board.look().snapshot
    }

    /// How it is doing: whether it is connected, how far it is behind, and what it has done so far.
    #[must_use]
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// How long ago a server last gave a sign of life; none before the first listing.
    ///
    /// This is how stale the copy may be, but for the [lag](Status::lag). While all is well and nothing
    /// happens, it stays below [`Policy::watch_idle`](crate::Policy::watch_idle).
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        self.board.heard().map(|heard| heard.elapsed())
    }

    /// Why the copy is no longer kept up to date, if it is not: an error that does not pass, or
    /// [`Stopped`](crate::ErrorKind::Stopped) if the updates were dropped or stopped.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.board.look().end
    }

    /// Waits for the first listing: `.await` it, or let the thread [`block`](WaitFor::block).
    ///
    /// # Errors
    /// Why the mirror [ended](Self::error) before that.
    pub fn wait_until_synced(&self) -> WaitFor<impl FnMut(&Snapshot) -> bool + use<>> {
        self.wait_for(|_| true)
    }

    /// Waits until a copy, after the first listing, is as it should be: `.await` it, or let the thread
    /// [`block`](WaitFor::block). What was so for a moment only may be overlooked.
    ///
    /// # Errors
    /// Why the mirror [ended](Self::error) before that.
    pub fn wait_for<P: FnMut(&Snapshot) -> bool>(&self, is_it: P) -> WaitFor<P> {
        WaitFor::new(Arc::clone(&self.board), is_it)
    }
}

/// What a mirror is read through, what it is driven by, and what interrupts that.
pub(crate) fn talk<T: ?Sized>(
    inner: &Inner<T>,
    get: crate::keys::Get,
) -> (Mirror, Learning<Mirroring>, Interrupt) {
    let board = Arc::new(Board::default());
    let mirror = Mirror { board: Arc::clone(&board) };
    let begin = |start| Mirroring::new(Conversation::new(get, start), board);
    let (talk, interrupt) = inner.talk(begin);
    (mirror, talk, interrupt)
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let look = self.board.look();
        let mut text = f.debug_struct("Mirror");
        text.field("snapshot", &look.snapshot).field("end", &look.end).finish_non_exhaustive()
    }
}
