//! One way to drive both clients.

use std::{
    sync::{
        Arc, LazyLock,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use etcd_v2_client::{
    Client, Error, ErrorKind, Interrupt, Mirror, Order, Policy, Request, blocking,
    keys::{Change, Wait},
};
use tokio::runtime::Runtime;

use crate::attempts::Attempts;

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Async,
    Blocking,
}

impl Colour {
    pub(crate) const BOTH: [Self; 2] = [Self::Async, Self::Blocking];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Blocking => "blocking",
        }
    }

    /// A client with the default policy that asks these endpoints in order.
    pub(crate) fn subject(self, urls: &[String]) -> Result<Subject> {
        self.build(urls, None)
    }

    /// The same, whose attempts are recorded.
    pub(crate) fn recorded(self, urls: &[String], attempts: &Attempts) -> Result<Subject> {
        self.build(urls, Some(attempts))
    }

    fn build(self, urls: &[String], attempts: Option<&Attempts>) -> Result<Subject> {
        macro_rules! build {
            ($client:ty) => {{
                let builder = <$client>::builder().endpoints(urls).order(Order::AsGiven);
                match attempts {
                    Some(attempts) => builder.observer(Arc::new(attempts.clone())).build()?,
                    None => builder.build()?,
                }
            }};
        }
        Ok(match self {
            Self::Async => Subject::Async(build!(Client)),
            Self::Blocking => Subject::Blocking(build!(blocking::Client)),
        })
    }
}

/// A client of either colour, for callers that block.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Async(Client),
    Blocking(blocking::Client),
}

impl Subject {
    /// Sends a request and waits for its end.
    pub(crate) fn send<R>(&self, request: R) -> Result<R::Output, Error>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        match self.clone() {
            Self::Blocking(client) => client.send(request),
            Self::Async(client) => {
                // A task of its own, as callers have it.
                let call = RUNTIME.spawn(async move { client.send(request).await });
                RUNTIME.block_on(call).unwrap_or_else(|_| Err(ErrorKind::Stopped.into()))
            }
        }
    }

    /// The same client with another policy.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Policy)) -> Self {
        match self {
            Self::Async(client) => Self::Async(client.with(change)),
            Self::Blocking(client) => Self::Blocking(client.with(change)),
        }
    }

    /// Begins a watch, which goes on until what is returned is dropped.
    pub(crate) fn watch(&self, wait: Wait) -> Watching {
        let (sender, items) = mpsc::channel();
        let interrupt = match self {
            Self::Async(client) => {
                let watch = client.keys().watch(wait);
                let interrupt = watch.interrupt().clone();
                RUNTIME.spawn(forward(watch, sender));
                interrupt
            }
            Self::Blocking(client) => {
                let watch = client.keys().watch(wait);
                let interrupt = watch.interrupt().clone();
                thread::spawn(move || watch.map_while(|item| sender.send(item).ok()).last());
                interrupt
            }
        };
        Watching { items, interrupt }
    }

    /// Begins a mirror, which goes on until what is returned is dropped.
    pub(crate) fn mirror(&self, key: &str) -> Mirroring {
        let (mirror, interrupt) = match self {
            Self::Async(client) => {
                let (mirror, updates) = client.keys().mirror(key);
                let interrupt = updates.interrupt().clone();
                RUNTIME.spawn(updates.run());
                (mirror, interrupt)
            }
            Self::Blocking(client) => {
                let (mirror, updates) = client.keys().mirror(key);
                let interrupt = updates.interrupt().clone();
                thread::spawn(move || updates.run());
                (mirror, interrupt)
            }
        };
        Mirroring { mirror, interrupt }
    }
}

/// A mirror that is kept up to date in the background.
#[derive(Debug)]
pub(crate) struct Mirroring {
    pub(crate) mirror: Mirror,
    interrupt: Interrupt,
}

impl Drop for Mirroring {
    fn drop(&mut self) {
        self.interrupt.stop();
    }
}

async fn forward(mut watch: etcd_v2_client::Watch, sender: Sender<Result<Change, Error>>) {
    while let Some(item) = watch.next().await {
        if sender.send(item).is_err() {
            break;
        }
    }
}

/// A watch in the background.
#[derive(Debug)]
pub(crate) struct Watching {
    items: Receiver<Result<Change, Error>>,
    interrupt: Interrupt,
}

/// What a watch came up with.
#[derive(Debug)]
pub(crate) enum Item {
    Change(Change),
    Error(Error),
    Nothing,
    End,
}

impl Watching {
    /// What comes next within this time.
    pub(crate) fn next(&self, patience: Duration) -> Item {
        match self.items.recv_timeout(patience) {
            Ok(Ok(change)) => Item::Change(change),
            Ok(Err(error)) => Item::Error(error),
            Err(RecvTimeoutError::Timeout) => Item::Nothing,
            Err(RecvTimeoutError::Disconnected) => Item::End,
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.interrupt.stop();
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let built = builder.worker_threads(2).enable_all().build();
    built.unwrap_or_else(|error| panic!("no runtime: {error}"))
});
