//! One way to drive both clients, so that a scenario is written once and run in both colours.

pub(crate) mod observing;
mod pending;
mod syncing;
mod watching;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(feature = "hyper")]
use etcd_v2_client::Client;
#[cfg(feature = "ureq")]
use etcd_v2_client::blocking;
use etcd_v2_client::keys::{Change, Delete, KeysRequest, Push, Set, Wait};
use etcd_v2_client::observe::Observer;
use etcd_v2_client::proto::proxy::Proxies;
use etcd_v2_client::{
    CredentialsProvider, Diagnosis, Endpoint, Error, Interrupt, Order, Policy, Request, Resolution,
};
#[cfg(feature = "hyper")]
use tokio::runtime::{self, Runtime};

pub(crate) use pending::Pending;
pub(crate) use syncing::Syncing;
pub(crate) use watching::Watching;

/// Makes two tests of each scenario, `async_` and `blocking`, in a module of its name.
macro_rules! both {
    ($($scenario:ident),* $(,)?) => {
        $(
            mod $scenario {
                #[cfg(feature = "hyper")]
                #[test]
                fn async_() {
                    super::$scenario(crate::both::Colour::Async);
                }

                #[cfg(feature = "ureq")]
                #[test]
                fn blocking() {
                    super::$scenario(crate::both::Colour::Blocking);
                }
            }
        )*
    };
}

pub(crate) use both;

/// Which client a scenario is run with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    #[cfg(feature = "hyper")]
    Async,
    #[cfg(feature = "ureq")]
    Blocking,
}

/// How a client is to be put together.
pub(crate) struct Setup {
    colour: Colour,
    urls: Vec<String>,
    credentials: Option<(String, String)>,
    provider: Option<Arc<dyn CredentialsProvider>>,
    order: Order,
    observer: Option<Arc<dyn Observer>>,
    proxies: Option<Proxies>,
    change: Box<dyn FnOnce(&mut Policy)>,
}

/// A client of either colour, with a runtime of its own if it needs one.
#[derive(Clone)]
pub(crate) enum Subject {
    #[cfg(feature = "hyper")]
    Async(Client, Arc<Runtime>),
    #[cfg(feature = "ureq")]
    Blocking(blocking::Client),
}

impl Colour {
    /// A client that asks these endpoints in order, and leaves none just because this machine is busy:
    /// the heads of its reads may take as long as those of its writes, and nobody is probed.
    pub(crate) fn client<U: Into<String>>(self, urls: impl IntoIterator<Item = U>) -> Subject {
        self.patient(urls).build()
    }

    /// The same, to be changed.
    pub(crate) fn patient<U: Into<String>>(self, urls: impl IntoIterator<Item = U>) -> Setup {
        self.setup(urls).policy(|policy| {
            policy.read_head = policy.write_head.map(Into::into);
            policy.listing_head = policy.write_head.map(Into::into);
            policy.quorum_head = policy.write_head.map(Into::into);
            policy.read_deadline = policy.write_deadline;
            (policy.late, policy.watch_probe) = (None, None);
        })
    }

    /// A client that asks these endpoints in order, with the default policy.
    pub(crate) fn setup<U: Into<String>>(self, urls: impl IntoIterator<Item = U>) -> Setup {
        let urls = urls.into_iter().map(Into::into).collect();
        Setup {
            colour: self,
            urls,
            credentials: None,
            provider: None,
            order: Order::AsGiven,
            observer: None,
            proxies: None,
            change: Box::new(|_| ()),
        }
    }
}

impl Setup {
    pub(crate) fn policy(mut self, change: impl FnOnce(&mut Policy) + 'static) -> Self {
        let before = self.change;
        self.change = Box::new(|policy| {
            before(policy);
            change(policy);
        });
        self
    }

    pub(crate) fn credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.to_owned(), password.to_owned()));
        self
    }

    pub(crate) fn credentials_from(mut self, provider: impl CredentialsProvider + 'static) -> Self {
        self.provider = Some(Arc::new(provider));
        self
    }

    pub(crate) fn shuffled(self) -> Self {
        self.order(Order::Shuffled)
    }

    pub(crate) fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    pub(crate) fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    pub(crate) fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    pub(crate) fn build(self) -> Subject {
        self.try_build().unwrap()
    }

    pub(crate) fn try_build(self) -> Result<Subject, Error> {
        macro_rules! build {
            ($builder:expr) => {{
                let mut builder = $builder.endpoints(self.urls).policy(self.change);
                if let Some((user, password)) = self.credentials {
                    builder = builder.credentials(user, password);
                }
                if let Some(provider) = self.provider {
                    builder = builder.credentials_from(provider);
                }
                if let Some(observer) = self.observer {
                    builder = builder.observer(observer);
                }
                if let Some(proxies) = self.proxies {
                    builder = builder.proxies(proxies);
                }
                builder.order(self.order).build()
            }};
        }
        match self.colour {
            #[cfg(feature = "hyper")]
            Colour::Async => {
                let mut runtime = runtime::Builder::new_multi_thread();
                // Two, so that one that is kept busy does not keep time limits from striking.
                let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
                Ok(Subject::Async(build!(Client::builder())?, Arc::new(runtime)))
            }
            #[cfg(feature = "ureq")]
            Colour::Blocking => Ok(Subject::Blocking(build!(blocking::Client::builder())?)),
        }
    }
}

