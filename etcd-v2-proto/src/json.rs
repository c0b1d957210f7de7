//! The decoder of keys answers: one pass over the text, which becomes the tree.
//!
//! The grammar is one object `{action, node, prevNode}`, a node being `{key, value, dir,
//! expiration, ttl, nodes, modifiedIndex, createdIndex}`. Every field may be missing, `null` means
//! missing, unknown fields are skipped. It is strict where a lenient reading would make up a
//! meaning: wrong types, numbers that do not fit, a known field that comes twice, anything after
//! the object. Field names are case-sensitive.
//!
//! Strings are unescaped where they are. None gets longer by that, so the body of the answer, its
//! gaps filled with spaces, is all the text that the tree needs. Open directories are kept on a
//! stack of our own: nothing recurses.

use std::{error, fmt, sync::Arc};

use self::cursor::Cursor;
use crate::tree::{Record, Span, Tree};

mod cursor;
mod skip;
mod string;

/// What a keys answer says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) tree: Arc<Tree>,
    /// The index of the node in the tree.
    pub(crate) node: Option<u32>,
    /// The index of the previous node in the tree.
    pub(crate) prev: Option<u32>,
    action: Span,
}

/// Says where a document stops making sense, and what was expected there.
///
/// It never shows what was found instead, because that may be somebody's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    offset: usize,
    expected: &'static str,
    /// Whether what comes before is the beginning of etcd's response to the request.
    is_etcds: bool,
}

/// A keys answer that stops making sense, and what it says before that.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) malformed: Malformed,
    pub(crate) action: Option<String>,
    /// The key of the node, which is that of the previous node, too.
    pub(crate) key: Option<String>,
    /// Whether it has an error code, which the success of no request has.
    pub(crate) has_error_code: bool,
}

impl Broken {
    /// What says nothing before that.
    fn of_nothing(malformed: Malformed) -> Box<Self> {
        Box::new(Self { malformed, action: None, key: None, has_error_code: false })
    }
}

/// Decodes a whole keys answer.
pub(crate) fn decode(body: Vec<u8>) -> Result<Answer, Malformed> {
    decode_or_begin(body).map_err(|broken| broken.malformed)
}

/// Decodes a whole keys answer, or as much of it as makes sense.
pub(crate) fn decode_or_begin(body: Vec<u8>) -> Result<Answer, Box<Broken>> {
    if !is_addressable(body.len()) {
        let malformed = Malformed::new(0, "a document of less than 4 GiB");
        return Err(Broken::of_nothing(malformed));
    }
    Decoder::new(body).answer()
}

/// Says whether every offset fits into a [`Span`] other than [`Span::NONE`].
fn is_addressable(size: usize) -> bool {
    u32::try_from(size).is_ok_and(|size| size < u32::MAX)
}

impl Answer {
    /// Returns what happened, in the server's words.
    pub(crate) fn action(&self) -> Option<&str> {
        self.tree.text(self.action)
    }
}

impl Malformed {
    pub(crate) fn new(offset: usize, expected: &'static str) -> Self {
        Self { offset, expected, is_etcds: false }
    }

    /// The same after the beginning of etcd's response to the request, if that is what came before.
    pub(crate) fn after_etcds(mut self, is_etcds: bool) -> Self {
        self.is_etcds = is_etcds;
        self
    }

    /// Whether the document began as etcd's response to the request.
    pub(crate) fn is_etcds(&self) -> bool {
        self.is_etcds
    }

