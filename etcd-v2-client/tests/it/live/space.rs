//! A directory of one's own on a server, and a client of either colour to use it with.

use std::time::Duration;

use etcd_v2_client::keys::{Change, KeysRequest, Wait};
use etcd_v2_client::{CredentialsProvider, Error, Interrupt, Policy, Request, Resolution};

use super::patience;
use crate::both::Syncing;

/// Runs the same on whichever client it is.
macro_rules! either {
    ($self:expr, $it:ident => $asynchronous:expr, $blocking:expr) => {
        match $self {
            #[cfg(feature = "hyper")]
            Self::Async($it) => $asynchronous,
            #[cfg(feature = "ureq")]
            Self::Blocking($it) => $blocking,
        }
    };
}

/// A client of either colour.
#[derive(Clone, Debug)]
pub(super) enum Client {
    #[cfg(feature = "hyper")]
    Async(etcd_v2_client::Client),
    #[cfg(feature = "ureq")]
    Blocking(etcd_v2_client::blocking::Client),
}

fn probes_nobody(policy: &mut Policy) {
    (policy.late, policy.watch_probe) = (None, None);
}

impl Client {
    /// An asynchronous client that asks these endpoints in this order, and [probes](Self::probing) none.
    #[cfg(feature = "hyper")]
    pub(super) fn asynchronous<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Self {
        let builder = etcd_v2_client::Client::builder();
        let builder = builder.endpoints(endpoints).order(etcd_v2_client::Order::AsGiven);
        Self::Async(builder.policy(probes_nobody).build().unwrap())
    }

    /// A blocking client that asks these endpoints in this order, and [probes](Self::probing) none.
    #[cfg(feature = "ureq")]
    pub(super) fn blocking<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Self {
        let builder = etcd_v2_client::blocking::Client::builder();
        let builder = builder.endpoints(endpoints).order(etcd_v2_client::Order::AsGiven);
        Self::Blocking(builder.policy(probes_nobody).build().unwrap())
    }

    /// The same, but with probes as they are by default. Where a server is checked for what came, or a busy
    /// machine must not be the reason for what happens, they are in the way.
    pub(super) fn probing(&self) -> Self {
        let default = Policy::default();
        self.with(|policy| {
            (policy.late, policy.watch_probe) = (default.late, default.watch_probe);
        })
    }

    /// Another client of the same colour, which shares nothing with this one.
    pub(super) fn at<U: AsRef<str>>(&self, endpoints: impl IntoIterator<Item = U>) -> Self {
        either!(self, _it => Self::asynchronous(endpoints), Self::blocking(endpoints))
    }

    /// Another client of the same colour, which asks as this user and [patiently](Self::patient).
    pub(super) fn login(&self, endpoint: &str, user: &str, password: &str) -> Self {
        let client = either!(self, _it => {
            let builder = etcd_v2_client::Client::builder().endpoints([endpoint]);
            Self::Async(builder.credentials(user, password).build().unwrap())
        }, {
            let builder = etcd_v2_client::blocking::Client::builder().endpoints([endpoint]);
            Self::Blocking(builder.credentials(user, password).build().unwrap())
        });
        client.patient()
    }

    /// The same, giving servers time: to check a password keeps one busy for longer than most calls
    /// take, and on a busy machine for much longer.
    pub(super) fn patient(&self) -> Self {
        self.with(|policy| {
            probes_nobody(policy);
            policy.read_head = policy.write_head.map(Into::into);
            policy.listing_head = policy.write_head.map(Into::into);
            policy.quorum_head = policy.write_head.map(Into::into);
            policy.read_deadline = policy.write_deadline;
        })
    }

    /// Another client of the same colour, which asks these endpoints in this order and with these
    /// settings of TLS.
    #[cfg(feature = "ring")]
    pub(super) fn secured<U: AsRef<str>>(
        &self,
        endpoints: impl IntoIterator<Item = U>,
        tls: etcd_v2_client::proto::tls::Tls,
    ) -> Self {
        let order = etcd_v2_client::Order::AsGiven;
        let client = either!(self, _it => {
            let builder = etcd_v2_client::Client::builder().endpoints(endpoints).order(order);
            Self::Async(builder.tls(tls).build().unwrap())
        }, {
            let builder = etcd_v2_client::blocking::Client::builder();
            Self::Blocking(builder.endpoints(endpoints).order(order).tls(tls).build().unwrap())
        });
        client.with(probes_nobody)
    }

