//! From the pieces of a body to documents, never more than the limit.

use bytes::Bytes;
use http::{HeaderMap, header};

/// How long a body is, if its head tells that for certain. With so many bytes it is complete.
#[must_use]
pub fn body_length(head: &HeaderMap) -> Option<u64> {
    // What is framed in another way has no length, whatever else is said.
    if head.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    head.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Gathers a whole body.
#[derive(Debug)]
pub(crate) struct Framer {
    body: Vec<u8>,
    limit: usize,
    /// How many bytes were announced.
    expected: Option<usize>,
}

/// The body is larger than the limit, in bytes; what was within it is kept.
#[derive(Debug)]
pub(crate) struct Overflow {
    pub(crate) limit: usize,
}

impl Framer {
    /// A body of at most `limit` bytes, of which `expected` were announced.
    pub(crate) fn new(limit: usize, expected: Option<u64>) -> Self {
        /// More than that is not set aside on the mere word of a server.
        const TRUSTED: usize = 1 << 20;
        let expected = expected.and_then(|expected| usize::try_from(expected).ok());
        let room = expected.unwrap_or(0).min(limit).min(TRUSTED);
        Self { body: Vec::with_capacity(room), limit, expected }
    }

    pub(crate) fn push(&mut self, chunk: &Bytes) -> Result<(), Overflow> {
        let room = self.limit - self.body.len();
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room { Err(Overflow { limit: self.limit }) } else { Ok(()) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Whether all that was announced is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.expected == Some(self.body.len())
    }

    pub(crate) fn take(self) -> Vec<u8> {
        self.body
    }
}

/// Takes a body apart that is one document after the other, as of a stream of changes.
///
/// Only the limits of objects are looked for; whether what is between them makes sense is for the
/// decoder to say. So what begins with anything else than an object is handed out as it is.
#[derive(Debug)]
pub(crate) struct Documents {
    body: Vec<u8>,
    limit: usize,
    /// How much of the body was looked at.
    seen: usize,
    /// How much of that is the space before a document.
    blank: usize,
    /// How many brackets are open.
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Documents {
    /// Documents of at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            body: Vec::new(),
            limit,
            seen: 0,
            blank: 0,
            depth: 0,
            in_string: false,
            escaped: false,
        }
    }

    pub(crate) fn push(&mut self, chunk: &Bytes) {
        self.body.extend_from_slice(chunk);
    }

    /// Whether a document has begun of which the end is still to come.
    pub(crate) fn is_amid(&self) -> bool {
        !self.body.iter().all(u8::is_ascii_whitespace)
    }

    /// The next whole document, if there is one.
    pub(crate) fn take(&mut self) -> Result<Option<Vec<u8>>, Overflow> {
        while let Some(byte) = self.body.get(self.seen) {
            self.seen += 1;
            let ends = match byte {
                _ if self.escaped => {
                    self.escaped = false;
                    false
                }
                b'\\' if self.in_string => {
                    self.escaped = true;
                    false
                }
                b'"' if self.depth > 0 => {
                    self.in_string = !self.in_string;
                    false
                }
                _ if self.in_string => false,
                b'{' | b'[' => {
                    self.depth += 1;
                    false
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.depth == 0
                }
                byte if self.depth == 0 => {
                    self.blank += usize::from(byte.is_ascii_whitespace());
                    !byte.is_ascii_whitespace()
                }
                _ => false,
            };
            if self.seen - self.blank > self.limit {
                return Err(Overflow { limit: self.limit });
            }
            if ends {
                let rest = self.body.split_off(self.seen);
                (self.seen, self.blank) = (0, 0);
                return Ok(Some(std::mem::replace(&mut self.body, rest)));
            }
        }
        if !self.is_amid() {
            self.body.clear();
            (self.seen, self.blank) = (0, 0);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let mut documents = Documents::new(1000);
        let mut found = Vec::new();
        for piece in pieces {
            documents.push(&Bytes::copy_from_slice(piece));
            while let Some(body) = documents.take().unwrap() {
                found.push(String::from_utf8(body).unwrap().trim().to_owned());
            }
        }
        (found, documents.is_amid())
    }

    #[test]
    fn documents_are_the_same_however_they_are_cut() {
        const BODY: &str = "{\"a\":{\"b\":\"}{\\\"[\\\\\"}}\n{\"c\":[[],{}]}\n\n {\"\u{e9}\":1}\n";
        let whole = vec!["{\"a\":{\"b\":\"}{\\\"[\\\\\"}}", "{\"c\":[[],{}]}", "{\"\u{e9}\":1}"];
        let bytes = BODY.as_bytes();
        for cut in 0..=bytes.len() {
            let (found, amid) = documents(&[&bytes[..cut], &bytes[cut..]]);
            assert_eq!((found, amid), (whole.iter().map(|s| (*s).to_owned()).collect(), false));
        }
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(documents(&each).0, whole);
        let last = BODY.rfind('}').unwrap();
        for end in 0..=last {
            let (found, amid) = documents(&[&bytes[..end]]);
            let begun = !BODY.get(..end).map_or("x", str::trim_end).is_empty();
            assert!(
                found.len() < 3 && (amid || !begun || end_of_one(BODY, end)),
                "{end}: {found:?}"
            );
        }
    }

    fn end_of_one(body: &str, end: usize) -> bool {
        body.get(..end).is_some_and(|text| text.trim_end().ends_with('}'))
    }

    #[test]
    fn what_is_no_object_is_handed_out_for_the_decoder_to_refuse() {
        assert_eq!(documents(&[b"null"]).0[0], "n");
        assert_eq!(documents(&[b"} "]).0, ["}"]);
    }

    #[test]
    fn a_document_has_a_limit_and_the_stream_has_none() {
        let mut documents = Documents::new(7);
        documents.push(&Bytes::from("{\"a\":1}\r\n".repeat(10)));
        for _ in 0..10 {
            assert!(documents.take().unwrap().is_some());
        }
        assert!(documents.take().unwrap().is_none());
        documents.push(&Bytes::from_static(b" {\"a\":123"));
        assert_eq!(documents.take().unwrap_err().limit, 7);
    }

    #[test]
    fn limit_is_inclusive() {
        let mut framer = Framer::new(4, Some(u64::MAX));
        assert!(framer.push(&Bytes::from_static(b"ab")).is_ok());
        assert!(framer.push(&Bytes::from_static(b"cd")).is_ok());
        assert!(framer.push(&Bytes::from_static(b"e")).is_err());
        assert_eq!(framer.take(), b"abcd");
    }
}