    /// Returns how many bytes of the document are good.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Returns what was expected there, to be read after "expected".
    #[must_use]
    pub fn expected(&self) -> &'static str {
        self.expected
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

impl error::Error for Malformed {}

/// Where a document stops making sense, as the decoder hands it on from step to step: its size decides what
/// each of them costs.
struct Fault {
    offset: usize,
    expected: &'static str,
}

impl Fault {
    fn new(offset: usize, expected: &'static str) -> Self {
        Self { offset, expected }
    }
}

impl From<Fault> for Malformed {
    fn from(Fault { offset, expected }: Fault) -> Self {
        Self::new(offset, expected)
    }
}

/// Reads the objects of an answer into records.
struct Decoder {
    cursor: Cursor,
    records: Vec<Record>,
    /// The directories around the node being read, outermost first.
    open: Vec<Directory>,
    /// What was found at the top level so far.
    found: Found,
}

/// The parts of the document.
struct Found {
    action: Span,
    node: Option<u32>,
    prev: Option<u32>,
    /// The key of the last node at the top level. Those of the node and of the previous node are the same.
    key: Span,
    error_code: bool,
}

/// A directory whose children are being read; what was read of it before them is in its record.
struct Directory {
    index: u32,
    seen: u8,
}

impl Decoder {
    fn new(body: Vec<u8>) -> Self {
        // In a listing, a node rarely takes less text than this.
        let records = Vec::with_capacity(body.len() / 128 + 1);
        let (action, key) = (Span::NONE, Span::NONE);
        let found = Found { action, node: None, prev: None, key, error_code: false };
        Self { cursor: Cursor::new(body), records, open: Vec::new(), found }
    }

    fn answer(mut self) -> Result<Answer, Box<Broken>> {
        if let Err(fault) = self.document() {
            return Err(Self::broken(fault, &self.cursor, &self.found));
        }
        self.records.shrink_to_fit();
        let Found { action, node, prev, .. } = self.found;
        let text = self.cursor.into_text().map_err(|fault| {
            // Text of no known encoding proves nothing.
            Broken::of_nothing(fault.into())
        })?;
        Ok(Answer { tree: Arc::new(Tree::new(text, self.records)), node, prev, action })
    }

    #[cold]
    fn broken(fault: Fault, cursor: &Cursor, found: &Found) -> Box<Broken> {
        let text = |span: Span| {
            let bytes = (!span.is_none()).then(|| cursor.bytes(span).to_vec());
            bytes.and_then(|bytes| String::from_utf8(bytes).ok())
        };
        let (action, key) = (text(found.action), text(found.key));
        let has_error_code = found.error_code;
        Box::new(Broken { malformed: fault.into(), action, key, has_error_code })
    }

    fn document(&mut self) -> Result<(), Fault> {
        let mut seen = 0;
        self.cursor.space();
        let mut more = self.cursor.open_object()?;
        while more {
            let offset = self.cursor.offset();
            let name = self.cursor.name()?;
            let field = answer_field(self.cursor.bytes(name));
            once(&mut seen, field, offset)?;
            match field {
                _ if self.cursor.null()? => {}
                ACTION => self.found.action = self.cursor.string()?,
                NODE => self.found.node = Some(self.node()?),
                PREV_NODE => self.found.prev = Some(self.node()?),
                ERROR_CODE => {
                    self.found.error_code = true;
                    return Err(Fault::new(offset, "no error code in a success"));
                }
                _ => self.cursor.skip()?,
            }
            more = self.cursor.next_field()?;
        }
        self.cursor.end()
    }

