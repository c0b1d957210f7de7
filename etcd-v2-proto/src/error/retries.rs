//! That a call could not ask as often as it would have.

use std::sync::Arc;

use super::Error;

impl Error {
    /// Whether the call asked more seldom than it would have by itself, because other calls of its client
    /// had spent what they may on asking again; see [`Policy::retry_pause`](crate::Policy::retry_pause). A
    /// call that has spent all of that alone is not one of these: it has tried as often as any call may.
    #[must_use]
    pub fn was_held_back(&self) -> bool {
        self.inner.was_held_back
    }

    /// The error of a call that was.
    pub(crate) fn held_back(mut self) -> Self {
        // Nobody else has it yet.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.was_held_back = true;
        }
        self
    }
}

/// The same in words.
pub(super) const HELD_BACK: &str = "held back, since the client has spent its retries";
