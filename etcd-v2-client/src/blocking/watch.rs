//! The blocking watch.

use std::fmt;
use std::sync::Arc;

use etcd_v2_proto::keys::{Change, Wait};
use etcd_v2_proto::{BlockingRun, BlockingTransport, Error, Interrupt, Watch as Conversation};

use crate::Inner;
use crate::shared::Learning;

/// Every change of a key, in order, each once, as an iterator; see
/// [`Keys::watch`](super::Keys::watch).
///
/// An error that may pass, such as a member that went away, is an item after which the watch goes on
/// by itself, with growing pauses, where it left off. Where changes may be missing after all, the error is
/// a [`Gap`](crate::Gap) ([`Error::gap`]): read again, and go on. After any other error it ends: missing
/// rights, no v2 API, a request that makes no sense. A change that is [too large](crate::ErrorKind::TooLarge)
/// is passed over, with a gap.
///
/// Each watch has a connection of its own for as long as it waits, outside of the limits for those that
/// are kept, and there is no limit for how many there are but the operating system's. Dropping the watch
/// closes its connection. To stop it from another thread, keep its [`interrupt`](Self::interrupt): it ends
/// at once, unless it is about to connect, then within [`Policy::connect`](crate::Policy::connect).
///
/// ```no_run
/// # fn example(client: etcd_v2_client::blocking::Client) -> Result<(), etcd_v2_client::Error> {
/// use etcd_v2_client::keys::Wait;
///
/// for change in client.keys().watch(Wait::new("/services").recursive()) {
///     match change {
///         Ok(change) => println!("{} {:?} {:?}", change.kind(), change.key(), change.value()),
///         Err(error) if error.gap().is_some() => println!("time to read again: {error}"),
///         // If the error is one that stays, this was the last item.
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok(()) }
/// ```
#[must_use = "a watch does nothing until it is asked for a change"]
pub struct Watch {
    run: BlockingRun<Learning<Conversation>>,
    interrupt: Interrupt,
}

impl Watch {
    pub(crate) fn new(inner: &Inner<dyn BlockingTransport>, wait: Wait) -> Self {
        let interrupt = inner.for_watch();
        let watch = inner.shared.watch(wait, &inner.policy).guarded(&interrupt);
        let run = BlockingRun::new(watch, Arc::clone(&inner.transport), interrupt.clone());
        Self { run, interrupt }
    }

    /// The handle that [stops](Interrupt::stop) this watch from another thread: its last item is an
    /// error then.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Iterator for Watch {
    type Item = Result<Change, Error>;

    /// Waits for the next change; `None` after the end.
    fn next(&mut self) -> Option<Self::Item> {
        self.run.conversation().reroute();
        let span = self.run.conversation().span();
        span.within(|| self.run.next()).map(|item| item?)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("run", &self.run).finish_non_exhaustive()
    }
}
