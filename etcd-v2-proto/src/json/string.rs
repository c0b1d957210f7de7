//! Strings, unescaped where they are.

use std::str;

use super::{
    Fault,
    cursor::{Cursor, UTF_8},
};
use crate::tree::Span;

impl Cursor {
    /// Reads a string and makes its text stand right after its opening quote, with spaces in what
    /// that leaves free.
    pub(super) fn string(&mut self) -> Result<Span, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        let start = self.at + 1;
        let plain = plain_until(&self.body, start);
        let end = if self.body.get(plain) == Some(&b'"') {
            self.at = plain;
            plain
        } else {
            self.unescape(plain)?
        };
        self.at += 1;
        self.space();
        Ok(Span::new(start, end))
    }

    /// Unescapes the rest of a string, moves to its closing quote, and returns where its text ends
    /// now.
    ///
    /// No escape is shorter than what it stands for, so writing never overtakes reading.
    fn unescape(&mut self, from: usize) -> Result<usize, Fault> {
        let (mut read, mut write) = (from, from);
        loop {
            match self.body.get(read) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let (character, next) = self.escape(read)?;
                    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                        self.put(write, byte);
                        write += 1;
                    }
                    read = next;
                }
                Some(0x20..) => {
                    let end = plain_until(&self.body, read);
                    let plain = self.body.get(read..end).unwrap_or_default();
                    if let Err(error) = str::from_utf8(plain) {
                        return Err(Fault::new(read + error.valid_up_to(), UTF_8));
                    }
                    self.body.copy_within(read..end, write);
                    write += end - read;
                    read = end;
                }
                Some(_) => return Err(Fault::new(read, "no control character in a string")),
                None => return Err(Fault::new(read, "the end of a string")),
            }
        }
        if let Some(free) = self.body.get_mut(write..read) {
            free.fill(b' ');
        }
        self.at = read;
        Ok(write)
    }

    /// Returns the character that the escape at `at` stands for, and where the escape ends.
    ///
    /// Half of a surrogate pair stands for U+FFFD, as in Go.
    fn escape(&self, at: usize) -> Result<(char, usize), Fault> {
        let wrong = Fault::new(at, "an escape sequence");
        let character = match self.body.get(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hexadecimal(at).ok_or(wrong)?;
                let pair = [first, self.hexadecimal(at + 6).unwrap_or_default()];
                return Ok(match char::decode_utf16(pair).next() {
                    Some(Ok(character)) => (character, at + 6 * character.len_utf16()),
                    _ => (char::REPLACEMENT_CHARACTER, at + 6),
                });
            }
            _ => return Err(wrong),
        };
        Ok((character, at + 2))
    }

    /// Reads `\uXXXX`.
    fn hexadecimal(&self, at: usize) -> Option<u16> {
        let [b'\\', b'u', digits @ ..] = self.body.get(at..at + 6)? else { return None };
        digits.iter().try_fold(0, |number, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(number << 4 | digit as u16)
        })
    }

    fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.body.get_mut(at) {
            *place = byte;
        }
    }
}

/// Finds the first quote, backslash or control character, or the end.
fn plain_until(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        // Eight bytes at a time; each test sets the top bit of the first byte that it is about, and
        // perhaps of later ones.
        let word = u64::from_le_bytes(*word);
        let below = |word: u64, limit| word.wrapping_sub(limit) & !word & TOP;
        let special =
            below(word ^ QUOTE, EACH) | below(word ^ BACKSLASH, EACH) | below(word, SPACE);
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    at + rest.iter().position(special).unwrap_or(rest.len())
}

// The same byte eight times.
const EACH: u64 = u64::MAX / 255;
const TOP: u64 = EACH * 0x80;
const SPACE: u64 = EACH * b' ' as u64;
const QUOTE: u64 = EACH * b'"' as u64;
const BACKSLASH: u64 = EACH * b'\\' as u64;
