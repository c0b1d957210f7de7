//! What concurrent callers saw, and whether one register could have shown it to them.

mod checker;
mod pushes;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use self::{
    checker::{Verdict, check},
    pushes::{Pushed, Pushes},
};

/// What was done to a key. Each value is written by one operation only, so an index and a value mean the
/// same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// What was read; none if the key was not there.
    Read(Option<u32>),
    Set(u32),
    /// From a value to another one.
    Swap(u32, u32),
    Create(u32),
    Delete,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// Its condition did not hold.
    Refused,
    /// It may have been done, and may be done at any time from then on.
    Unknown,
}

/// An operation of a history. Reads that failed are no part of it, nor is what was never sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) deed: Deed,
    pub(crate) ended: Ended,
    pub(crate) invoked: Duration,
    pub(crate) returned: Duration,
}

impl Deed {
    /// The value that has to be there for this.
    const fn expects(self) -> Option<u32> {
        match self {
            Self::Read(value) => value,
            Self::Swap(old, _) => Some(old),
            Self::Set(_) | Self::Create(_) | Self::Delete => None,
        }
    }

    /// The value that is there afterwards, if it is done.
    const fn writes(self) -> Option<u32> {
        match self {
            Self::Set(value) | Self::Swap(_, value) | Self::Create(value) => Some(value),
            Self::Read(_) | Self::Delete => None,
        }
    }

    /// What the key is afterwards, if this could have ended so.
    fn apply(self, ended: Ended, state: Option<u32>) -> Option<Option<u32>> {
        let (holds, after) = match self {
            Self::Read(value) => (value == state, state),
            Self::Set(value) => (true, Some(value)),
            Self::Swap(old, new) => (state == Some(old), Some(new)),
            Self::Create(value) => (state.is_none(), Some(value)),
            Self::Delete => (state.is_some(), None),
        };
        match ended {
            Ended::Done => holds.then_some(after),
            Ended::Refused => (!holds).then_some(state),
            Ended::Unknown => Some(if holds { after } else { state }),
        }
    }
}
