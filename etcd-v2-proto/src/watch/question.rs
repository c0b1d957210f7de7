//! Why a watch reads its key.

use crate::error::Error;

/// What a read is to answer.
pub(super) enum Question {
    /// Whether the key was touched in the history that is gone, which is up to here.
    WasTouched(u64),
    /// Whether the index of the store went back.
    WentBack,
    /// Where the store is, whose history is said to be gone up to no later index than is known.
    WhereIsIt(Error),
    /// Whether the endpoints respond at all, after a wait got no head in time, be it for long enough that it
    /// was silent.
    IsAlive { cause: Error, was_silent: bool },
    /// Whether the key has been there all the time, at a server whose history does not report all removals.
    WasRemoved,
}
