//! What is seen of a watch.

use std::fmt;

use super::{State, Watch};

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle => "idle",
            State::Waiting(_) => "waiting",
            State::Checking(_) => "checking",
            State::Looking(..) => "looking",
            State::Identifying(..) => "identifying",
            State::Resting { .. } => "resting",
            State::Stopped => "stopped",
            State::Over => "over",
        };
        f.debug_struct("Watch")
            .field("wait", &self.wait)
            .field("after", &self.index())
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
