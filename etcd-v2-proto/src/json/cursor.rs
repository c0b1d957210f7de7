//! The words of JSON, read one after the other.

use super::Fault;
use crate::tree::Span;

/// A place in a document.
///
/// It is never left before white space: what reads a word, brace or comma also reads the white
/// space after it.
pub(super) struct Cursor {
    pub(super) body: Vec<u8>,
    pub(super) at: usize,
}

impl Cursor {
    pub(super) fn new(body: Vec<u8>) -> Self {
        Self { body, at: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Returns the bytes of a string.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        self.body.get(span.range()).unwrap_or_default()
    }

    /// Reads the brace that opens an object, and tells whether a field follows.
    pub(super) fn open_object(&mut self) -> Result<bool, Fault> {
        self.expect(b'{', "an object")?;
        Ok(!self.take(b'}'))
    }

    /// Reads what follows a field, and tells whether that is another field.
    pub(super) fn next_field(&mut self) -> Result<bool, Fault> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(b'}', "a comma or a closing brace")?;
        Ok(false)
    }

    /// Reads the bracket that opens an array, and tells whether an element follows.
    pub(super) fn open_array(&mut self) -> Result<bool, Fault> {
        self.expect(b'[', "an array")?;
        Ok(!self.take(b']'))
    }

    /// Reads what follows an element, and tells whether that is another element.
    pub(super) fn next_element(&mut self) -> Result<bool, Fault> {
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(b']', "a comma or a closing bracket")?;
        Ok(false)
    }

    /// Reads the name of a field and the colon after it.
    pub(super) fn name(&mut self) -> Result<Span, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a field name"));
        }
        let name = self.string()?;
        self.expect(b':', "a colon")?;
        Ok(name)
    }

    /// Reads `null`, if that is what comes.
    pub(super) fn null(&mut self) -> Result<bool, Fault> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// Reads an integer that fits into 64 bits without a sign.
    pub(super) fn unsigned(&mut self) -> Result<u64, Fault> {
        let start = self.at;
        self.digits().ok_or_else(|| Fault::new(start, "an unsigned 64-bit integer"))
    }

    /// Reads an integer that fits into 64 bits with a sign.
    pub(super) fn signed(&mut self) -> Result<i64, Fault> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.at += 1;
        }
        self.digits()
            .and_then(|size| {
                if negative { 0_i64.checked_sub_unsigned(size) } else { size.try_into().ok() }
            })
            .ok_or_else(|| Fault::new(start, "a 64-bit integer"))
    }

    /// Reads one of the three words of JSON.
    pub(super) fn word(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.wrong("a value"));
        }
        self.at += word.len();
        self.space();
        Ok(())
    }

    /// Checks that nothing follows.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.at < self.body.len() {
            return Err(self.wrong("the end of the document"));
        }
        Ok(())
    }

    /// Turns the body into the text of the strings that were found in it.
    pub(super) fn into_text(self) -> Result<String, Fault> {
        // Unescaping has already looked at what it moved, so the first fault is where it was sent.
        String::from_utf8(self.body)
            .map_err(|error| Fault::new(error.utf8_error().valid_up_to(), UTF_8))
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Reads a punctuation mark, if that is what comes.
    pub(super) fn take(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(mark);
        if found {
            self.at += 1;
            self.space();
        }
        found
    }

    pub(super) fn expect(&mut self, mark: u8, expected: &'static str) -> Result<(), Fault> {
        if self.take(mark) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    pub(super) fn wrong(&self, expected: &'static str) -> Fault {
        Fault::new(self.at, expected)
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads a whole number; there is none if it has leading zeros, a fraction, an exponent or more
    /// than 64 bits.
    fn digits(&mut self) -> Option<u64> {
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let padded = self.body.get(start) == Some(&b'0') && self.at > start + 1;
        if self.at == start || padded || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.space();
        Some(number)
    }
}

pub(super) const UTF_8: &str = "UTF-8";
