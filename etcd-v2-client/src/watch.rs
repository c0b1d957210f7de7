//! The asynchronous watch.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use etcd_v2_proto::keys::{Change, Wait};
use etcd_v2_proto::{AsyncTransport, Error, Interrupt, Watch as Conversation};
use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::Inner;
use crate::flight::Flight;

/// Every change of a key, in order, each once; see [`Keys::watch`](crate::Keys::watch).
///
/// It is also a [`Stream`]. An error that may pass, such as a member that went away, is an item
/// after which the watch goes on by itself, with growing pauses, where it left off. Where changes may be
/// missing after all, the error is a [`Gap`](crate::Gap) ([`Error::gap`]): read again, and go on. After
/// any other error it ends: missing rights, no v2 API, a request that makes no sense. A
/// change that is [too large](crate::ErrorKind::TooLarge) is passed over, with a gap.
///
/// Each watch has a connection of its own for as long as it waits, outside of the limits for those that
/// are kept, and there is no limit for how many there are but the operating system's: a thousand
/// watches are a thousand connections. Dropping the watch closes its connection.
///
/// ```no_run
/// # async fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
/// use etcd_v2_client::keys::Wait;
///
/// let mut watch = client.keys().watch(Wait::new("/services").recursive());
/// while let Some(change) = watch.next().await {
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
    flight: Flight<Conversation>,
    interrupt: Interrupt,
}

impl Watch {
    pub(crate) fn new(inner: &Inner<dyn AsyncTransport>, wait: Wait) -> Self {
        let interrupt = inner.for_watch();
        let watch = inner.shared.watch(wait, &inner.policy).guarded(&interrupt);
        Self { flight: Flight::new(watch, &inner.transport, &interrupt), interrupt }
    }

    /// Waits for the next change; `None` after the end.
    ///
    /// Dropping the future loses nothing: the next call goes on with the same wait.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        poll_fn(|context| self.flight.poll(context)).await
    }

    /// The handle that [stops](Interrupt::stop) this watch from elsewhere: its last item is an error
    /// then.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Stream for Watch {
    type Item = Result<Change, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.flight.poll(context)
    }
}

impl FusedStream for Watch {
    fn is_terminated(&self) -> bool {
        self.flight.is_over()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("step", &self.flight.name()).finish_non_exhaustive()
    }
}
