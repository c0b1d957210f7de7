//! What callers ask for, whatever their client, and what they are told.

use etcd_v2_client::{
    Error, Outcome,
    keys::{Change, Delete, Get, Push, Set},
};

use crate::subject::Subject;

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) what: What<'a>,
    pub(crate) key: &'a str,
    /// What is to be written, if anything is.
    pub(crate) value: &'a str,
}

/// What is to be done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    /// It is read through consensus.
    Get,
    /// It is read as the member has it that is asked.
    LocalGet,
    /// A value is put into it in order.
    Push,
    Set,
    /// It is set if nobody has written to it since this index.
    Swap(u64),
    /// It is set if it has this value.
    SwapValue(&'a str),
    Create,
    Update,
    Delete,
}

/// What a call that succeeded has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) value: Option<String>,
    /// Where the key was last written.
    pub(crate) index: Option<u64>,
    /// The last part of the key.
    pub(crate) name: Option<String>,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What its caller may conclude about what became of it.
    pub(crate) outcome: Outcome,
    /// Why the server refused it, if that is up to what is there.
    pub(crate) refusal: Option<Refusal>,
    /// Whether nobody answered: at all, or until the deadline.
    pub(crate) unavailable: bool,
    pub(crate) text: String,
}

/// What a condition does not hold of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has another index, or another value.
    Conflict,
    Exists,
    Missing,
}

impl Ask<'_> {
    /// Asks one of our clients for it.
    pub(super) fn of(&self, subject: &Subject) -> Result<Got, Failed> {
        let Self { what, key, value } = *self;
        let told = match what {
            What::Get => subject.send(Get::new(key).quorum()),
            What::LocalGet => subject.send(Get::new(key)),
            What::Push => subject.send(Push::new(key, value)),
            What::Set => subject.send(Set::new(key, value)),
            What::Swap(index) => subject.send(Set::new(key, value).if_index(index)),
            What::SwapValue(old) => subject.send(Set::new(key, value).if_value(old)),
            What::Create => subject.send(Set::create(key, value)),
            What::Update => subject.send(Set::update(key, value)),
            What::Delete => subject.send(Delete::new(key)),
        };
        told.as_ref().map(Got::from).map_err(Failed::from)
    }
}

impl From<&Change> for Got {
    fn from(change: &Change) -> Self {
        Self {
            value: change.value().map(str::to_owned),
            index: change.index(),
            name: change.node().map(|node| node.name().to_owned()),
        }
    }
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        let refusals = [
            (error.is_compare_failed(), Refusal::Conflict),
            (error.is_already_exists(), Refusal::Exists),
            (error.is_key_not_found(), Refusal::Missing),
        ];
        Self {
            outcome: error.outcome(),
            refusal: refusals.into_iter().find_map(|(is, refusal)| is.then_some(refusal)),
            unavailable: error.is_unavailable()
                || (error.is_timeout() && !error.attempts().is_empty()),
            text: format!("{error} ({})", error.outcome()),
        }
    }
}

impl Failed {
    /// Whether it was refused because the index or the value is another one.
    pub(crate) fn is_conflict(&self) -> bool {
        self.refusal == Some(Refusal::Conflict)
    }
}
