//! The operations whose answers get lost.

use crate::contestant::What;

/// An operation: what has to be there before, and how to tell that it was carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether the key has to exist before.
    pub(super) needs_key: bool,
    /// What is done to a key that was last written at this index.
    pub(super) what: fn(u64) -> What<'static>,
}

/// What may be expected of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// A write that a late copy of itself cannot repeat.
    Guarded,
    Write,
}

pub(super) const OPERATIONS: [Operation; 8] = [
    Operation { name: "push", kind: Kind::Write, needs_key: false, what: |_| What::Push },
    Operation { name: "set", kind: Kind::Write, needs_key: true, what: |_| What::Set },
    Operation { name: "swap by index", kind: Kind::Guarded, needs_key: true, what: What::Swap },
    Operation {
        name: "swap by value",
        kind: Kind::Write,
        needs_key: true,
        what: |_| What::SwapValue(OLD),
    },
    Operation { name: "create", kind: Kind::Write, needs_key: false, what: |_| What::Create },
    Operation { name: "update", kind: Kind::Write, needs_key: true, what: |_| What::Update },
    Operation { name: "delete", kind: Kind::Write, needs_key: true, what: |_| What::Delete },
    Operation { name: "quorum get", kind: Kind::Read, needs_key: true, what: |_| What::Get },
];

pub(super) const OLD: &str = "old";
pub(super) const NEW: &str = "new";
