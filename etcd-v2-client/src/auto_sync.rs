//! Automatic sync for asynchronous callers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use etcd_v2_proto::{AsyncRun, Error, Membership};

use crate::Client;

/// Finds out who the members are, again and again: a future to spawn. Made by [`Client::auto_sync`].
///
/// It owns all that it needs, so nothing else has to be kept, and dropping it is how it ends.
#[must_use = "nothing is asked until the future is spawned or awaited"]
pub struct AutoSync {
    syncing: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Client {
    /// Asks who the members are, now and after each `interval`, and asks their own endpoints from then on,
    /// for all clones: [`sync`](Self::sync) without end.
    ///
    /// Go's documentation recommends an interval of 10 seconds to 1 minute: little work for the servers, and
    /// changes are noticed in time. Each sync asks the endpoints as they are at that moment. The order is
    /// made anew with each, so a client whose order is [`LeaderFirst`](crate::Order::LeaderFirst) follows the
    /// leader. The endpoints that the client was made with are asked when none of the members answers.
    ///
    /// The future never ends by itself, and neither does an error end it: after one it tries again, after
    /// the interval or a second, whichever is shorter, and then after pauses that double up to the interval,
    /// or to 10 seconds if that is longer. It ends when it is dropped, its task aborted, or the interrupt of
    /// this clone [stopped](Self::stopped_by). It goes on without the client.
    ///
    /// `report` gets what each sync came to, one after the other, on the task that carries out the future;
    /// it must not block. A panic in it does not end the syncing: the panic hook reports it, by default on the standard
    /// error, and `report` is called again after the next sync.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
    /// let syncing = client.auto_sync(Duration::from_secs(30), |end| {
    ///     if let Err(error) = end {
    ///         eprintln!("the members are not known: {error}");
    ///     }
    /// })?;
    /// let task = tokio::spawn(syncing);
    /// // …
    /// task.abort();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An interval of less than [100 milliseconds](etcd_v2_proto::AutoSync::SHORTEST).
    pub fn auto_sync(
        &self,
        interval: Duration,
        mut report: impl FnMut(Result<Membership, Error>) + Send + 'static,
    ) -> Result<AutoSync, Error> {
        let sync = self.inner.shared.auto_sync(interval, &self.inner.policy)?;
        let (transport, interrupt) = (Arc::clone(&self.inner.transport), self.inner.for_reads());
        let syncing = Box::pin(async move {
            let mut run = AsyncRun::new(sync, transport, interrupt);
            let span = run.conversation().span();
            // Errors are what a turn ended with, and no end.
            while let Some(Ok(turn)) = span.clone().around(run.next()).await {
                if let Some(end) = span.within(|| run.conversation().take(turn)) {
                    tell(&mut report, end);
                }
            }
        });
        Ok(AutoSync { syncing })
    }
}

/// Reports the result of a sync. A panic in the caller's code does not end the syncing; the panic hook has
/// reported it.
pub(crate) fn tell(
    report: &mut impl FnMut(Result<Membership, Error>),
    end: Result<Membership, Error>,
) {
    // The closure is called again, with whatever state of the caller's the panic left behind.
    let _ = catch_unwind(AssertUnwindSafe(|| report(end)));
}

impl Future for AutoSync {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.syncing.as_mut().poll(context)
    }
}

impl fmt::Debug for AutoSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AutoSync").finish_non_exhaustive()
    }
}
