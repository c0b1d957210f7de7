//! What the present node is compared with.

use crate::encoding::Pairs;
use crate::error::Invalid;
use crate::request::Purpose;

/// The comparison of a write: with the value, the index, both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) value: Option<String>,
    pub(super) index: Option<u64>,
}

impl Condition {
    pub(super) const fn is_some(&self) -> bool {
        self.value.is_some() || self.index.is_some()
    }

    /// What a write on this condition is for.
    pub(super) const fn purpose(&self) -> Purpose {
        if self.index.is_some() { Purpose::GuardedWrite } else { Purpose::Write }
    }

    pub(super) fn encode(&self, pairs: &mut Pairs) -> Result<(), Invalid> {
        match self.index {
            Some(0) => {
                let reason = "is 0, which etcd takes for no condition";
                return Err(Invalid::new("prevIndex", reason));
            }
            Some(index) => pairs.number("prevIndex", index),
            None => {}
        }
        match self.value.as_deref() {
            Some("") => {
                let reason = "is empty, which etcd cannot compare with";
                return Err(Invalid::new("prevValue", reason));
            }
            Some(value) => pairs.text("prevValue", value),
            None => {}
        }
        Ok(())
    }
}
