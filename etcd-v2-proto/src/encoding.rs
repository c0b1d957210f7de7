//! Percent-encoding of paths, queries and forms, as Go's `net/url` does it.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The type of a form body; with any other, etcd ignores the body without a word.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// What is escaped within a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// What is escaped within a query or a form; a space is left for `+`.
const FIELD: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

/// Appends a segment of a path.
pub(crate) fn push_segment(path: &mut String, segment: &str) {
    path.extend(utf8_percent_encode(segment, SEGMENT));
}

/// `name=value` pairs with `&` between them; the callers add them sorted by name.
#[derive(Debug)]
pub(crate) struct Pairs {
    text: String,
    separator: Option<char>,
}

impl Pairs {
    /// The pairs of a query, behind the path.
    pub(crate) const fn after_path(path: String) -> Self {
        Self { text: path, separator: Some('?') }
    }

    /// The pairs of a form.
    pub(crate) const fn form() -> Self {
        Self { text: String::new(), separator: None }
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        for piece in utf8_percent_encode(value, FIELD) {
            // Of what has to be written in another way, only spaces are left.
            if piece.contains(' ') {
                self.text.extend(piece.chars().map(|c| if c == ' ' { '+' } else { c }));
            } else {
                self.text.push_str(piece);
            }
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        // Writing into a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// Adds the flag only if it is set: etcd takes a missing one for false.
    pub(crate) fn flag_if(&mut self, name: &str, value: bool) {
        if value {
            self.flag(name, true);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn name(&mut self, name: &str) {
        self.text.extend(self.separator.replace('&'));
        self.text.push_str(name);
        self.text.push('=');
    }
}