    /// Reads a node and everything below it, and tells its index.
    fn node(&mut self) -> Result<u32, Fault> {
        let mut record = Record::BLANK;
        let mut place = None;
        let mut seen = 0;
        let mut more = self.cursor.open_object()?;
        loop {
            while more {
                let offset = self.cursor.offset();
                let name = self.cursor.name()?;
                let field = node_field(self.cursor.bytes(name));
                once(&mut seen, field, offset)?;
                match field {
                    _ if self.cursor.null()? => {}
                    KEY => {
                        record.key = self.cursor.string()?;
                        // That of a child says nothing: the root has none.
                        if self.open.is_empty() {
                            self.found.key = record.key;
                        }
                    }
                    VALUE => record.value = self.cursor.string()?,
                    DIR => record.dir |= self.cursor.boolean()?,
                    EXPIRATION => record.expiration = self.cursor.string()?,
                    TTL => record.ttl = self.cursor.signed()?,
                    MODIFIED_INDEX => record.modified = self.cursor.unsigned()?,
                    CREATED_INDEX => record.created = self.cursor.unsigned()?,
                    NODES if self.cursor.open_array()? => {
                        // What has children is a directory, whether it says so or not.
                        record.dir = true;
                        let index = self.put(record, None);
                        self.open.push(Directory { index, seen });
                        (record, place, seen) = (Record::BLANK, None, 0);
                        more = self.cursor.open_object()?;
                        continue;
                    }
                    NODES => {}
                    _ => self.cursor.skip()?,
                }
                more = self.cursor.next_field()?;
            }
            // Only the root, which is nobody's child, has no key. So much text for each record also
            // bounds what a hostile listing can make us set aside, to less than ten times its size.
            if !self.open.is_empty() && self.is_root(record.key) {
                return Err(Fault::new(self.cursor.offset(), "a key in each child"));
            }
            let index = self.put(record, place);
            if self.open.is_empty() {
                return Ok(index);
            }
            if self.cursor.next_element()? {
                (record, place, seen) = (Record::BLANK, None, 0);
                more = self.cursor.open_object()?;
            } else if let Some(parent) = self.open.pop() {
                record = self.records.get(parent.index as usize).copied().unwrap_or(Record::BLANK);
                (place, seen) = (Some(parent.index), parent.seen);
                more = self.cursor.next_field()?;
            }
        }
    }

    fn is_root(&self, key: Span) -> bool {
        key.is_none() || matches!(self.cursor.bytes(key), b"" | b"/")
    }

    /// Stores a record, at the place it already has or a new one; what has been read since is below
    /// it.
    fn put(&mut self, mut record: Record, place: Option<u32>) -> u32 {
        // There are fewer nodes than bytes, and their number fits.
        let count = self.records.len() as u32;
        match place.and_then(|index| self.records.get_mut(index as usize)) {
            Some(stored) => {
                record.end = count;
                *stored = record;
                place.unwrap_or(count)
            }
            None => {
                record.end = count + 1;
                self.records.push(record);
                count
            }
        }
    }
}

/// Notes that a field has come, which it may once.
fn once(seen: &mut u8, field: u8, offset: usize) -> Result<(), Fault> {
    if *seen & field != 0 {
        return Err(Fault::new(offset, "no field twice"));
    }
    *seen |= field;
    Ok(())
}

fn answer_field(name: &[u8]) -> u8 {
    match name {
        b"action" => ACTION,
        b"node" => NODE,
        b"prevNode" => PREV_NODE,
        b"errorCode" => ERROR_CODE,
        _ => UNKNOWN,
    }
}

fn node_field(name: &[u8]) -> u8 {
    match name {
        b"key" => KEY,
        b"value" => VALUE,
        b"dir" => DIR,
        b"expiration" => EXPIRATION,
        b"ttl" => TTL,
        b"nodes" => NODES,
        b"modifiedIndex" => MODIFIED_INDEX,
        b"createdIndex" => CREATED_INDEX,
        _ => UNKNOWN,
    }
}

// Each known field is a bit of its own; an unknown one is none and may come any number of times.
const UNKNOWN: u8 = 0;

const ACTION: u8 = 1;
const NODE: u8 = 1 << 1;
const PREV_NODE: u8 = 1 << 2;
const ERROR_CODE: u8 = 1 << 3;

const KEY: u8 = 1;
const VALUE: u8 = 1 << 1;
const DIR: u8 = 1 << 2;
const EXPIRATION: u8 = 1 << 3;
const TTL: u8 = 1 << 4;
const NODES: u8 = 1 << 5;
const MODIFIED_INDEX: u8 = 1 << 6;
const CREATED_INDEX: u8 = 1 << 7;

#[cfg(test)]
mod generate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