    /// Another client of the same colour, which asks as whomever the provider names.
    pub(super) fn login_from(
        &self,
        endpoint: &str,
        provider: impl CredentialsProvider + 'static,
    ) -> Self {
        let client = either!(self, _it => {
            let builder = etcd_v2_client::Client::builder().endpoints([endpoint]);
            Self::Async(builder.credentials_from(provider).build().unwrap())
        }, {
            let builder = etcd_v2_client::blocking::Client::builder().endpoints([endpoint]);
            Self::Blocking(builder.credentials_from(provider).build().unwrap())
        });
        client.with(probes_nobody)
    }

    /// Keeps up with who the members are.
    pub(super) fn auto_sync(&self, interval: Duration) -> Syncing {
        let syncing = either!(self,
            it => Syncing::of_task(it, patience::runtime(), interval),
            Syncing::of_thread(it, interval));
        syncing.unwrap()
    }

    /// Another client of the same colour, which asks the endpoints in some order.
    pub(super) fn ordered<U: AsRef<str>>(
        &self,
        endpoints: impl IntoIterator<Item = U>,
        order: etcd_v2_client::Order,
    ) -> Self {
        let client = either!(self, _it => {
            let builder = etcd_v2_client::Client::builder().endpoints(endpoints);
            Self::Async(builder.order(order).build().unwrap())
        }, {
            let builder = etcd_v2_client::blocking::Client::builder().endpoints(endpoints);
            Self::Blocking(builder.order(order).build().unwrap())
        });
        client.with(probes_nobody)
    }

    pub(super) fn endpoints(&self) -> Vec<String> {
        let endpoints = either!(self, it => it.endpoints(), it.endpoints());
        endpoints.iter().map(|endpoint| endpoint.as_str().to_owned()).collect()
    }

    fn colour(&self) -> &'static str {
        either!(self, _it => "async", "blocking")
    }

    pub(super) fn with(&self, change: impl FnOnce(&mut Policy)) -> Self {
        either!(self, it => Self::Async(it.with(change)), Self::Blocking(it.with(change)))
    }

    pub(super) fn stopped_by(&self, interrupt: &Interrupt) -> Self {
        either!(self, it =>
            Self::Async(it.stopped_by(interrupt)), Self::Blocking(it.stopped_by(interrupt)))
    }

    /// The endpoint that is asked first.
    pub(super) fn pinned(&self) -> String {
        either!(self, it => it.pinned().as_str().to_owned(), it.pinned().as_str().to_owned())
    }

    pub(super) fn send<R: Request>(&self, request: R) -> Result<R::Output, Error> {
        either!(self, it => patience::block_on(it.send(request)), it.send(request))
    }

    pub(super) fn keys(&self) -> Keys {
        either!(self, it => Keys::Async(it.keys()), Keys::Blocking(it.keys()))
    }

    pub(super) fn keys_at(&self, prefix: &str) -> Keys {
        either!(self, it => Keys::Async(it.keys_at(prefix)), Keys::Blocking(it.keys_at(prefix)))
    }
}

/// A view of the keys, of either colour.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    #[cfg(feature = "hyper")]
    Async(etcd_v2_client::Keys),
    #[cfg(feature = "ureq")]
    Blocking(etcd_v2_client::blocking::Keys),
}

impl Keys {
    pub(super) fn send<R: KeysRequest>(&self, request: R) -> Result<R::Output, Error> {
        either!(self, it => patience::block_on(it.send(request)), it.send(request))
    }

    pub(super) fn chroot(&self, root: &str) -> Result<Self, Error> {
        Ok(either!(self, it => Self::Async(it.chroot(root)?), Self::Blocking(it.chroot(root)?)))
    }

    pub(super) fn resolve(&self, error: &Error) -> Result<Resolution, Error> {
        either!(self, it => patience::block_on(it.resolve(error)), it.resolve(error))
    }

    pub(super) fn modify(
        &self,
        key: String,
        change: impl FnMut(Option<&str>) -> Option<String>,
    ) -> Result<Option<Change>, Error> {
        either!(self, it => patience::block_on(it.modify(key, change)), it.modify(key, change))
    }

