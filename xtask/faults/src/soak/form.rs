//! How long a soak is, and what goes on in it.

use std::time::Duration;

use super::schedule::{ALL, Fault, MEMBERS_ONLY};
use crate::arena::Arena;

/// What it takes for a soak to be over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// After this time no other round begins. Everything happens, beside a few writers who take their time.
    Long(Duration),
    /// After so many changes no other round begins. Members are killed, hang and are restarted in turn,
    /// beside many writers in a hurry.
    Short(usize),
}

impl Form {
    pub(super) const fn is_over(self, elapsed: Duration, written: usize) -> bool {
        match self {
            Self::Long(time) => elapsed.as_nanos() >= time.as_nanos(),
            Self::Short(changes) => written >= changes,
        }
    }

    /// What happens, in some order that follows from the seed.
    pub(super) const fn faults(self) -> &'static [Fault] {
        match self {
            Self::Long(_) => &ALL,
            Self::Short(_) => &MEMBERS_ONLY,
        }
    }

    /// Whether anything happens to connections: what they go through costs time.
    pub(super) const fn has_proxies(self) -> bool {
        matches!(self, Self::Long(_))
    }

    /// Whom the watches and mirrors ask, beginning with this one.
    pub(super) fn endpoints(self, arena: &Arena, first: usize) -> Vec<String> {
        if self.has_proxies() { arena.proxied(first) } else { arena.endpoints(first) }
    }

    /// Whether what is left over after a round says anything about the next one. Many writers have many
    /// connections, to whomever they asked last.
    pub(super) const fn shows_growth(self) -> bool {
        matches!(self, Self::Long(_))
    }

    /// How many there are. More would have the history forget what watches have yet to hear, again and again.
    pub(super) const fn writers(self) -> usize {
        match self {
            Self::Long(_) => 4,
            Self::Short(_) => 24,
        }
    }

    /// How long a writer rests after each write.
    pub(super) const fn pause(self) -> Duration {
        match self {
            Self::Long(_) => Duration::from_millis(5),
            Self::Short(_) => Duration::ZERO,
        }
    }
}
