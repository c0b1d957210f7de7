//! Putting a client together.

use std::fmt;
use std::sync::Arc;

use etcd_v2_proto::proxy::Proxies;
#[cfg(feature = "tls")]
use etcd_v2_proto::tls::Tls;
use etcd_v2_proto::{
    AsyncTransport, BlockingTransport, Cluster, Credentials, CredentialsProvider, Endpoint, Error,
    Invalid, Policy,
};

use crate::client::Client;
use crate::monitoring::Monitoring;
use crate::observe::{Hooks, Observer};
use crate::shared::{Order, Shared};
use crate::{Inner, blocking};

/// Puts a client together; see [`Client::builder`] and [`blocking::Client::builder`].
///
/// `T` is the kind of transport that the client needs, and with it the colour of the client.
#[must_use = "a builder does nothing until `build`"]
pub struct Builder<T: ?Sized> {
    endpoints: Vec<String>,
    credentials: Option<Result<Credentials, Invalid>>,
    provider: Option<Arc<dyn CredentialsProvider>>,
    policy: Policy,
    order: Order,
    observer: Option<Arc<dyn Observer>>,
    transport: Option<Arc<T>>,
    proxies: Option<Proxies>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl<T: ?Sized> Builder<T> {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            credentials: None,
            provider: None,
            policy: Policy::default(),
            order: Order::Shuffled,
            observer: None,
            transport: None,
            proxies: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Adds endpoints: URLs with scheme, host, port and perhaps a path. One text may hold several,
    /// with commas between them. User information in them becomes the credentials.
    pub fn endpoints<U: AsRef<str>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.endpoints.extend(urls.into_iter().map(|url| url.as_ref().to_owned()));
        self
    }

    /// Asks as this user, for good; a password that changes needs a
    /// [provider](Self::credentials_from).
    pub fn credentials(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        // Right now, so that the password is not kept in any other form.
        self.credentials = Some(Credentials::new(user.as_ref(), password.as_ref()));
        self
    }

    /// Asks as whomever the provider names at that moment, so that a password can be changed while the
    /// client is in use. It is called when a call begins and before each wait of a watch; see
    /// [`CredentialsProvider`] for when exactly, and for what becomes of its errors.
    ///
    /// A long watch keeps the credentials that its connection was opened with, since the server checks
    /// them only then.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use etcd_v2_client::{Client, Credentials};
    ///
    /// let password = Arc::new(Mutex::new("first".to_owned()));
    /// let current = Arc::clone(&password);
    /// let builder = Client::builder().endpoints(["http://10.0.0.1:2379"]);
    /// let builder = builder.credentials_from(move || {
    ///     let password = current.lock().map_err(|error| error.to_string())?;
    ///     Ok(Some(Credentials::new("app", &password)?))
    /// });
    /// # drop((builder, password));
    /// ```
    pub fn credentials_from(mut self, provider: impl CredentialsProvider + 'static) -> Self {
        self.provider = Some(Arc::new(provider));
        self
    }

