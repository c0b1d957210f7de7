//! What `tracing` is told. It sees no more than an observer does.

use tracing::{Level, debug, enabled, field, info, trace, warn};

use super::{AttemptFinished, AttemptStarted, Observer, PinMoved, Synced};

/// Under which target everything is told.
pub(super) const TARGET: &str = "etcd_v2_client";

/// Whether a subscriber may want to know of attempts.
pub(super) fn follows_attempts() -> bool {
    enabled!(target: TARGET, Level::DEBUG)
}

/// Whether a subscriber may want to know of moves to other endpoints.
pub(super) fn follows_pins() -> bool {
    enabled!(target: TARGET, Level::INFO)
}

/// Passes everything on to `tracing`.
pub(super) struct Traced;

impl Observer for Traced {
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        trace!(
            target: TARGET,
            endpoint = attempt.endpoint,
            method = attempt.method.as_str(),
            path = attempt.path,
            "attempt started"
        );
    }

    fn attempt_finished(&self, attempt: &AttemptFinished<'_>) {
        let outcome = attempt.outcome.map(|outcome| outcome.to_string());
        debug!(
            target: TARGET,
            endpoint = attempt.endpoint,
            method = attempt.method.as_str(),
            path = attempt.path,
            status = attempt.status.map(|status| status.as_u16()),
            etcd_index = attempt.meta.etcd_index,
            raft_index = attempt.meta.raft_index,
            raft_term = attempt.meta.raft_term,
            elapsed = ?attempt.elapsed,
            outcome = outcome.as_deref().unwrap_or("answered"),
            failure = attempt.failure.map(field::display),
            "attempt finished"
        );
    }

    fn pin_moved(&self, moved: &PinMoved<'_>) {
        info!(target: TARGET, from = moved.from.as_str(), to = moved.to.as_str(), "pin moved");
    }

    fn synced(&self, synced: &Synced<'_>) {
        match synced.result {
            Ok(membership) => info!(
                target: TARGET,
                endpoints = membership.endpoints.len(),
                refused = membership.refused.len(),
                "synced"
            ),
            Err(error) => warn!(target: TARGET, outcome = %error.outcome(), "not synced"),
        }
    }
}
