//! What can go wrong.

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
#[non_exhaustive]
pub struct Error {}