    /// Changes the policy, which says how patient calls are.
    pub fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    /// Asks the endpoints in this order, instead of shuffling them.
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Tells this observer what happens, in all clones, instead of the one before.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Uses this transport instead of the one that a feature brings. Clients may share one.
    pub fn transport(mut self, transport: Arc<T>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// How the transport that a feature brings secures connections to `https` endpoints; without
    /// this, with the certificate authorities of the platform and no client certificate.
    ///
    /// A transport of your own has to be told itself, which is also the way to change other things
    /// of it: see the builders of the transports. Both at once is an error.
    ///
    /// ```no_run
    /// # #[cfg(feature = "hyper")]
    /// # mod example {
    /// use etcd_v2_client::Client;
    /// use etcd_v2_client::proto::tls::Tls;
    ///
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::new().only_ca_pem(std::fs::read("ca.pem")?);
    /// let client = Client::builder().endpoints(["https://10.0.0.1:2379"]).tls(tls).build()?;
    /// # drop(client);
    /// # Ok(()) }
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Which requests go through which HTTP proxy, in the transport that a feature brings; without
    /// this, as the environment variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, this machine
    /// excepted.
    ///
    /// A transport of your own has to be told itself. Both at once is an error.
    ///
    /// ```no_run
    /// # #[cfg(feature = "hyper")]
    /// # mod example {
    /// use etcd_v2_client::Client;
    /// use etcd_v2_client::proto::proxy::Proxies;
    ///
    /// # fn example() -> Result<(), etcd_v2_client::Error> {
    /// let proxies = Proxies::all("http://proxy.example:3128")?.except("10.0.0.0/8");
    /// let client = Client::builder().endpoints(["http://etcd.example:2379"]).proxies(proxies).build()?;
    /// # drop(client);
    /// # Ok(()) }
    /// # }
    /// ```
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Goes straight to every endpoint, whatever the environment says, in the transport that a feature
    /// brings.
    pub fn no_proxy(self) -> Self {
        self.proxies(Proxies::none())
    }

    /// `monitoring` says how the monitor is driven over the transport.
    fn finish(
        self,
        monitoring: impl FnOnce(&Arc<T>, Policy) -> Monitoring,
    ) -> Result<Inner<T>, Error> {
        let endpoints = Endpoint::parse_list(&self.endpoints)?;
        let (credentials, provider) = (self.credentials.transpose()?, self.provider);
        let log_in = |mut cluster: Cluster| {
            if let Some(credentials) = credentials {
                cluster = cluster.with_credentials(credentials)?;
            }
            match provider {
                Some(provider) => Ok(cluster.with_provider(provider)?),
                None => Ok(cluster),
            }
        };
        let transport = self.transport.ok_or_else(|| {
            let reason = "is missing: give one to the builder, or enable the feature \"hyper\" for \
                          the asynchronous client or \"ureq\" for the blocking one";
            Invalid::new("transport", reason)
        })?;
        let misplaced = |settings| {
            let reason = "are for the transport that a feature brings, and another one is given: \
                          give them to the builder of that one";
            Err(Invalid::new(settings, reason).into())
        };
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return misplaced("TLS settings");
        }
        if self.proxies.is_some() {
            return misplaced("proxies");
        }
        let monitoring = monitoring(&transport, self.policy.clone());
        let hooks = Hooks::new(self.observer);
        let shared = Shared::new(endpoints, log_in, self.order, hooks, monitoring)?;
        Ok(Inner::new(transport, Arc::new(shared), self.policy))
    }
}

/// The builder with the transport that a feature brings, unless it has one.
#[cfg(any(feature = "hyper", feature = "ureq"))]
macro_rules! or_default {
    ($builder:expr, $transport:ty) => {{
        let mut builder = $builder;
        if builder.transport.is_none() {
            let transport = <$transport>::builder();
            #[cfg(feature = "tls")]
            let transport = match builder.tls.take() {
                Some(tls) => transport.tls(tls)?,
                None => transport,
            };
            let transport = match builder.proxies.take() {
                Some(proxies) => transport.proxies(proxies),
                None => transport,
            };
            builder.transport = Some(Arc::new(transport.build()));
        }
        builder
    }};
}

impl Builder<dyn AsyncTransport> {
    /// The asynchronous client.
    ///
    /// # Errors
    /// No endpoints, endpoints that are no URLs of http or https or that differ in their user
    /// information, a user name that cannot be one, credentials from several sources, settings of TLS
    /// that make no sense, or no transport.
    pub fn build(self) -> Result<Client, Error> {
        #[cfg(feature = "hyper")]
        let builder = or_default!(self, transport_hyper::HyperTransport);
        #[cfg(not(feature = "hyper"))]
        let builder = self;
        builder.finish(Monitoring::of_tasks).map(Client::from_inner)
    }
}

impl Builder<dyn BlockingTransport> {
    /// The blocking client.
    ///
    /// # Errors
    /// No endpoints, endpoints that are no URLs of http or https or that differ in their user
    /// information, a user name that cannot be one, credentials from several sources, settings of TLS
    /// that make no sense, or no transport.
    pub fn build(self) -> Result<blocking::Client, Error> {
        #[cfg(feature = "ureq")]
        let builder = or_default!(self, transport_ureq::UreqTransport);
        #[cfg(not(feature = "ureq"))]
        let builder = self;
        builder.finish(Monitoring::of_threads).map(blocking::Client::from_inner)
    }
}

impl<T: ?Sized> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The endpoints may hold user information, the credentials a password.
        f.debug_struct("Builder")
            .field("endpoints", &self.endpoints.len())
            .field("policy", &self.policy)
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}
