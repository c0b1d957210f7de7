//! An automatic sync of either colour.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

#[cfg(feature = "ureq")]
use etcd_v2_client::blocking;
use etcd_v2_client::{Error, Membership};
#[cfg(feature = "hyper")]
use tokio::runtime::Runtime;
#[cfg(feature = "hyper")]
use tokio::task::AbortHandle;

use crate::server::PATIENCE;

/// What the syncs came to, for as long as this is there.
pub(crate) struct Syncing {
    ends: Receiver<Result<Membership, Error>>,
    guard: Guard,
}

enum Guard {
    #[cfg(feature = "hyper")]
    Task(AbortHandle),
    #[cfg(feature = "ureq")]
    Thread(blocking::AutoSync),
}

impl Syncing {
    #[cfg(feature = "hyper")]
    pub(crate) fn of_task(
        client: &etcd_v2_client::Client,
        runtime: &Runtime,
        interval: Duration,
    ) -> Result<Self, Error> {
        let (sender, ends) = mpsc::channel();
        let syncing = client.auto_sync(interval, move |end| drop(sender.send(end)))?;
        // It is told to whoever subscribed here.
        #[cfg(feature = "tracing")]
        let syncing = tracing::instrument::WithSubscriber::with_current_subscriber(syncing);
        Ok(Self { ends, guard: Guard::Task(runtime.spawn(syncing).abort_handle()) })
    }

    #[cfg(feature = "ureq")]
    pub(crate) fn of_thread(client: &blocking::Client, interval: Duration) -> Result<Self, Error> {
        let (sender, ends) = mpsc::channel();
        let syncing = client.auto_sync(interval, move |end| drop(sender.send(end)))?;
        Ok(Self { ends, guard: Guard::Thread(syncing) })
    }

    /// The same, with another callback. It has to drop the sender when it goes.
    pub(crate) fn reporting(
        client: &super::Subject,
        interval: Duration,
        report: impl FnMut(Result<Membership, Error>) + Send + 'static,
        ends: Receiver<Result<Membership, Error>>,
    ) -> Self {
        let guard = match client {
            #[cfg(feature = "hyper")]
            super::Subject::Async(client, runtime) => {
                let syncing = client.auto_sync(interval, report).unwrap();
                Guard::Task(runtime.spawn(syncing).abort_handle())
            }
            #[cfg(feature = "ureq")]
            super::Subject::Blocking(client) => {
                Guard::Thread(client.auto_sync(interval, report).unwrap())
            }
        };
        Self { ends, guard }
    }

    /// What the next sync comes to.
    pub(crate) fn next(&self) -> Result<Membership, Error> {
        match self.ends.recv_timeout(PATIENCE) {
            Ok(end) => end,
            Err(RecvTimeoutError::Timeout) => panic!("there is no further sync"),
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended"),
        }
    }

    /// What a sync comes to that has not begun yet.
    pub(crate) fn later(&self) -> Result<Membership, Error> {
        while self.ends.try_recv().is_ok() {}
        // One may be under way.
        drop(self.next());
        self.next()
    }

    /// The endpoints that the next sync finds; it has to succeed.
    pub(crate) fn found(&self) -> Vec<String> {
        self.next().unwrap().endpoints.iter().map(ToString::to_string).collect()
    }

    /// Drops it, and waits until nothing of it is left. Returns the syncs that nobody has asked for.
    pub(crate) fn end(self) -> Vec<Result<Membership, Error>> {
        let Self { ends, guard } = self;
        match guard {
            #[cfg(feature = "hyper")]
            Guard::Task(task) => task.abort(),
            #[cfg(feature = "ureq")]
            Guard::Thread(guard) => drop(guard),
        }
        until_disconnected(&ends)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(&self) -> Vec<Result<Membership, Error>> {
        until_disconnected(&self.ends)
    }
}

/// The callback goes with the task or the thread that it belongs to, and the sender with the callback.
fn until_disconnected(
    ends: &Receiver<Result<Membership, Error>>,
) -> Vec<Result<Membership, Error>> {
    let mut left = Vec::new();
    loop {
        match ends.recv_timeout(PATIENCE) {
            Ok(end) => left.push(end),
            Err(RecvTimeoutError::Disconnected) => return left,
            Err(RecvTimeoutError::Timeout) => panic!("it goes on"),
        }
    }
}
