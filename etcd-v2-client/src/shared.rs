//! What all clones of a client share: the cluster, behind the only lock, and the source of seeds.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use etcd_v2_proto::auto_sync::Turn;
use etcd_v2_proto::keys::Wait;
use etcd_v2_proto::monitor::Pending;
use etcd_v2_proto::{
    Action, AutoSync, Cluster, Conversation, Detour, Endpoint, Error, Event, Interrupt, Membership,
    Policy, Route, Start, Watch,
};

use crate::monitoring::{Guard, Monitoring};
use crate::observe::{Attempts, Hooks, Span};

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
    hooks: Hooks,
    monitoring: Monitoring,
}

impl Shared {
    /// `log_in` says as whom the cluster is asked.
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        log_in: impl FnOnce(Cluster) -> Result<Cluster, Error>,
        order: Order,
        hooks: Hooks,
        monitoring: Monitoring,
    ) -> Result<Self, Error> {
        let cluster = log_in(Cluster::new(in_order(endpoints, order))?)?;
        let seed = AtomicU64::new(RandomState::new().hash_one(0));
        Ok(Self { cluster: Mutex::new(cluster), order, seed, hooks, monitoring })
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        self.cluster().endpoints().to_vec()
    }

    /// All endpoints, the seeds included, without duplicates.
    pub(crate) fn all_endpoints(&self) -> Vec<Endpoint> {
        let cluster = self.cluster();
        let mut all = [cluster.endpoints(), cluster.seeds()].concat();
        drop(cluster);
        all.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        all.dedup();
        all
    }

    /// The route as it is now.
    pub(crate) fn route(&self) -> Route {
        self.cluster().route()
    }

    /// The same for a call that begins: slow and dead endpoints are probed.
    #[inline]
    fn route_to_use(self: &Arc<Self>) -> Route {
        let route = self.route();
        if route.is_reordered() {
            route.request_probes();
            self.monitoring.probe_unhealthy(self);
        }
        route
    }

    /// Applies the results of probes to the pin.
    pub(crate) fn apply_probe_results(&self) {
        self.change(Cluster::apply_probe_results);
    }

    pub(crate) fn pinned(&self) -> Endpoint {
        self.cluster().pinned().clone()
    }

    /// Who is told what happens.
    pub(crate) const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Who finds out whether it is in vain to wait.
    pub(crate) const fn monitoring(&self) -> &Monitoring {
        &self.monitoring
    }

    /// Takes note of how a sync went.
    pub(crate) fn synced(&self, result: &Result<Membership, Error>) {
        match result {
            Ok(membership) => self.follow(membership),
            Err(error) => self.hooks.synced(Err(error)),
        }
    }

    /// Asks the members' own endpoints from now on, unless the caller has chosen others meanwhile.
    pub(crate) fn follow(&self, membership: &Membership) {
        let mut members = membership.clone();
        members.endpoints = in_order(members.endpoints, self.order);
        self.change(|cluster| cluster.learn(&members));
        self.hooks.synced(Ok(membership));
    }

    /// Whether the leader is to be asked first.
    pub(crate) const fn wants_leader(&self) -> bool {
        matches!(self.order, Order::LeaderFirst)
    }

    pub(crate) fn set_endpoints(&self, endpoints: Vec<Endpoint>) -> Result<(), Error> {
        let endpoints = in_order(endpoints, self.order);
        Ok(self.change(|cluster| cluster.replace(endpoints))?)
    }

    /// A conversation that begins now, and whose lessons go back to the cluster.
    pub(crate) fn talk<C: Conversation>(
        self: &Arc<Self>,
        policy: &Arc<Policy>,
        begin: impl FnOnce(Start) -> C,
    ) -> Learning<C> {
        let route = self.route_to_use();
        let start = Start::new(route, Arc::clone(policy), self.seed(), Duration::ZERO);
        Learning::new(begin(start), Arc::clone(self))
    }

    /// A watch whose lessons go back to the cluster.
    pub(crate) fn watch(self: &Arc<Self>, wait: Wait, policy: &Arc<Policy>) -> Learning<Watch> {
        let route = self.route_to_use();
        let watch = Watch::new(wait, route, Arc::clone(policy), self.seed());
        Learning::new(watch, Arc::clone(self))
    }

    /// An automatic sync whose lessons go back to the cluster.
    pub(crate) fn auto_sync(
        self: &Arc<Self>,
        interval: Duration,
        policy: &Arc<Policy>,
    ) -> Result<Learning<AutoSync>, Error> {
        let route = self.route_to_use();
        let start = Start::new(route, Arc::clone(policy), self.seed(), Duration::ZERO);
        let sync = AutoSync::new(start, interval, self.wants_leader())?;
        Ok(Learning::new(sync, Arc::clone(self)))
    }

    /// Changes what is known about the cluster, and tells if that moved the pin.
    fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let mut cluster = self.cluster();
        if !self.hooks.follows_pins() {
            return change(&mut cluster);
        }
        let from = cluster.pinned().clone();
        let result = change(&mut cluster);
        let to = cluster.pinned().clone();
        // Whoever is told may want to look.
        drop(cluster);
        if from != to {
            self.hooks.pin_moved(&from, &to);
        }
        result
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
    /// When something last happened, by the driver's clock.
    now: Duration,
    /// When it began, by ours: a driver that is dropped tells no time any more.
    began: Instant,
    /// The last advice that the cluster took.
    followed: Option<Detour>,
    /// Has its attempts watched over, where its driver can be made to leave.
    guard: Option<Guard>,
    attempts: Attempts,
    span: Span,
}

