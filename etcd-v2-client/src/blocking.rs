//! The same client for callers that block their thread.

mod auto_sync;
mod mirror;
mod watch;

pub use crate::views::{
    BlockingAuth as Auth, BlockingKeys as Keys, BlockingMembers as Members, BlockingRoles as Roles,
    BlockingStats as Stats, BlockingUsers as Users,
};
pub use auto_sync::AutoSync;
pub use mirror::{MirrorThread, Updates};
pub use watch::Watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_v2_proto::server::{GetHealth, GetVersion, Health, Version};
use etcd_v2_proto::{
    BlockingRun, BlockingTransport, Conversation, Diagnose, Diagnosis, Error, ErrorKind, Interrupt,
    Membership, Request, Start, Sync,
};

use crate::Inner;
use crate::colours::client_methods;
use crate::shared::Learning;
use crate::side_by_side;
use crate::views::Space;

/// A client of one etcd cluster, for callers that block their thread.
///
/// It is cheap to clone; clones share the cluster, the connections and all that was learned. No
/// runtime is involved. To end a call from another thread, use [`stopped_by`](Self::stopped_by).
///
/// ```no_run
/// use etcd_v2_client::blocking::Client;
///
/// # #[cfg(feature = "ureq")]
/// let client = Client::new(["http://10.0.0.1:2379", "http://10.0.0.2:2379"])?;
/// # #[cfg(feature = "ureq")]
/// client.keys().set("/greeting", "hello")?;
/// # Ok::<(), etcd_v2_client::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Inner<dyn BlockingTransport>,
}

client_methods!(Client, Keys, Members, Auth, Stats, BlockingTransport);

impl Client {
    /// A client over the transport of the feature `ureq`, with the default policy.
    ///
    /// # Errors
    /// No endpoints, or endpoints that are no URLs of http or https or that differ in their user
    /// information.
    #[cfg(feature = "ureq")]
    pub fn new<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Result<Self, Error> {
        Self::builder().endpoints(endpoints).build()
    }

    /// Sends a request, of this crate's [`keys`](crate::keys) or of your own.
    ///
    /// A write that is conditional on the index is sent again where its outcome is unknown, which does no
    /// harm, and if it is refused then, the history tells whether that is its own work. No other write is
    /// repeated; [`Keys::resolve`](Keys::resolve) finds out what became of it.
    ///
    /// # Errors
    /// Whatever may go wrong; [`Error::outcome`] tells what became of the request.
    pub fn send<R: Request>(&self, request: R) -> Result<R::Output, Error> {
        let (call, interrupt) = self.inner.call(request);
        self.carry_out(call, interrupt)
    }

    /// Carries out a conversation until it yields: one of your own, say.
    ///
    /// # Errors
    /// With which error the conversation finishes.
    pub fn talk<C: Conversation>(&self, begin: impl FnOnce(Start) -> C) -> Result<C::Item, Error> {
        let (talk, interrupt) = self.inner.talk(begin);
        self.carry_out(talk, interrupt)
    }

    fn carry_out<C: Conversation>(
        &self,
        talk: Learning<C>,
        interrupt: Interrupt,
    ) -> Result<C::Item, Error> {
        let mut run = BlockingRun::new(talk, Arc::clone(&self.inner.transport), interrupt);
        let span = run.conversation().span();
        span.within(|| run.next()).unwrap_or_else(|| Err(ErrorKind::Unavailable.into()))
    }

    /// The versions of the server that answers and of its cluster: `GET /version`.
    ///
    /// # Errors
    /// Whatever may go wrong.
    pub fn version(&self) -> Result<Version, Error> {
        self.send(GetVersion::default())
    }

    /// The health of the member that answers: `GET /health`. To know whose it is, ask a client with one
    /// endpoint.
    ///
    /// # Errors
    /// Whatever may go wrong. That a member is unwell is an answer and no error.
    pub fn health(&self) -> Result<Health, Error> {
        self.send(GetHealth::default())
    }

    /// Asks who the members are, and asks their own endpoints from now on, for all clones. The endpoints
    /// that the client was made with are asked when no other one answers.
    ///
    /// What members advertise is not believed blindly; see [`Policy`](crate::Policy). What was not
    /// taken is in the result. The endpoint that is asked first stays so if it is still there.
    ///
    /// # Errors
    /// Whatever may go wrong, or that none of the URLs can be used; nothing changes then.
    pub fn sync(&self) -> Result<Membership, Error> {
        let leader = self.inner.shared.wants_leader();
        let result = self.talk(|start| Sync::new(start, leader));
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
    /// has a say in which endpoint is asked next. More than 16 endpoints are not asked all at once: each
    /// then has its share of that time. It sends `GET /version`, `/v2/members/leader` and
    /// `/health`, of which the last costs the cluster a read through consensus. Credentials are not
    /// judged, since etcd says the same of a wrong password and of a missing right.
    ///
    /// ```no_run
    /// # fn example(client: etcd_v2_client::blocking::Client) -> Result<(), etcd_v2_client::Error> {
    /// let diagnosis = client.diagnose()?;
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
    pub fn diagnose(&self) -> Result<Diagnosis, Error> {
        let endpoints = self.inner.shared.all_endpoints();
        let (began, count) = (Instant::now(), endpoints.len());
        let reports = side_by_side::each(endpoints.into_iter().enumerate().collect(), |item| {
            let (place, endpoint) = item;
            let client = self.with(|policy| {
                // Whoever comes later is to have time, too.
                let rounds = (count - place).div_ceil(side_by_side::MOST_THREADS).max(1);
                let share = |limit: Duration| {
                    limit.saturating_sub(began.elapsed())
                        / u32::try_from(rounds).unwrap_or(u32::MAX)
                };
                policy.diagnosis_deadline = policy.diagnosis_deadline.map(share);
            });
            client.talk(|start| Diagnose::new(start, endpoint))
        });
        Ok(Diagnosis::new(reports?))
    }

    pub(crate) const fn from_inner(inner: Inner<dyn BlockingTransport>) -> Self {
        Self { inner }
    }
}
