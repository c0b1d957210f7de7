//! What a client is, whatever its colour.

use std::fmt;
use std::sync::Arc;

use etcd_v2_proto::{
    Call, Conversation, Endpoint, Error, Interrupt, Policy, Purpose, Request, Start,
};

use crate::shared::{Learning, Shared};

/// A transport, what the clones share, and what is this clone's own.
pub(crate) struct Inner<T: ?Sized> {
    pub(crate) transport: Arc<T>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) policy: Arc<Policy>,
    interrupt: Interrupt,
}

impl<T: ?Sized> Inner<T> {
    pub(crate) fn new(transport: Arc<T>, shared: Arc<Shared>, policy: Policy) -> Self {
        Self { transport, shared, policy: Arc::new(policy), interrupt: Interrupt::never() }
    }

    /// The same with another policy.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Policy)) -> Self {
        let mut other = self.clone();
        change(Arc::make_mut(&mut other.policy));
        other
    }

    /// The same, its calls stopped with this interrupt.
    pub(crate) fn stopped_by(&self, interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), ..self.clone() }
    }

    /// A call of one request, and what interrupts it.
    pub(crate) fn call<R: Request>(&self, request: R) -> (Learning<Call<R>>, Interrupt) {
        let call = self.shared.talk(&self.policy, |start| Call::new(request, start));
        // Where nobody can use it, none is free of charge.
        if matches!(call.conversation().purpose(), Purpose::Read | Purpose::Listing) {
            return (call, self.for_reads());
        }
        let interrupt = self.interrupt.child();
        (call.guarded(&interrupt), interrupt)
    }

    /// A conversation, and what interrupts it.
    pub(crate) fn talk<C: Conversation>(
        &self,
        begin: impl FnOnce(Start) -> C,
    ) -> (Learning<C>, Interrupt) {
        let interrupt = self.interrupt.child();
        (self.shared.talk(&self.policy, begin).guarded(&interrupt), interrupt)
    }

    /// The interrupt of what sends nothing but local reads, which only the caller can use.
    pub(crate) fn for_reads(&self) -> Interrupt {
        if self.interrupt.is_never() { Interrupt::never() } else { self.interrupt.child() }
    }

    /// The interrupt of one watch, which can always be stopped by itself.
    pub(crate) fn for_watch(&self) -> Interrupt {
        self.interrupt.child()
    }

    pub(crate) fn set_endpoints<U: AsRef<str>>(
        &self,
        urls: impl IntoIterator<Item = U>,
    ) -> Result<(), Error> {
        self.shared.set_endpoints(Endpoint::parse_list(urls)?)
    }
}

impl<T: ?Sized> Clone for Inner<T> {
    fn clone(&self) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            shared: Arc::clone(&self.shared),
            policy: Arc::clone(&self.policy),
            interrupt: self.interrupt.clone(),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Inner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &&*self.transport)
            .field("cluster", &self.shared)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
