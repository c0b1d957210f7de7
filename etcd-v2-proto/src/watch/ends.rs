//! What the end of a wait means.

use super::waiting::Waiting;
use crate::conversation::{Cause, Stage};
use crate::error::{Error, ErrorKind};
use crate::json::Malformed;
use crate::judge;

/// Whether a watch ends with this error. What is too large is only one change, and history that is gone is
/// gone for the index that was asked for.
pub(crate) fn is_final(error: &Error) -> bool {
    let is_passing =
        matches!(error.kind(), ErrorKind::TooLarge { .. }) || error.is_history_cleared();
    judge::stays(error) && !is_passing
}

pub(super) fn is_unreadable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Malformed(_) | ErrorKind::TooLarge { .. })
}

/// Whether a wait was sent and got no head in time.
pub(super) fn is_headless(waiting: &Waiting, error: &Error) -> bool {
    let ErrorKind::Failed(failure) = error.last() else { return false };
    !waiting.has_head() && failure.cause() == Cause::TimedOut && failure.stage() == Stage::AfterSend
}

pub(super) fn misplaced() -> Error {
    Malformed::new(0, "a change after the index that was asked for").into()
}
