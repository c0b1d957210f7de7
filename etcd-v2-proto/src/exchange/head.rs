//! What the head of an answer says.

use std::time::Duration;

use http::response::Parts;
use http::{HeaderValue, StatusCode};

use super::retry_after::retry_after;
use crate::error::ErrorKind;
use crate::request::Meta;
use crate::wire::JSON;

/// What is kept of a head; the rest would pin the buffer it was read into.
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Whether the request takes this status for an answer.
    pub(super) accepted: bool,
    pub(super) meta: Meta,
    /// Empty for a success in plain JSON, which nearly all are.
    pub(super) content_type: String,
    /// Whether the body is encoded, such as by gzip, though no request allows that.
    pub(super) is_encoded: bool,
    /// For how long an error response asks for no further request (`Retry-After`).
    pub(super) retry_after: Option<Duration>,
}

impl Head {
    /// Reads it all in one pass: to look for each header would take longer than all the rest.
    pub(super) fn read(parts: &Parts, accepted: bool) -> Self {
        let (mut meta, mut content_type) = (Meta::default(), "no content type");
        let mut encoding = None;
        for (name, value) in &parts.headers {
            match name.as_str() {
                "content-type" => content_type = value.to_str().unwrap_or(content_type),
                "content-encoding" => encoding = encoding.or_else(|| encoding_of(value)),
                name => meta.note(name, value),
            }
        }
        let is_kept = !accepted || content_type != JSON;
        let content_type = match encoding {
            Some(encoding) => {
                format!("{content_type}, encoded as {encoding}, which was not requested")
            }
            None if is_kept => content_type.to_owned(),
            None => String::new(),
        };
        let retry_after = if accepted { None } else { retry_after(parts) };
        let (status, is_encoded) = (parts.status, encoding.is_some());
        Self { status, accepted, meta, content_type, is_encoded, retry_after }
    }
}

/// The same with the content type of the response, where the decoder did not know it.
pub(super) fn with_type(mut kind: ErrorKind, content_type: String) -> ErrorKind {
    if let ErrorKind::Unexpected(answer) = &mut kind
        && answer.content_type.is_empty()
    {
        answer.content_type = if content_type.is_empty() { JSON.to_owned() } else { content_type };
    }
    kind
}

/// How a body is encoded, unless it is not.
fn encoding_of(value: &HeaderValue) -> Option<&str> {
    let encoding = value.to_str().unwrap_or("an unknown encoding").trim();
    (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
}
