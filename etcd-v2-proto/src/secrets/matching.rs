//! Finds a secret in a text in whichever form a server wrote it: as it is, escaped for JSON, Go or HTML, or
//! percent-encoded, all of it or only some letters.

use std::collections::BTreeSet;

/// How a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// With the secret, in this many bytes.
    Whole(usize),
    /// With the beginning of the secret, and there it ends.
    CutOff,
    /// With something else.
    Other,
}

/// Compares the beginning of a text with a secret.
pub(super) fn match_at(text: &[u8], secret: &[u8]) -> Match {
    // A letter may have two readings, such as `%` and `%25`: what is left to try is on a stack.
    let mut open = vec![(0, 0)];
    // Readings of backslashes meet again. Without this, their number would double with each backslash.
    let mut tried = BTreeSet::new();
    let mut is_cut = false;
    while let Some((at, matched)) = open.pop() {
        let (rest, wanted) = (&text[at..], &secret[matched..]);
        if rest.starts_with(b"\\") && !tried.insert((at, matched)) {
            continue;
        }
        if wanted.is_empty() {
            return Match::Whole(at);
        }
        is_cut |= matched > 0 && is_cut_off(rest);
        let mut read = |length: usize, meaning: &[u8]| {
            if wanted.starts_with(meaning) {
                open.push((at + length, matched + meaning.len()));
            }
        };
        escapes(rest, &mut read);
        if let Some(byte) = rest.first() {
            read(1, &[*byte]);
        }
    }
    if is_cut { Match::CutOff } else { Match::Other }
}

/// Whether a text ends here, be it within an escape sequence or a letter.
fn is_cut_off(rest: &[u8]) -> bool {
    /// The longest escape sequences are pairs of surrogates.
    const LONGEST: usize = 12;
    match rest.first() {
        None => true,
        Some(b'%') => rest.len() < 3,
        Some(b'&') => rest.len() < LONGEST && !rest.contains(&b';'),
        Some(b'\\') => {
            rest.len() < LONGEST
                && rest[1..].iter().all(|byte| b"\\ux{".contains(byte) || byte.is_ascii_hexdigit())
        }
        // What is left of a letter that was cut, or what stands for that.
        Some(_) => {
            rest == "\u{fffd}".as_bytes() || (rest.len() < 4 && std::str::from_utf8(rest).is_err())
        }
    }
}

/// Reads an escape sequence at the beginning of a text: its length and the bytes that it means.
fn escapes(text: &[u8], read: &mut impl FnMut(usize, &[u8])) {
    match *text {
        [b'+', ..] => read(1, b" "),
        [b'%', high, low, ..] => {
            if let Some(byte) = number(&[high, low], 16).and_then(|byte| u8::try_from(byte).ok()) {
                read(3, &[byte]);
            }
        }
        [b'\\', kind, ref rest @ ..] => backslash(kind, rest, read),
        [b'&', ref rest @ ..] => entity(rest, read),
        _ => {}
    }
}

fn backslash(kind: u8, rest: &[u8], read: &mut impl FnMut(usize, &[u8])) {
    match kind {
        b'n' => read(2, b"\n"),
        b'r' => read(2, b"\r"),
        b't' => read(2, b"\t"),
        b'b' => read(2, b"\x08"),
        b'f' => read(2, b"\x0c"),
        b'v' => read(2, b"\x0b"),
        b'a' => read(2, b"\x07"),
        b'0' => read(2, b"\0"),
        b'"' | b'\'' | b'/' => read(2, &[kind]),
        b'\\' => {
            read(2, b"\\");
            // A text that was escaped twice.
            read(1, b"");
        }
        b'x' => {
            if let Some(byte) = rest.get(..2).and_then(|digits| number(digits, 16)) {
                as_byte_and_as_letter(4, byte, read);
            }
        }
        b'u' if rest.first() == Some(&b'{') => {
            let digits = rest[1..].split(|byte| *byte == b'}').next().unwrap_or_default();
            if let Some(code) = number(digits, 16) {
                letter(digits.len() + 4, code, read);
            }
        }
        b'u' => {
            let Some(first) = rest.get(..4).and_then(|digits| number(digits, 16)) else { return };
            let second = match rest.get(4..10) {
                Some([b'\\', b'u', digits @ ..]) => number(digits, 16),
                _ => None,
            };
            match (first, second) {
                (0xd800..=0xdbff, Some(second @ 0xdc00..=0xdfff)) => {
                    letter(12, 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), read);
                }
                _ => letter(6, first, read),
            }
        }
        b'U' => {
            if let Some(code) = rest.get(..8).and_then(|digits| number(digits, 16)) {
                letter(10, code, read);
            }
        }
        _ => {}
    }
}

fn entity(rest: &[u8], read: &mut impl FnMut(usize, &[u8])) {
    /// More digits no letter has.
    const LONGEST: usize = 10;
    let Some(end) = rest.iter().take(LONGEST).position(|byte| *byte == b';') else { return };
    let length = end + 2;
    match &rest[..end] {
        b"lt" => read(length, b"<"),
        b"gt" => read(length, b">"),
        b"amp" => read(length, b"&"),
        b"quot" => read(length, b"\""),
        b"apos" => read(length, b"'"),
        [b'#', b'x' | b'X', digits @ ..] => {
            if let Some(code) = number(digits, 16) {
                letter(length, code, read);
            }
        }
        [b'#', digits @ ..] => {
            if let Some(code) = number(digits, 10) {
                letter(length, code, read);
            }
        }
        _ => {}
    }
}

fn as_byte_and_as_letter(length: usize, code: u32, read: &mut impl FnMut(usize, &[u8])) {
    if let Ok(byte) = u8::try_from(code) {
        read(length, &[byte]);
    }
    if code >= 0x80 {
        letter(length, code, read);
    }
}

fn letter(length: usize, code: u32, read: &mut impl FnMut(usize, &[u8])) {
    if let Some(letter) = char::from_u32(code) {
        read(length, letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    const LONGEST: usize = 8;
    if digits.is_empty() || digits.len() > LONGEST {
        return None;
    }
    let append = |number: u32, digit: &u8| {
        number.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)
    };
    digits.iter().try_fold(0, append)
}
