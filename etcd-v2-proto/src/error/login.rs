//! The user of a request that was not allowed.

use std::sync::Arc;

use super::{Error, quoted};

impl Error {
    /// The error of a request that was sent as this user.
    pub(crate) fn sent_as(mut self, user: Option<&str>) -> Self {
        // Nobody else has it yet.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.login = Some(match user {
                Some(user) => format!("sent as user {}", quoted(user)),
                None => "sent without credentials".to_owned(),
            });
        }
        self
    }
}
