//! The asynchronous updates of a mirror.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use etcd_v2_proto::{AsyncTransport, Error, ErrorKind, Interrupt};
use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::{Mirror, Mirroring, Update, talk};
use crate::Inner;
use crate::flight::Flight;
use crate::keys::Get;

/// Each [`Update`] of a mirror, one after the other, and what keeps the mirror up to date; see
/// [`Keys::mirror`](crate::Keys::mirror).
///
/// It is also a [`Stream`]. An error that may pass, such as a member that went away, is an item after
/// which it goes on by itself; after any other, such as missing rights, it ends. The mirror changes only
/// while the next update is asked for: whoever needs none lets it [`run`](Self::run) in a task.
///
/// ```no_run
/// # async fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
/// use etcd_v2_client::mirror::Update;
///
/// let (services, mut updates) = client.keys().mirror("/services");
/// while let Some(update) = updates.next().await {
///     match update {
///         Ok(Update::Upserted { node, .. }) => println!("{}", node.node()),
///         Ok(Update::Removed { node, .. }) => println!("{} is gone", node.node().key()),
///         Ok(_) => println!("{} nodes", services.snapshot().len()),
///         // If the error is one that stays, this was the last item.
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok(()) }
/// ```
#[must_use = "a mirror does nothing until its updates are asked for"]
pub struct Updates {
    flight: Flight<Mirroring>,
    interrupt: Interrupt,
}

/// A mirror that begins when its first update is asked for.
pub(crate) fn begin(inner: &Inner<dyn AsyncTransport>, get: Get) -> (Mirror, Updates) {
    let (mirror, talk, interrupt) = talk(inner, get);
    let flight = Flight::new(talk, &inner.transport, &interrupt);
    (mirror, Updates { flight, interrupt })
}

impl Updates {
    /// Waits for the next update; `None` after the end.
    ///
    /// Dropping the future loses nothing: the next call goes on where it was.
    pub async fn next(&mut self) -> Option<Result<Update, Error>> {
        poll_fn(|context| self.flight.poll(context)).await
    }

    /// Keeps the mirror up to date until it ends, and tells why it did: to be spawned as a task. Errors that
    /// pass show in the [`Status`](crate::mirror::Status) only. To end it, drop or abort the task, or use
    /// the [`interrupt`](Self::interrupt).
    pub async fn run(mut self) -> Error {
        /// How many updates may follow each other before other tasks have their turn.
        const TURN: u32 = 64;
        let (mut last, mut told) = (ErrorKind::Stopped.into(), 0_u32);
        while let Some(update) = self.next().await {
            if let Err(error) = update {
                last = error;
            }
            told = told.wrapping_add(1);
            if told.is_multiple_of(TURN) {
                give_way().await;
            }
        }
        last
    }

    /// The handle that [stops](Interrupt::stop) this from elsewhere: its last item is an error then.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

/// Lets other tasks of the same thread go first.
async fn give_way() {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Stream for Updates {
    type Item = Result<Update, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.flight.poll(context)
    }
}

impl FusedStream for Updates {
    fn is_terminated(&self) -> bool {
        self.flight.is_over()
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("step", &self.flight.name()).finish_non_exhaustive()
    }
}
