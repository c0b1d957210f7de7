//! How a mirror is doing.

use crate::error::Error;

/// How a mirror is doing, and what it has done so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Status {
    /// Whether a server tells the changes as they come: the last thing that it said was no error, and it
    /// is not behind what has been told already. False also while responses come that bring no progress, such as
    /// events about other keys.
    pub connected: bool,
    /// How many indexes the last change was behind the server's, when the server told it; 0 when there
    /// is nothing more to tell. A mirror that catches up has a large one.
    pub lag: u64,
    /// How many nodes were told to be new or another.
    pub upserts: u64,
    /// How many nodes were told to be gone.
    pub removals: u64,
    /// How many times the subtree was listed again because changes were missed.
    pub resyncs: u64,
    /// How many errors there were.
    pub errors: u64,
    /// The last of them, also if all is well again.
    pub last_error: Option<Error>,
}
