//! The asynchronous client.

use std::sync::Arc;

use etcd_v2_proto::server::{GetHealth, GetVersion, Health, Version};
use etcd_v2_proto::{
    AsyncRun, AsyncTransport, Conversation, Diagnose, Diagnosis, Error, ErrorKind, Interrupt,
    Membership, Request, Start, Sync,
};

use crate::Inner;
use crate::colours::client_methods;
use crate::shared::Learning;
use crate::side_by_side;
use crate::views::{Auth, Keys, Members, Space, Stats};

/// A client of one etcd cluster, for asynchronous callers.
///
/// It is cheap to clone; clones share the cluster, the connections and all that was learned. Calls
/// need a tokio runtime if the transport is that of the feature `hyper`; spawned tasks get their answers
/// somewhat sooner there than the root future of `#[tokio::main]`.
///
/// Dropping the future of a call ends the call and closes its connection. A write may have been
/// carried out then.
///
/// ```no_run
/// # async fn example() -> Result<(), etcd_v2_client::Error> {
/// use etcd_v2_client::Client;
///
/// let client = Client::new(["http://10.0.0.1:2379", "http://10.0.0.2:2379"])?;
/// client.keys().set("/greeting", "hello").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Inner<dyn AsyncTransport>,
}

client_methods!(Client, Keys, Members, Auth, Stats, AsyncTransport);

impl Client {
    /// A client over the transport of the feature `hyper`, with the default policy.
    ///
    /// # Errors
    /// No endpoints, or endpoints that are no URLs of http or https or that differ in their user
    /// information.
    #[cfg(feature = "hyper")]
    pub fn new<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Result<Self, Error> {
        Self::builder().endpoints(endpoints).build()
    }

    /// Sends a request, of this crate's [`keys`](crate::keys) or of your own.
    ///
    /// A write that is conditional on the index is sent again where its outcome is unknown, which does no
    /// harm, and if it is refused then, the history tells whether that is its own work. No other write is
    /// repeated; [`Keys::resolve`] finds out what became of it.
    ///
    /// # Errors
    /// Whatever may go wrong; [`Error::outcome`] tells what became of the request.
    pub async fn send<R: Request>(&self, request: R) -> Result<R::Output, Error> {
        let (call, interrupt) = self.inner.call(request);
        self.carry_out(call, interrupt).await
    }

    /// Carries out a conversation until it yields: one of your own, say.
    ///
    /// # Errors
    /// With which error the conversation finishes.
    pub async fn talk<C: Conversation>(
        &self,
        begin: impl FnOnce(Start) -> C,
    ) -> Result<C::Item, Error> {
        let (talk, interrupt) = self.inner.talk(begin);
        self.carry_out(talk, interrupt).await
    }

    async fn carry_out<C: Conversation>(
        &self,
        talk: Learning<C>,
        interrupt: Interrupt,
    ) -> Result<C::Item, Error> {
        let mut run = AsyncRun::new(talk, Arc::clone(&self.inner.transport), interrupt);
        let span = run.conversation().span();
        span.around(run.next()).await.unwrap_or_else(|| Err(ErrorKind::Unavailable.into()))
    }

    /// The versions of the server that answers and of its cluster: `GET /version`.
    ///
    /// # Errors
    /// Whatever may go wrong.
    pub async fn version(&self) -> Result<Version, Error> {
        self.send(GetVersion::default()).await
    }

    /// The health of the member that answers: `GET /health`. To know whose it is, ask a client with one
    /// endpoint.
    ///
    /// # Errors
    /// Whatever may go wrong. That a member is unwell is an answer and no error.
    pub async fn health(&self) -> Result<Health, Error> {
        self.send(GetHealth::default()).await
    }

    /// Asks who the members are, and asks their own endpoints from now on, for all clones. The endpoints
    /// that the client was made with are asked when no other one answers.
    ///
    /// What members advertise is not believed blindly; see [`Policy`](crate::Policy). What was not
    /// taken is in the result. The endpoint that is asked first stays so if it is still there.
    ///
    /// # Errors
    /// Whatever may go wrong, or that none of the URLs can be used; nothing changes then.
    pub async fn sync(&self) -> Result<Membership, Error> {
        let leader = self.inner.shared.wants_leader();
        let result = self.talk(|start| Sync::new(start, leader)).await;
        self.inner.shared.synced(&result);
        result
    }

    /// Asks every endpoint, all at the same time, for its version, its health, its leader and its
    /// cluster, and says what is wrong: the v2 API switched off or gone (3.6 and later), a port for TLS,
    /// gRPC, metrics or other members, a web page of a proxy, a member that is down, hung or without a
    /// leader, endpoints of different clusters.
    ///
    /// It takes no longer than [`Policy::diagnosis_deadline`](crate::Policy::diagnosis_deadline), 3
    /// seconds by default, and neither changes anything nor
    /// has a say in which endpoint is asked next. It sends `GET /version`, `/v2/members/leader` and
    /// `/health`, of which the last costs the cluster a read through consensus. Credentials are not
    /// judged, since etcd says the same of a wrong password and of a missing right.
    ///
    /// ```no_run
    /// # async fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
    /// let diagnosis = client.diagnose().await?;
    /// if !diagnosis.is_ok() {
    ///     eprintln!("{diagnosis}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// [`Diagnosis`] shows what that looks like.
    ///
    /// # Errors
    /// If the caller stops it. Whatever else goes wrong is in the diagnosis.
    pub async fn diagnose(&self) -> Result<Diagnosis, Error> {
        let endpoints = self.inner.shared.all_endpoints();
        let asking = endpoints
            .into_iter()
            .map(|endpoint| self.talk(move |start| Diagnose::new(start, endpoint)));
        Ok(Diagnosis::new(side_by_side::join(asking).await?))
    }

    pub(crate) const fn from_inner(inner: Inner<dyn AsyncTransport>) -> Self {
        Self { inner }
    }
}
