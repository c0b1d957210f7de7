//! What a keys answer says: nodes, as a flat tree that lives in the answer's own text.
//!
//! A [`Tree`] is the text of one document, with every string unescaped in place, and one fixed-size
//! record for each node, in the order in which a walk meets them: a directory, then all that is
//! below it. There is no allocation for a single node, a listing costs little more than its text,
//! and nothing here recurses, however deep the directories.
//!
//! [`Node`] is the view to read with, [`NodeRef`] the form to keep.

use std::{fmt, ops::Range, sync::Arc};

pub use self::{
    node::{Content, Node},
    reference::NodeRef,
    walk::{Children, Descendants, Leaves},
};

mod compare;
mod expiration;
mod in_order;
mod node;
mod reference;
mod walk;
mod write;

/// The text of an answer and the nodes found in it, parents before their children.
#[derive(Default)]
pub(crate) struct Tree {
    text: String,
    records: Vec<Record>,
}

/// One node: where its strings are, its numbers, and where its subtree ends.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) key: Span,
    pub(crate) value: Span,
    pub(crate) expiration: Span,
    /// 0 if absent, as on the wire.
    pub(crate) ttl: i64,
    /// 0 if absent, as on the wire; no node has index 0.
    pub(crate) created: u64,
    /// 0 if absent, as on the wire; no node has index 0.
    pub(crate) modified: u64,
    /// The first record that is not below this one.
    pub(crate) end: u32,
    pub(crate) dir: bool,
}

/// Where a string is in the text of a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Tree {
    /// Takes a text with the records that point into it.
    pub(crate) fn new(text: String, records: Vec<Record>) -> Self {
        Self { text, records }
    }

    /// Returns the string at `span`, which is none for [`Span::NONE`].
    pub(crate) fn text(&self, span: Span) -> Option<&str> {
        self.text.get(span.range())
    }

    /// Returns a record; an index of another tree finds at worst a blank one.
    fn record(&self, index: u32) -> &Record {
        self.records.get(index as usize).unwrap_or(&Record::BLANK)
    }

    /// Returns how many nodes there are.
    pub(crate) fn count(&self) -> u32 {
        self.records.len() as u32
    }

    /// Returns the indices of everything below a node.
    fn below(&self, index: u32) -> Range<u32> {
        index.saturating_add(1)..self.record(index).end
    }

    /// Takes `root` off the beginning of every key. What is not below it becomes the root.
    pub(crate) fn strip(&mut self, root: &str) {
        for record in &mut self.records {
            let key = self.text.get(record.key.range()).unwrap_or_default();
            let below =
                key.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
            // A rest that is not there any more is empty, and an empty key is that of the root.
            let rest = below.map_or(0, str::len) as u32;
            if !record.key.is_none() {
                record.key.start = record.key.end - rest;
            }
        }
    }

    /// Copies nodes, each without what is below it.
    pub(crate) fn gather(nodes: &[Node<'_>]) -> Arc<Self> {
        let mut text = String::with_capacity(nodes.iter().map(|node| node.text_len()).sum());
        let copy = |(index, node): (usize, &Node<'_>)| {
            let mut copy = |span| {
                let start = text.len();
                node.tree().text(span).map_or(Span::NONE, |string| {
                    text.push_str(string);
                    Span::new(start, text.len())
                })
            };
            let record = node.record();
            Record {
                key: copy(record.key),
                value: copy(record.value),
                expiration: copy(record.expiration),
                end: index as u32 + 1,
                ..*record
            }
        };
        let records = nodes.iter().enumerate().map(copy).collect();
        Arc::new(Self::new(text, records))
    }

    /// Makes a directory, as etcd does where a key is written below one that is not there yet.
    pub(crate) fn directory(key: &str, index: u64) -> Arc<Self> {
        let key_span = Span::new(0, key.len());
        let (created, modified) = (index, index);
        let record =
            Record { key: key_span, created, modified, end: 1, dir: true, ..Record::BLANK };
        Arc::new(Self::new(key.to_owned(), vec![record]))
    }

    /// Copies a node with the time that another one tells it has left.
    pub(crate) fn renewed(node: Node<'_>, told: Node<'_>) -> Arc<Self> {
        let key = Span::new(0, node.key().len());
        let mut text = node.key().to_owned();
        let expiration = told.expiration_text().map_or(Span::NONE, |expiration| {
            text.push_str(expiration);
            Span::new(key.len(), text.len())
        });
        let ttl = told.record().ttl;
        let record = Record { key, value: Span::NONE, expiration, ttl, end: 1, ..*node.record() };
        Arc::new(Self::new(text, vec![record]))
    }

    /// Copies a node and everything below it, leaving the rest of the text behind.
    fn extract(&self, index: u32) -> Arc<Self> {
        let end = self.below(index).end.max(index) as usize;
        let part = self.records.get(index as usize..end).unwrap_or_default();
        let size = part.iter().flat_map(Record::spans).map(Span::len).sum();
        let mut text = String::with_capacity(size);
        let mut copy = |span| {
            let start = text.len();
            self.text(span).map_or(Span::NONE, |string| {
                text.push_str(string);
                Span::new(start, text.len())
            })
        };
        let records = part
            .iter()
            .map(|record| Record {
                key: copy(record.key),
                value: copy(record.value),
                expiration: copy(record.expiration),
                end: record.end.saturating_sub(index),
                ..*record
            })
            .collect();
        Arc::new(Self::new(text, records))
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("bytes", &self.text.len())
            .field("nodes", &self.records.len())
            .finish()
    }
}

impl Record {
    /// A node about which nothing is known.
    pub(crate) const BLANK: Self = Self {
        key: Span::NONE,
        value: Span::NONE,
        expiration: Span::NONE,
        ttl: 0,
        created: 0,
        modified: 0,
        end: 0,
        dir: false,
    };

    fn spans(&self) -> [Span; 3] {
        [self.key, self.value, self.expiration]
    }
}

impl Span {
    /// No string at all, as opposed to an empty one; no text is long enough to have it.
    pub(crate) const NONE: Self = Self { start: u32::MAX, end: u32::MAX };

    /// Takes offsets into a text of less than 4 GiB.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end < u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// Whether there is no string.
    pub(crate) const fn is_none(self) -> bool {
        self.start == u32::MAX
    }

    /// Returns where the string is in the text.
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

#[cfg(test)]
mod deep;
#[cfg(test)]
mod tests;
