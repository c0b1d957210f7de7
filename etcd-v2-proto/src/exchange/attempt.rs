//! The attempt under way, as it looks from outside.

use std::time::Duration;

use super::{Exchange, State};
use crate::monitor::Pending;
use crate::request::{Purpose, Request};

impl<R: Request> Exchange<R> {
    /// The position after an endpoint that is late to answer, if one is.
    pub(super) fn after_late(&self, now: Duration) -> Option<usize> {
        let (at, began) = match &self.state {
            State::Asking { hop, began, .. } => (self.place(hop), (*began)?),
            State::Vetting { began, .. } => (self.turns.position(), (*began)?),
            _ => return None,
        };
        self.limits.is_late(now, &self.turns, began).then_some(at + 1)
    }

    /// The attempt, if its server is worth a look while it is waited for.
    pub(super) fn under_way(&self) -> Option<Pending<'_>> {
        let purpose = self.encoded.purpose;
        let State::Asking { hop, began: Some(began), .. } = &self.state else { return None };
        let is_patient = match purpose {
            Purpose::Read | Purpose::Listing => false,
            Purpose::QuorumRead | Purpose::QuorumListing => {
                self.limits.are_patient(&self.turns, *began)
            }
            Purpose::Wait | Purpose::GuardedWrite | Purpose::Write => true,
        };
        if !is_patient {
            return None;
        }
        let endpoint = self.route.endpoint(hop.position?);
        Some(
            Pending::new(endpoint, purpose, &self.policy)
                .expecting(self.limits.expected_duration()),
        )
    }
}