impl<C: Conversation> Learning<C> {
    fn new(conversation: C, shared: Arc<Shared>) -> Self {
        let (now, began) = (Duration::ZERO, Instant::now());
        let (attempts, span) = (Attempts::default(), Span::of(&conversation));
        Self { conversation, shared, now, began, followed: None, guard: None, attempts, span }
    }

    /// Has the monitor watch over it, which makes its driver leave by this interrupt.
    pub(crate) fn guarded(mut self, interrupt: &Interrupt) -> Self {
        self.guard = Guard::new(interrupt);
        self
    }

    pub(crate) const fn conversation(&self) -> &C {
        &self.conversation
    }

    /// What everything that happens in it is to be told within.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Whether anybody wants to know what the conversation does.
    fn is_observed(&self) -> bool {
        self.attempts.are_followed() || self.span.is_followed() || self.shared.hooks.is_on()
    }

    /// The same by our clock. The driver's may be anybody's.
    fn at(&self, now: Duration) -> Instant {
        self.began.checked_add(now).unwrap_or(self.began)
    }

    /// Has endpoints probed after a failed attempt: it may have timed out.
    #[cold]
    fn failed(&self) {
        if self.shared.route().has_unhealthy_endpoints() {
            self.shared.monitoring.probe_unhealthy(&self.shared);
        }
    }

    fn learn(&mut self, now: Duration) {
        let Some(mut detour) = self.conversation.detour(now) else { return };
        if let Some(earlier) = &self.followed {
            detour = detour.after(earlier);
        }
        if self.shared.change(|cluster| cluster.follow(&detour)) {
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

impl Lasting for AutoSync {
    fn reroute(&mut self, route: Route) {
        Self::reroute(self, route);
    }
}

impl<C: Lasting> Learning<C> {
    /// Goes on with the endpoints as they are now.
    pub(crate) fn reroute(&mut self) {
        // What it advises from now on is about this route.
        self.followed = None;
        let route = self.shared.route_to_use();
        self.conversation.reroute(route);
    }
}

impl Learning<AutoSync> {
    /// Takes note of a turn: the next sync asks the endpoints as they are now, and what the last one
    /// found is where calls go. Returns what a sync came to.
    pub(crate) fn take(&mut self, turn: Turn) -> Option<Result<Membership, Error>> {
        match turn {
            Turn::Begins => {
                self.reroute();
                None
            }
            Turn::Ended(end) => {
                self.shared.synced(&end);
                Some(end)
            }
        }
    }
}

impl<C: Conversation> Conversation for Learning<C> {
    type Item = C::Item;

    fn poll(&mut self, now: Duration) -> Action<C::Item> {
        self.now = now;
        // An action is large, so it is not put aside unless somebody wants to see it.
        let is_observed = self.is_observed();
        if !is_observed && self.guard.is_none() {
            return self.conversation.poll(now);
        }
        let action = self.conversation.poll(now);
        if is_observed {
            self.span.asked(&action);
            self.attempts.asked(now, &action, &self.shared);
        }
        let at = self.at(now);
        if let (Action::Send { .. }, Some(guard)) = (&action, &mut self.guard) {
            guard.begin(&self.shared, at, self.conversation.pending());
        }
        action
    }

    fn handle(&mut self, now: Duration, event: Event) {
        if self.attempts.are_followed() {
            self.attempts.heard(now, &event, &self.shared);
        }
        let at = self.at(now);
        if let Some(guard) = &mut self.guard {
            guard.hear(&self.shared, at, &event);
        }
        let has_failed = matches!(event, Event::Failed(_) | Event::Elapsed);
        self.conversation.handle(now, event);
        self.learn(now);
        if has_failed {
            self.failed();
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        self.conversation.detour(now)
    }

    fn pending(&self) -> Option<Pending<'_>> {
        self.conversation.pending()
    }
}

impl<C: Conversation> Drop for Learning<C> {
    fn drop(&mut self) {
        let now = self.now.max(self.began.elapsed());
        let at = self.at(now);
        if let Some(guard) = &mut self.guard {
            guard.end(&self.shared, at);
        }
        self.span.clone().within(|| {
            self.attempts.abandoned(now, &self.shared);
            self.learn(now);
        });
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
