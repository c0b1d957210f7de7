//! What a conversation has to do with the monitor.

use std::sync::Arc;
use std::time::Instant;

use etcd_v2_proto::monitor::{Pending, Ticket};
use etcd_v2_proto::{Event, Interrupt};

use crate::shared::Shared;

/// Has the attempts of one conversation watched over, of which at most one is under way.
#[derive(Debug)]
pub(crate) struct Guard {
    /// What makes the conversation's driver leave.
    interrupt: Interrupt,
    ticket: Option<Ticket>,
    /// Whether there was an attempt before.
    was_used: bool,
}

impl Guard {
    /// None for a driver that cannot be made to leave.
    pub(crate) fn new(interrupt: &Interrupt) -> Option<Self> {
        let own = || Self { interrupt: interrupt.clone(), ticket: None, was_used: false };
        (!interrupt.is_never()).then(own)
    }

    /// An attempt is sent, and it may be one that is worth watching over.
    pub(crate) fn begin(
        &mut self,
        shared: &Arc<Shared>,
        at: Instant,
        pending: Option<Pending<'_>>,
    ) {
        self.end(shared, at);
        let Some(pending) = pending else { return };
        if std::mem::replace(&mut self.was_used, true) {
            // Whoever was told to leave when it had just ended stays where it is now. (A word that
            // comes later still is heeded, which does no harm but that of a move for nothing.)
            let _ = self.interrupt.take();
        }
        let monitoring = shared.monitoring();
        let mut state = monitoring.lock();
        let now = monitoring.time(at);
        if let Some(ticket) = state.monitor.begin(now, &pending, &self.interrupt) {
            monitoring.attend(shared, state, self.ticket.insert(ticket), now);
        }
    }

    /// Something came of it.
    pub(crate) fn hear(&mut self, shared: &Arc<Shared>, at: Instant, event: &Event) {
        let Some(ticket) = self.ticket.take() else { return };
        let monitoring = shared.monitoring();
        let mut state = monitoring.lock();
        let now = monitoring.time(at);
        self.ticket = match event {
            Event::Connected(_) => Some(ticket),
            Event::Head(_) => state.monitor.head(now, ticket),
            Event::Chunk(_) => state.monitor.hear(now, ticket),
            Event::End | Event::Failed(_) | Event::Elapsed => {
                state.monitor.end(now, ticket, matches!(event, Event::End));
                None
            }
        };
        if let Some(ticket) = &self.ticket {
            monitoring.attend(shared, state, ticket, now);
        }
    }

    /// The attempt is given up, if one is under way.
    pub(crate) fn end(&mut self, shared: &Shared, at: Instant) {
        if let Some(ticket) = self.ticket.take() {
            let monitoring = shared.monitoring();
            let mut state = monitoring.lock();
            state.monitor.end(monitoring.time(at), ticket, false);
        }
    }
}
