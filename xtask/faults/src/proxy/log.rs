//! What really happened.

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) id: u64,
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) target: String,
    /// Whether all of it was handed to the server.
    pub(crate) forwarded: bool,
    /// What the server answered, if it did.
    pub(crate) status: Option<u16>,
}

impl Entry {
    pub(super) fn new(id: u64, method: &str, target: &str) -> Self {
        Self {
            id,
            method: method.to_owned(),
            target: target.to_owned(),
            forwarded: false,
            status: None,
        }
    }

    /// Whether a server was asked to change something, and said that it has.
    pub(crate) fn changed_something(&self) -> bool {
        self.method != "GET" && self.status.is_some_and(|status| status < 300)
    }
}
