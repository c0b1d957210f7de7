//! The asynchronous watch.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use etcd_v2_proto::keys::{Change, Wait};
use etcd_v2_proto::{AsyncRun, AsyncTransport, Error, Interrupt, Watch as Conversation};
use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::Inner;
use crate::shared::Learning;

/// Every change of a key, in order, each once; see [`Keys::watch`](crate::Keys::watch).
///
/// It is also a [`Stream`]. An error that may pass, such as a member that went away, is an item
/// after which the watch goes on by itself, with growing pauses, where it left off. Where changes may be
/// missing after all, the error is a [`Gap`](crate::Gap) ([`Error::gap`]): read again, and go on. After
/// any other error it ends: missing rights, no v2 API, a request that makes no sense.
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
    step: Step,
    interrupt: Interrupt,
}

type Run = Box<AsyncRun<Learning<Conversation>>>;
type Item = Result<Change, Error>;

/// The step in flight belongs to the watch and not to whoever asked for it, so that dropping the
/// question loses neither the connection nor the timer.
enum Step {
    Idle(Run),
    InFlight(Pin<Box<dyn Future<Output = (Run, Option<Item>)> + Send>>),
    Over,
}

impl Watch {
    pub(crate) fn new(inner: &Inner<dyn AsyncTransport>, wait: Wait) -> Self {
        let interrupt = inner.for_watch();
        let watch = inner.shared.watch(wait, &inner.policy);
        let run = AsyncRun::new(watch, Arc::clone(&inner.transport), interrupt.clone());
        Self { step: Step::Idle(Box::new(run)), interrupt }
    }

    /// Waits for the next change; `None` after the end.
    ///
    /// Dropping the future loses nothing: the next call goes on with the same wait.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// The handle that [stops](Interrupt::stop) this watch from elsewhere: its last item is an error
    /// then.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            match &mut self.step {
                Step::Idle(_) => {
                    let Step::Idle(mut run) = std::mem::replace(&mut self.step, Step::Over) else {
                        continue;
                    };
                    run.conversation().reroute();
                    self.step = Step::InFlight(Box::pin(async move {
                        let item = run.next().await.map(|item| item?);
                        (run, item)
                    }));
                }
                Step::InFlight(step) => {
                    let (run, item) = ready!(step.as_mut().poll(context));
                    let over = item.is_none();
                    self.step = if over { Step::Over } else { Step::Idle(run) };
                    return Poll::Ready(item);
                }
                Step::Over => return Poll::Ready(None),
            }
        }
    }
}

impl Stream for Watch {
    type Item = Result<Change, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl FusedStream for Watch {
    fn is_terminated(&self) -> bool {
        matches!(self.step, Step::Over)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Idle(_) => "idle",
            Step::InFlight(_) => "in flight",
            Step::Over => "over",
        };
        f.debug_struct("Watch").field("step", &step).finish_non_exhaustive()
    }
}
