//! A watch of either colour.

#[cfg(feature = "hyper")]
use std::sync::Arc;

#[cfg(feature = "ureq")]
use etcd_v2_client::blocking;
use etcd_v2_client::keys::{Change, Get};
use etcd_v2_client::mirror::Update;
use etcd_v2_client::{Error, Interrupt};
#[cfg(feature = "hyper")]
use tokio::runtime::Runtime;

use super::{Pending, Subject};

/// A watch, asked for one item at a time.
pub(crate) enum Watching {
    #[cfg(feature = "hyper")]
    Async(Box<etcd_v2_client::Watch>, Arc<Runtime>),
    #[cfg(feature = "ureq")]
    Blocking(Box<blocking::Watch>),
}

type Item = Option<Result<Change, Error>>;

impl Watching {
    #[cfg(feature = "hyper")]
    pub(super) fn of_task(watch: etcd_v2_client::Watch, runtime: Arc<Runtime>) -> Self {
        Self::Async(Box::new(watch), runtime)
    }

    #[cfg(feature = "ureq")]
    pub(super) fn of_thread(watch: blocking::Watch) -> Self {
        Self::Blocking(Box::new(watch))
    }

    /// Begins to wait for the next item.
    pub(crate) fn start(self) -> Pending<(Item, Self)> {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(mut watch, runtime) => {
                Pending::of_task(&Arc::clone(&runtime), async move {
                    (watch.next().await, Self::Async(watch, runtime))
                })
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(mut watch) => {
                Pending::of_thread(move || (watch.next(), Self::Blocking(watch)))
            }
        }
    }

    /// The next item, and the watch again.
    pub(crate) fn step(self) -> (Item, Self) {
        self.start().result()
    }

    /// The index of the next change; there has to be one.
    pub(crate) fn change(self) -> (u64, Self) {
        let (item, watch) = self.step();
        (item.unwrap().unwrap().index().unwrap(), watch)
    }

    /// The next error; there has to be one.
    pub(crate) fn error(self) -> (Error, Self) {
        let (item, watch) = self.step();
        (item.unwrap().unwrap_err(), watch)
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(watch, _) => watch.interrupt().clone(),
            #[cfg(feature = "ureq")]
            Self::Blocking(watch) => watch.interrupt().clone(),
        }
    }
}

impl Subject {
    /// The first updates of a mirror, as many as are wanted.
    pub(crate) fn updates(&self, get: Get, wanted: usize) -> Vec<Result<Update, Error>> {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                let (_mirror, mut updates) = client.keys().mirror(get);
                let taking = Pending::of_task(runtime, async move {
                    let mut taken = Vec::new();
                    while taken.len() < wanted {
                        taken.extend(updates.next().await);
                    }
                    taken
                });
                taking.result()
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => {
                let (_mirror, updates) = client.keys().mirror(get);
                Pending::of_thread(move || updates.take(wanted).collect()).result()
            }
        }
    }
}
