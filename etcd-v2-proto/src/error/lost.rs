//! Writes of which nobody knows whether they were carried out.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Outcome};
use crate::keys::Mark;

impl Error {
    /// The error of a write that left this mark, if it was carried out.
    pub(crate) fn marked(mut self, mark: Option<Mark>) -> Self {
        // Nobody else has it yet.
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.mark = mark;
        }
        self
    }

    /// By what the write can be looked for, where it is open what became of it.
    pub(crate) fn mark(&self) -> Option<&Mark> {
        self.inner.mark.as_ref()
    }

    /// Whether it is the error of a write.
    pub(crate) fn is_of_a_write(&self) -> bool {
        self.inner.writes
    }

    /// The same call, of which is known better now what became of it.
    pub(crate) fn because(mut self, kind: ErrorKind, outcome: Outcome) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            (inner.kind, inner.outcome) = (kind, outcome);
        }
        self
    }

    /// The same, if a refusal proves nothing, since an earlier attempt may have been carried out.
    pub(crate) fn undecided(self) -> Self {
        let outcome = self.outcome();
        match self.etcd() {
            Some(refusal) if outcome > Outcome::of_kind(self.kind()) => {
                let kind = ErrorKind::Unresolved(refusal.clone());
                self.because(kind, outcome)
            }
            _ => self,
        }
    }
}
