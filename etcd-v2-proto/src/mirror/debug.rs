//! What a mirror looks like to those who look for mistakes.

use std::fmt;

use super::{Mirror, State};

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "idle",
            State::Listing { .. } => "listing",
            State::Watching(_) => "watching",
            State::Resting { .. } => "resting",
            State::Over => "over",
        };
        f.debug_struct("Mirror")
            .field("get", &self.get)
            .field("snapshot", &self.snapshot)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
