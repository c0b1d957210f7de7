//! What all clones of a client share: the cluster, behind the only lock, and the source of seeds.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use etcd_v2_proto::keys::Wait;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Detour, Endpoint, Error, Event, Membership, Policy,
    Route, Start, Watch,
};

/// In which order the endpoints are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Shuffled, once for each client and at each sync, so that many clients spread over the members.
    #[default]
    Shuffled,
    /// As they were given, or as the members are listed.
    AsGiven,
    /// The leader first, as far as it is known: each sync asks who it is. The others are shuffled.
    LeaderFirst,
}

/// The state that is common to the clones of a client.
#[derive(Debug)]
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    order: Order,
    seed: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        credentials: Option<Credentials>,
        order: Order,
    ) -> Result<Self, Error> {
        let mut cluster = Cluster::new(in_order(endpoints, order))?;
        if let Some(credentials) = credentials {
            cluster = cluster.with_credentials(credentials)?;
        }
        let seed = AtomicU64::new(RandomState::new().hash_one(0));
        Ok(Self { cluster: Mutex::new(cluster), order, seed })
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.cluster().endpoints().to_vec()
    }

    pub(crate) fn pinned(&self) -> Endpoint {
        self.cluster().pinned().clone()
    }

    /// Asks the members' own endpoints from now on.
    pub(crate) fn follow(&self, membership: &Membership) {
        let endpoints = in_order(membership.endpoints.clone(), self.order);
        self.cluster().learn(&endpoints, membership.leader.as_ref());
    }

    /// Whether the leader is to be asked first.
    pub(crate) const fn wants_leader(&self) -> bool {
        matches!(self.order, Order::LeaderFirst)
    }

    pub(crate) fn set_endpoints(&self, endpoints: Vec<Endpoint>) -> Result<(), Error> {
        Ok(self.cluster().replace(in_order(endpoints, self.order))?)
    }

    /// A conversation that begins now, and whose lessons go back to the cluster.
    pub(crate) fn talk<C: Conversation>(
        self: &Arc<Self>,
        policy: &Arc<Policy>,
        begin: impl FnOnce(Start) -> C,
    ) -> Learning<C> {
        let route = self.cluster().route();
        let start = Start::new(route, Arc::clone(policy), self.seed(), Duration::ZERO);
        Learning::new(begin(start), Arc::clone(self))
    }

    /// A watch whose lessons go back to the cluster.
    pub(crate) fn watch(self: &Arc<Self>, wait: Wait, policy: &Arc<Policy>) -> Learning<Watch> {
        let route = self.cluster().route();
        let watch = Watch::new(wait, route, Arc::clone(policy), self.seed());
        Learning::new(watch, Arc::clone(self))
    }

    /// Never held across anything that takes time.
    fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seed(&self) -> u64 {
        self.seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
    }
}

/// A conversation whose lessons go back to the cluster: after every event, and when it is dropped.
#[derive(Debug)]
pub(crate) struct Learning<C: Conversation> {
    conversation: C,
    shared: Arc<Shared>,
    /// When something last happened, by the driver's clock and by ours: a driver that is dropped tells
    /// no time any more.
    last: (Duration, Instant),
    /// The last advice that the cluster took.
    followed: Option<Detour>,
}

impl<C: Conversation> Learning<C> {
    fn new(conversation: C, shared: Arc<Shared>) -> Self {
        Self { conversation, shared, last: (Duration::ZERO, Instant::now()), followed: None }
    }

    fn learn(&mut self, now: Duration) {
        let Some(mut detour) = self.conversation.detour(now) else { return };
        if let Some(earlier) = &self.followed {
            detour = detour.after(earlier);
        }
        if self.shared.cluster().follow(&detour) {
            self.followed = Some(detour);
        }
    }
}

/// A conversation that lasts, and takes another route on its way.
pub(crate) trait Lasting: Conversation {
    fn reroute(&mut self, route: Route);
}

impl Lasting for Watch {
    fn reroute(&mut self, route: Route) {
        Self::reroute(self, route);
    }
}

impl<C: Lasting> Learning<C> {
    /// Goes on with the endpoints as they are now.
    pub(crate) fn reroute(&mut self) {
        let route = self.shared.cluster().route();
        self.conversation.reroute(route);
        // What it advises from now on is about this route.
        self.followed = None;
    }
}

impl<C: Conversation> Conversation for Learning<C> {
    type Item = C::Item;

    fn poll(&mut self, now: Duration) -> Action<C::Item> {
        self.last = (now, Instant::now());
        self.conversation.poll(now)
    }

    fn handle(&mut self, now: Duration, event: Event) {
        self.conversation.handle(now, event);
        self.learn(now);
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        self.conversation.detour(now)
    }
}

impl<C: Conversation> Drop for Learning<C> {
    fn drop(&mut self) {
        let (told, heard) = self.last;
        self.learn(told.saturating_add(heard.elapsed()));
    }
}

/// The order in which the endpoints are asked.
fn in_order(mut endpoints: Vec<Endpoint>, order: Order) -> Vec<Endpoint> {
    if order != Order::AsGiven {
        let random = RandomState::new();
        endpoints.sort_by_cached_key(|endpoint| random.hash_one(endpoint.as_str()));
    }
    endpoints
}
