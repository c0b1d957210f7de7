//! What became different between two states of a mirror, told one by one.
//!
//! Nothing is gathered for that: the two states share what they have in common, and a key says how far
//! the telling is.

use crate::error::Gap;
use crate::keys::{ChangeKind, is_below};
use crate::tree::Node;

use super::store::{Place, Store};
use super::update::Update;

/// A difference that is being told: what is gone, from the last to the first, then what is new, from the
/// first to the last.
#[derive(Debug)]
pub(super) struct Telling {
    before: Store,
    after: Store,
    index: u64,
    kind: Option<ChangeKind>,
    /// Within which directory something may be gone.
    removed: Option<Stretch>,
    upserted: Upserted,
    /// What is told in the end.
    resynced: Option<Option<Gap>>,
}

/// A directory, and which key in it was looked at last.
#[derive(Debug)]
struct Stretch {
    directory: String,
    reached: Option<String>,
}

#[derive(Debug)]
enum Upserted {
    /// Whatever differs.
    Anything(Option<String>),
    /// This key, after the directories above it that are new, from this byte of the key on.
    Key(String, usize),
    Nothing,
}

impl Telling {
    /// All that a listing has brought to light.
    pub(super) fn of_listing(before: Store, after: Store, index: u64, gap: Option<Gap>) -> Self {
        Self {
            before,
            after,
            index,
            kind: None,
            removed: Some(Stretch { directory: "/".to_owned(), reached: None }),
            upserted: Upserted::Anything(None),
            resynced: Some(gap),
        }
    }

    /// That a directory is gone, or a file.
    pub(super) fn of_removal(before: Store, after: Store, at: &str) -> Self {
        let removed = Some(Stretch { directory: at.to_owned(), reached: None });
        let (index, kind, upserted) = (0, None, Upserted::Nothing);
        Self { before, after, index, kind, removed, upserted, resynced: None }
    }

    /// That a node was written; with what was below it, if that was cleared away.
    pub(super) fn of_upsert(
        before: Store,
        after: Store,
        at: &str,
        base: &str,
        cleared: bool,
    ) -> Self {
        let removed = cleared.then(|| Stretch { directory: at.to_owned(), reached: None });
        let upserted = Upserted::Key(at.to_owned(), base.trim_end_matches('/').len().max(1));
        Self { before, after, index: 0, kind: None, removed, upserted, resynced: None }
    }

    /// Because of such a change.
    pub(super) fn because(mut self, kind: ChangeKind, index: u64) -> Self {
        (self.kind, self.index) = (Some(kind), index);
        self
    }

    /// What is to be told next.
    pub(super) fn next(&mut self) -> Option<Update> {
        let update = self.next_removed().or_else(|| self.next_upserted());
        update.or_else(|| {
            let gap = self.resynced.take()?;
            Some(Update::Resynced { index: self.index, gap })
        })
    }

    fn next_removed(&mut self) -> Option<Update> {
        let Stretch { directory, reached } = self.removed.as_mut()?;
        let mut place = match reached {
            Some(key) => self.before.last_before(key),
            None => self.before.within(directory).map(|(_, last)| last),
        };
        while let Some(at) = place.filter(|at| is_below(at.node().key(), directory)) {
            let node = at.node();
            if is_shared(at, &self.after) {
                place = self.before.before(at.first_of_run());
                continue;
            }
            if self.after.get(node.key()).is_none() {
                *reached = Some(node.key().to_owned());
                let (kind, index) = (self.kind.clone(), self.index);
                return Some(Update::Removed { node: node.to_ref(), kind, index });
            }
            place = self.before.before(at);
        }
        self.removed = None;
        None
    }

    fn next_upserted(&mut self) -> Option<Update> {
        match &mut self.upserted {
            Upserted::Nothing => None,
            Upserted::Anything(reached) => {
                let mut place = match reached {
                    Some(key) => self.after.first_after(key),
                    None => self.after.all().map(|(first, _)| first),
                };
                while let Some(at) = place {
                    if is_shared(at, &self.before) {
                        place = self.after.after(at.last_of_run());
                        continue;
                    }
                    let (node, before) = (at.node(), self.before.get(at.node().key()));
                    if before.is_none_or(|before| is_news(before, node)) {
                        *reached = Some(node.key().to_owned());
                        return Some(self.upserted(node, None));
                    }
                    place = self.after.after(at);
                }
                self.upserted = Upserted::Nothing;
                None
            }
            Upserted::Key(key, from) => {
                while let Some(length) = key.get(*from..).and_then(|rest| rest.find('/')) {
                    let parent = &key[..*from + length];
                    *from += length + 1;
                    if !self.before.get(parent).is_some_and(Node::is_dir)
                        && let Some(node) = self.after.get(parent)
                    {
                        return Some(self.upserted(node, None));
                    }
                }
                let Upserted::Key(key, _) =
                    std::mem::replace(&mut self.upserted, Upserted::Nothing)
                else {
                    return None;
                };
                let node = self.after.get(&key)?;
                Some(self.upserted(node, self.kind.clone()))
            }
        }
    }

    fn upserted(&self, node: Node<'_>, kind: Option<ChangeKind>) -> Update {
        let before = self.before.get(node.key()).map(Node::to_ref);
        Update::Upserted { node: node.to_ref(), before, kind, index: self.index }
    }
}

/// Whether a listing that shows the one node where the other was tells of more than a longer life.
///
/// A refresh writes a new index and a new expiration, and no watch is told of it. So as long as a file
/// expires, these two make no difference. The index of a directory says nothing at all: it is that of
/// the last change of its expiration, if anything.
pub(super) fn is_news(before: Node<'_>, node: Node<'_>) -> bool {
    let expires = node.expiration_text().is_some();
    before.is_dir() != node.is_dir()
        || before.value() != node.value()
        || before.created_index() != node.created_index()
        || (node.is_file() && !expires && before.modified_index() != node.modified_index())
}

/// Whether another state has the same run, so that nothing in it differs.
fn is_shared(place: Place<'_>, other: &Store) -> bool {
    other.place(place.node().key()).is_some_and(|other| other.is_near(place))
}