    pub(super) fn wait(&self, wait: impl Into<Wait>) -> Result<Change, Error> {
        either!(self, it => patience::block_on(it.wait(wait)), it.wait(wait))
    }

    pub(super) fn watch(&self, wait: impl Into<Wait>) -> Watch {
        either!(self, it => Watch::Async(it.watch(wait)), Watch::Blocking(Box::new(it.watch(wait))))
    }
}

/// A watch of either colour.
#[derive(Debug)]
pub(super) enum Watch {
    #[cfg(feature = "hyper")]
    Async(etcd_v2_client::Watch),
    #[cfg(feature = "ureq")]
    Blocking(Box<etcd_v2_client::blocking::Watch>),
}

impl Watch {
    /// What it says next; it is stopped if that takes too long.
    pub(super) fn next(&mut self) -> Option<Result<Change, Error>> {
        let _limit = patience::Limit::on(self.interrupt());
        either!(self, it => patience::block_on(it.next()), it.next())
    }

    /// The next change, if it is not an error.
    pub(super) fn change(&mut self) -> Change {
        self.next().unwrap().unwrap()
    }

    pub(super) fn interrupt(&self) -> Interrupt {
        either!(self, it => it.interrupt().clone(), it.interrupt().clone())
    }
}

/// A directory that nobody else uses. The methods take keys from there.
#[derive(Clone, Debug)]
pub(super) struct Space {
    pub(super) client: Client,
    pub(super) keys: Keys,
    directory: String,
}

/// Writes the methods of the views with keys from the directory.
macro_rules! methods {
    ($(fn $name:ident($key:ident $(, $argument:ident: $type:ty)*);)*) => { $(
        pub(super) fn $name(&self, $key: &str $(, $argument: $type)*) -> Result<Change, Error> {
            let $key = self.at($key);
            match &self.keys {
                #[cfg(feature = "hyper")]
                Keys::Async(it) => patience::block_on(it.$name($key $(, $argument)*)),
                #[cfg(feature = "ureq")]
                Keys::Blocking(it) => it.$name($key $(, $argument)*),
            }
        }
    )* };
}

impl Space {
    pub(super) fn new(client: Client, name: &str) -> Self {
        let directory = format!("/{name}-{}", client.colour());
        Self { keys: client.keys(), client, directory }
    }

    /// The same directory, used by a client of its own that asks these endpoints.
    pub(super) fn asking<U: AsRef<str>>(&self, endpoints: impl IntoIterator<Item = U>) -> Self {
        self.used_by(self.client.at(endpoints))
    }

    /// The same directory, used by a client that has not connected to anybody yet.
    pub(super) fn on_a_fresh_connection(&self) -> Self {
        self.asking(self.client.endpoints())
    }

    /// Keys of this directory with it for their root.
    pub(super) fn chrooted(&self) -> Self {
        let keys = self.keys.chroot(&self.directory).unwrap();
        Self { client: self.client.clone(), keys, directory: String::new() }
    }

    /// The same directory with another policy.
    pub(super) fn with(&self, change: impl FnOnce(&mut Policy)) -> Self {
        self.used_by(self.client.with(change))
    }

    pub(super) fn used_by(&self, client: Client) -> Self {
        Self { keys: client.keys(), client, directory: self.directory.clone() }
    }

    /// The full key.
    pub(super) fn at(&self, key: &str) -> String {
        match key {
            "" => self.directory.clone(),
            key => format!("{}/{key}", self.directory),
        }
    }

    pub(super) fn send<R: KeysRequest>(&self, request: R) -> Result<R::Output, Error> {
        self.keys.send(request)
    }

    /// Watches everything in the directory after an index.
    pub(super) fn watch_after(&self, change: &Change) -> Watch {
        self.keys.watch(Wait::new(self.at("")).recursive().after(change.index().unwrap()))
    }

    methods! {
        fn get(key);
        fn list(key);
        fn set(key, value: &str);
        fn set_for(key, value: &str, ttl: Duration);
        fn create(key, value: &str);
        fn update(key, value: &str);
        fn compare_and_swap(key, index: u64, value: &str);
        fn push(key, value: &str);
        fn mkdir(key);
        fn refresh(key, ttl: Duration);
        fn delete(key);
        fn compare_and_delete(key, index: u64);
        fn delete_dir(key);
        fn delete_all(key);
    }
}
