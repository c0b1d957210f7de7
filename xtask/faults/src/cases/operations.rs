//! The operations whose answers get lost.

use etcd_v2_client::{
    Error,
    keys::{Change, Delete, Get, Push, Set},
};

use crate::subject::Subject;

/// An operation: what has to be there before, and how to tell that it was carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether the key has to exist before.
    pub(super) needs_key: bool,
    /// Carries it out on this key, which was last written at this index.
    pub(super) call: fn(&Subject, &str, u64) -> Result<Change, Error>,
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
    Operation {
        name: "push",
        kind: Kind::Write,
        needs_key: false,
        call: |subject, key, _| subject.send(Push::new(key, NEW)),
    },
    Operation {
        name: "set",
        kind: Kind::Write,
        needs_key: true,
        call: |subject, key, _| subject.send(Set::new(key, NEW)),
    },
    Operation {
        name: "swap by index",
        kind: Kind::Guarded,
        needs_key: true,
        call: |subject, key, index| subject.send(Set::new(key, NEW).if_index(index)),
    },
    Operation {
        name: "swap by value",
        kind: Kind::Write,
        needs_key: true,
        call: |subject, key, _| subject.send(Set::new(key, NEW).if_value(OLD)),
    },
    Operation {
        name: "create",
        kind: Kind::Write,
        needs_key: false,
        call: |subject, key, _| subject.send(Set::create(key, NEW)),
    },
    Operation {
        name: "update",
        kind: Kind::Write,
        needs_key: true,
        call: |subject, key, _| subject.send(Set::update(key, NEW)),
    },
    Operation {
        name: "delete",
        kind: Kind::Write,
        needs_key: true,
        call: |subject, key, _| subject.send(Delete::new(key)),
    },
    Operation {
        name: "quorum get",
        kind: Kind::Read,
        needs_key: true,
        call: |subject, key, _| subject.send(Get::new(key).quorum()),
    },
];

pub(super) const OLD: &str = "old";
pub(super) const NEW: &str = "new";
