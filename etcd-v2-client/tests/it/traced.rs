//! What subscribers of `tracing` are told, by both clients.

mod collector;
mod secrets;
mod spans;

use std::sync::LazyLock;
use std::time::Duration;

use etcd_v2_client::keys::{Change, Get, Wait};
use etcd_v2_client::mirror::Update;
use etcd_v2_client::{Error, Membership, Request};
use tracing::Dispatch;
#[cfg(feature = "hyper")]
use tracing::instrument::WithSubscriber;

use crate::both::{Pending, Setup, Subject, Syncing};
use collector::Collector;

/// A client whose calls are told to a collector.
struct Traced {
    client: Subject,
    dispatch: Dispatch,
    collector: Collector,
}

/// While there is but one subscriber, `tracing` asks the thread that comes first to some place whether
/// anybody cares for it, and most threads here have none that does. So there are always some more.
static OTHERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Collector::default())));

/// Does some work with a client of either colour, told to the collector.
macro_rules! traced {
    ($traced:expr, $client:ident => $asynchronous:expr, $blocking:expr) => {{
        let dispatch = $traced.dispatch.clone();
        match $traced.client.clone() {
            #[cfg(feature = "hyper")]
            Subject::Async($client, runtime) => {
                Pending::of_task(&runtime, async move { $asynchronous }.with_subscriber(dispatch))
            }
            #[cfg(feature = "ureq")]
            Subject::Blocking($client) => Pending::of_thread(move || {
                tracing::dispatcher::with_default(&dispatch, || $blocking)
            }),
        }
    }};
}

impl Traced {
    fn new(setup: Setup) -> Self {
        LazyLock::force(&OTHERS);
        let collector = Collector::default();
        let dispatch = Dispatch::new(collector.clone());
        Self { client: setup.build(), dispatch, collector }
    }

    fn start<R>(&self, request: R) -> Pending<Result<R::Output, Error>>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        traced!(self, client => client.send(request).await, client.send(request))
    }

    fn send<R>(&self, request: R) -> Result<R::Output, Error>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        self.start(request).result()
    }

    /// The same within a span of the caller.
    fn send_within<R>(&self, request: R) -> Result<R::Output, Error>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        let span = || tracing::info_span!(target: "test", "caller");
        let call = traced!(self, client => {
            tracing::Instrument::instrument(client.send(request), span()).await
        }, {
            span().in_scope(|| client.send(request))
        });
        call.result()
    }

    /// So many items of a watch, which is dropped then.
    fn watch(&self, wait: Wait, items: usize) -> Vec<Result<Change, Error>> {
        let watch = traced!(self, client => {
            let mut watch = client.keys().watch(wait);
            let mut seen = Vec::new();
            while seen.len() < items && let Some(item) = watch.next().await {
                seen.push(item);
            }
            seen
        }, {
            client.keys().watch(wait).take(items).collect::<Vec<_>>()
        });
        watch.result()
    }

    /// So many updates of a mirror, which is dropped then.
    fn mirror(&self, get: Get, updates: usize) -> Vec<Result<Update, Error>> {
        let mirror = traced!(self, client => {
            let (_mirror, mut following) = client.keys().mirror(get);
            let mut seen = Vec::new();
            while seen.len() < updates && let Some(item) = following.next().await {
                seen.push(item);
            }
            seen
        }, {
            client.keys().mirror(get).1.take(updates).collect::<Vec<_>>()
        });
        mirror.result()
    }

    fn sync(&self) -> Result<Membership, Error> {
        traced!(self, client => client.sync().await, client.sync()).result()
    }

    fn auto_sync(&self, interval: Duration) -> Syncing {
        tracing::dispatcher::with_default(&self.dispatch, || {
            self.client.auto_sync(interval).unwrap()
        })
    }

    fn add_user(&self, password: String) -> Result<bool, Error> {
        let call = traced!(self, client => {
            client.auth().users().add("alice", password).await
        }, {
            client.auth().users().add("alice", password)
        });
        call.result().map(|written| written.created)
    }

    fn change_password(&self, password: String) -> Result<bool, Error> {
        let call = traced!(self, client => {
            client.auth().users().change_password("alice", password).await
        }, {
            client.auth().users().change_password("alice", password)
        });
        call.result().map(|written| written.created)
    }

    fn enable_curl_tracing(&self) {
        match &self.client {
            #[cfg(feature = "hyper")]
            Subject::Async(client, _) => client.enable_curl_tracing(),
            #[cfg(feature = "ureq")]
            Subject::Blocking(client) => client.enable_curl_tracing(),
        }
    }
}
