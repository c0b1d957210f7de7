//! The plain JSON of the smaller APIs, in Go's ways.

use std::io;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::ser::Formatter;

use crate::error::{ErrorKind, Invalid, Unexpected};
use crate::json::Malformed;
use crate::request::Document;

/// The type of a JSON body.
pub(crate) const JSON: &str = "application/json";

/// A body as Go writes it: what could be taken for HTML is escaped.
///
/// It is measured first and then written in place, so that there is just one copy of what may be a password.
pub(crate) fn encode(value: &impl Serialize) -> Result<Vec<u8>, Invalid> {
    let mut length = Length(0);
    write(value, &mut length)?;
    let mut body = Vec::with_capacity(length.0);
    write(value, &mut body)?;
    Ok(body)
}

fn write(value: &impl Serialize, to: impl io::Write) -> Result<(), Invalid> {
    let mut json = serde_json::Serializer::with_formatter(to, AsGo);
    value.serialize(&mut json).map_err(|error| Invalid::new("body", format!("is no JSON: {error}")))
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes what Go escapes besides what JSON has to.
struct AsGo;

impl Formatter for AsGo {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            to.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(c) = chars.next() {
                write!(to, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        to.write_all(rest.as_bytes())
    }
}

/// The body of an answer, unless it is too large to be one.
///
/// Ten thousand users with their roles take less. A text of nothing but short names, which no server sends
/// that means well, takes some twenty times its size once it is decoded.
pub(crate) fn body_of(document: &Document) -> Result<&[u8], ErrorKind> {
    const LARGEST: usize = 4 << 20;
    match document.body.len() {
        ..=LARGEST => Ok(&document.body),
        _ => Err(ErrorKind::TooLarge { limit: LARGEST }),
    }
}

/// The document as JSON of this form.
pub(crate) fn decode<T: DeserializeOwned>(document: &Document) -> Result<T, ErrorKind> {
    if document.body.is_empty() {
        return Err(ErrorKind::EmptyBody);
    }
    serde_json::from_slice(body_of(document)?).map_err(|error| {
        // Its text may show what it found, which is nobody's business.
        let before = document.body.split(|byte| *byte == b'\n').take(error.line() - 1);
        let offset = before.map(|line| line.len() + 1).sum::<usize>() + error.column();
        Malformed::new(offset, "the JSON of this answer").into()
    })
}

/// The success of a request that etcd answers with exactly this status and no body. Any other success is
/// that of something else; headers do not matter, since proxies may strip them.
pub(crate) fn no_body(document: &Document, status: StatusCode) -> Result<(), ErrorKind> {
    if document.status == status && document.body.is_empty() {
        return Ok(());
    }
    Err(Unexpected::new(document.status, String::new(), &document.body).into())
}

/// Go writes a list that it never made as `null`.
pub(crate) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_in_one_piece_and_escaped_as_go_does() {
        let text = "<a>&\u{2028}\u{2029}\"\\\n\u{1}\u{e9}\u{1f980}".repeat(50);
        let body = encode(&[&text]).unwrap();
        assert_eq!(body.capacity(), body.len());
        let expected =
            "\\u003ca\\u003e\\u0026\\u2028\\u2029\\\"\\\\\\n\\u0001\u{e9}\u{1f980}".repeat(50);
        assert_eq!(String::from_utf8(body.clone()).unwrap(), format!("[\"{expected}\"]"));
        assert_eq!(serde_json::from_slice::<[String; 1]>(&body).unwrap(), [text]);
    }
}
