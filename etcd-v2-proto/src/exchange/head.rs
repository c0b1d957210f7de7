//! What the head of an answer says.

use http::StatusCode;
use http::response::Parts;

use crate::error::is_page;
use crate::request::Meta;

/// What is kept of a head; the rest would pin the buffer it was read into.
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Whether the request takes this status for an answer.
    pub(super) accepted: bool,
    pub(super) meta: Meta,
    /// Only of refusals and of web pages.
    pub(super) content_type: String,
}

impl Head {
    /// Reads it all in one pass: to look for each header would take longer than all the rest.
    pub(super) fn read(parts: &Parts, accepted: bool) -> Self {
        let (mut meta, mut content_type) = (Meta::default(), "no content type");
        for (name, value) in &parts.headers {
            match name.as_str() {
                "content-type" => content_type = value.to_str().unwrap_or(content_type),
                name => meta.note(name, value),
            }
        }
        let is_kept = !accepted || is_page(content_type);
        let content_type = if is_kept { content_type.to_owned() } else { String::new() };
        Self { status: parts.status, accepted, meta, content_type }
    }
}
