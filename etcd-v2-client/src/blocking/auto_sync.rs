//! Automatic sync for blocking callers.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use etcd_v2_proto::{BlockingRun, Error, Interrupt, Invalid, Membership};

use super::Client;
use crate::auto_sync::tell;

/// A thread that finds out who the members are, again and again, for as long as this is there. Made by
/// [`Client::auto_sync`].
///
/// Dropping it tells the thread to stop, also in the middle of a call, and does not wait for it; the
/// callback may be just running. [`stop`](Self::stop) waits.
#[derive(Debug)]
#[must_use = "the thread stops when this is dropped"]
pub struct AutoSync {
    interrupt: Interrupt,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Asks who the members are, now and after each `interval`, and asks their own endpoints from then on,
    /// for all clones: [`sync`](Self::sync) without end, on a thread of its own.
    ///
    /// Go's documentation recommends an interval of 10 seconds to 1 minute: little work for the servers, and
    /// changes are noticed in time. Each sync asks the endpoints as they are at that moment. The order is
    /// made anew with each, so a client whose order is [`LeaderFirst`](crate::Order::LeaderFirst) follows the
    /// leader. The endpoints that the client was made with are asked when none of the members answers.
    ///
    /// No error ends it: after one it tries again, after the interval or a second, whichever is shorter, and
    /// then after pauses that double up to the interval, or to 10 seconds if that is longer. It ends when the
    /// [`AutoSync`] is dropped, or the interrupt of this clone [stopped](Self::stopped_by). It goes on without
    /// the client.
    ///
    /// `report` gets what each sync came to, one after the other, on that thread. A panic in it does not
    /// end the thread: the panic hook reports it, by default on the standard error, and `report` is called again
    /// after the next sync.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # fn example(client: etcd_v2_client::blocking::Client) -> Result<(), etcd_v2_client::Error> {
    /// let syncing = client.auto_sync(Duration::from_secs(30), |end| {
    ///     if let Err(error) = end {
    ///         eprintln!("the members are not known: {error}");
    ///     }
    /// })?;
    /// // …
    /// drop(syncing);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// An interval of less than [100 milliseconds](etcd_v2_proto::AutoSync::SHORTEST), or a system that
    /// refuses to start a thread.
    pub fn auto_sync(
        &self,
        interval: Duration,
        mut report: impl FnMut(Result<Membership, Error>) + Send + 'static,
    ) -> Result<AutoSync, Error> {
        let sync = self.inner.shared.auto_sync(interval, &self.inner.policy)?;
        let (transport, interrupt) = (Arc::clone(&self.inner.transport), self.inner.for_watch());
        let mut run = BlockingRun::new(sync, transport, interrupt.clone());
        let syncing = move || {
            let span = run.conversation().span();
            // Errors are what a turn ended with, and no end.
            while let Some(Ok(turn)) = span.within(|| run.next()) {
                if let Some(end) = span.within(|| run.conversation().take(turn)) {
                    tell(&mut report, end);
                }
            }
        };
        let thread = thread::Builder::new().name("etcd-auto-sync".to_owned()).spawn(syncing);
        match thread {
            Ok(thread) => Ok(AutoSync { interrupt, thread: Some(thread) }),
            Err(error) => Err(Invalid::new("thread", format!("cannot be started: {error}")).into()),
        }
    }
}

impl AutoSync {
    /// Stops the thread and waits until it is gone, with what it was carrying out: a connection that is being
    /// made is waited for as long as the policy allows. The callback does not run any more afterwards.
    ///
    /// In the callback itself it does not wait.
    pub fn stop(mut self) {
        self.interrupt.stop();
        let other = |thread: &JoinHandle<()>| thread.thread().id() != thread::current().id();
        if let Some(thread) = self.thread.take().filter(other) {
            let _ = thread.join();
        }
    }
}

impl Drop for AutoSync {
    fn drop(&mut self) {
        self.interrupt.stop();
    }
}