/// The same expression for the client of either colour.
macro_rules! of_client {
    ($subject:expr, $client:ident => $result:expr) => {
        match $subject {
            #[cfg(feature = "hyper")]
            Subject::Async($client, _) => $result,
            #[cfg(feature = "ureq")]
            Subject::Blocking($client) => $result,
        }
    };
}

impl Subject {
    /// Sends a request and waits for its end.
    pub(crate) fn send<R>(&self, request: R) -> Result<R::Output, Error>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        self.start(request).result()
    }

    /// Begins to send a request.
    pub(crate) fn start<R>(&self, request: R) -> Pending<Result<R::Output, Error>>
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        match self.clone() {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                Pending::of_task(&runtime, async move { client.send(request).await })
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Pending::of_thread(move || client.send(request)),
        }
    }

    /// Sends a request through the view of the keys API at `prefix`.
    pub(crate) fn send_at<R>(&self, prefix: &'static str, request: R) -> Result<R::Output, Error>
    where
        R: KeysRequest + Send + 'static,
        R::Output: Send,
    {
        match self.clone() {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                let call = async move { client.keys_at(prefix).send(request).await };
                Pending::of_task(&runtime, call).result()
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => {
                Pending::of_thread(move || client.keys_at(prefix).send(request)).result()
            }
        }
    }

    /// Begins to send a request, and gives it up in the manner of the colour as soon as `until`
    /// returns: the future is dropped, or the call is stopped from another thread.
    pub(crate) fn give_up<R>(&self, request: R, until: impl FnOnce())
    where
        R: Request + Send + 'static,
        R::Output: Send,
    {
        let interrupt = Interrupt::new();
        let call = match self {
            #[cfg(feature = "hyper")]
            Self::Async(..) => self.start(request),
            #[cfg(feature = "ureq")]
            Self::Blocking(_) => self.stopped_by(&interrupt).start(request),
        };
        until();
        interrupt.stop();
        call.give_up();
    }

    /// Finds out what became of a write.
    pub(crate) fn resolve(&self, error: Error) -> Result<Resolution, Error> {
        match self.clone() {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                let call = async move { client.keys().resolve(&error).await };
                Pending::of_task(&runtime, call).result()
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => {
                Pending::of_thread(move || client.keys().resolve(&error)).result()
            }
        }
    }

    /// Begins to look into what is wrong.
    pub(crate) fn diagnose(&self) -> Pending<Result<Diagnosis, Error>> {
        match self.clone() {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                Pending::of_task(&runtime, async move { client.diagnose().await })
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Pending::of_thread(move || client.diagnose()),
        }
    }

    pub(crate) fn watch(&self, wait: impl Into<Wait>) -> Watching {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                Watching::of_task(client.keys().watch(wait), Arc::clone(runtime))
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Watching::of_thread(client.keys().watch(wait)),
        }
    }

    /// Drops the client, though not what its tasks run on.
    pub(crate) fn drop_client(self) -> Box<dyn Any> {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(_, runtime) => Box::new(runtime),
            #[cfg(feature = "ureq")]
            Self::Blocking(_) => Box::new(()),
        }
    }

    /// Keeps up with who the members are, and with what that came to.
    pub(crate) fn auto_sync(&self, interval: Duration) -> Result<Syncing, Error> {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => Syncing::of_task(client, runtime, interval),
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Syncing::of_thread(client, interval),
        }
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut Policy)) -> Self {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => Self::Async(client.with(change), Arc::clone(runtime)),
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Self::Blocking(client.with(change)),
        }
    }

    pub(crate) fn stopped_by(&self, interrupt: &Interrupt) -> Self {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                Self::Async(client.stopped_by(interrupt), Arc::clone(runtime))
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Self::Blocking(client.stopped_by(interrupt)),
        }
    }

    pub(crate) fn set_endpoints(&self, urls: &[&str]) -> Result<(), Error> {
        of_client!(self, client => client.set_endpoints(urls))
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        let endpoints = of_client!(self, client => client.endpoints());
        endpoints.iter().map(Endpoint::to_string).collect()
    }

    pub(crate) fn pinned(&self) -> String {
        of_client!(self, client => client.pinned()).to_string()
    }

    /// Everything that can be printed of a client.
    pub(crate) fn debug(&self) -> String {
        of_client!(self, client => format!("{client:?} {client:#?} {:?}", client.keys()))
    }
}

/// A write and what to call it.
pub(crate) type Write = (&'static str, fn(&Subject) -> Result<Change, Error>);

/// Each kind of write that may never be sent twice.
pub(crate) const WRITES: [Write; 6] = [
    ("set", |client| client.send(Set::new("/a", "1"))),
    ("create", |client| client.send(Set::create("/a", "1"))),
    ("prevValue", |client| client.send(Set::new("/a", "1").if_value("0"))),
    ("mkdir", |client| client.send(Set::mkdir("/a"))),
    ("push", |client| client.send(Push::new("/a", "1"))),
    ("delete", |client| client.send(Delete::new("/a").recursive())),
];

/// The writes of which a late copy can only fail.
pub(crate) const GUARDED: [Write; 2] = [
    ("prevIndex", |client| client.send(Set::new("/a", "1").if_index(3))),
    ("delete by index", |client| client.send(Delete::new("/a").if_index(3))),
];

/// How long something takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
