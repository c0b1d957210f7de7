//! The plain JSON of the smaller APIs, in Go's ways.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{ErrorKind, Invalid};
use crate::json::Malformed;
use crate::request::Document;

/// The type of a JSON body.
pub(crate) const JSON: &str = "application/json";

/// A body as Go writes it: what could be taken for HTML is escaped.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, Invalid> {
    let json = serde_json::to_string(value)
        .map_err(|error| Invalid::new("body", format!("is no JSON: {error}")))?;
    // These only occur within strings.
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    Ok(escaped)
}

/// The document as JSON of this form.
pub(crate) fn decode<T: DeserializeOwned>(document: &Document) -> Result<T, ErrorKind> {
    if document.body.is_empty() {
        return Err(ErrorKind::EmptyBody);
    }
    serde_json::from_slice(&document.body).map_err(|error| {
        // Its text may show what it found, which is nobody's business.
        let before = document.body.split(|byte| *byte == b'\n').take(error.line() - 1);
        let offset = before.map(|line| line.len() + 1).sum::<usize>() + error.column();
        Malformed::new(offset, "the JSON of this answer").into()
    })
}

/// Go writes a list that it never made as `null`.
pub(crate) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
