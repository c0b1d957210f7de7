//! Keeps the secrets of a request out of errors: servers and proxies echo what they receive.

mod matching;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::{ErrorKind, RedirectError, Unexpected};
use crate::request::Encoded;
use matching::{Match, match_at};

/// The secrets of one request, each as the bytes of its plain text.
pub(crate) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

/// Stands for a secret in a text.
const REDACTED: &str = "***";

impl Secrets {
    /// The password and its Base64 form in the `Authorization` header, and the password in the body of a
    /// request of the auth API.
    pub(crate) fn of(encoded: &Encoded, credentials: Option<&Credentials>) -> Self {
        let mut secrets = Self::of_login(credentials);
        if let Some((_, body)) = encoded.body.as_ref().filter(|_| encoded.has_secret_body()) {
            secrets.0.extend(password_in(body));
        }
        secrets
    }

    /// The secrets of the `Authorization` header alone.
    pub(crate) fn of_login(credentials: Option<&Credentials>) -> Self {
        let secrets = credentials.map(Credentials::secrets).into_iter().flatten();
        Self(secrets.filter(|secret| !secret.is_empty()).collect())
    }

    /// Takes the secrets out of every text of an error that comes from a server.
    pub(crate) fn redact(&self, kind: &mut ErrorKind) {
        if self.0.is_empty() {
            return;
        }
        match kind {
            ErrorKind::Etcd(response) | ErrorKind::Unresolved(response) => {
                self.redact_text(&mut response.message);
                self.redact_text(&mut response.cause);
            }
            ErrorKind::Api(response) => self.redact_text(&mut response.message),
            ErrorKind::Unexpected(response) => self.redact_unexpected(response),
            ErrorKind::Redirect(error) => {
                texts_of(error).into_iter().for_each(|text| self.redact_text(text));
            }
            ErrorKind::Failed(failure) | ErrorKind::RequestLineTooLong { failure, .. } => {
                failure.redact(self);
            }
            ErrorKind::NoUsableUrls(reasons) => {
                reasons.iter_mut().for_each(|reason| self.redact_text(reason));
            }
            _ => {}
        }
    }

    /// Takes the secrets out of a text.
    pub(crate) fn redact_text(&self, text: &mut String) {
        /// What the crate looks for at the beginning of messages has to stay, whatever the password is.
        const KEPT: [&str; 5] = [
            "auth: User ",
            "auth: Role ",
            "No such member",
            "Not capable of accessing ",
            "nodePath ",
        ];
        let kept = KEPT.iter().find(|kept| text.starts_with(**kept)).map_or(0, |kept| kept.len());
        let mut at = kept;
        while let Some(found) = self.find(text.as_bytes(), at) {
            text.replace_range(found.clone(), REDACTED);
            at = found.start + REDACTED.len();
        }
    }

    /// Removes the beginning of a secret at the end of a text that was cut off.
    pub(crate) fn remove_cut_secret(&self, text: &mut Vec<u8>) {
        let is_cut = |at: &usize| {
            self.0.iter().any(|secret| matches!(match_at(&text[*at..], secret), Match::CutOff))
        };
        if let Some(at) = (0..text.len()).find(is_cut) {
            text.truncate(at);
            text.extend(REDACTED.bytes());
        }
    }

    /// Whether the text has a secret in it.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.find(text.as_bytes(), 0).is_some()
    }

    fn redact_unexpected(&self, response: &mut Unexpected) {
        self.redact_text(&mut response.content_type);
        self.redact_text(&mut response.excerpt);
        if let Some(mismatch) = &mut response.mismatch {
            self.redact_text(mismatch);
        }
        let mut excerpt = std::mem::take(&mut response.excerpt).into_bytes();
        // It ends in the middle of the body, or the body itself was cut off.
        if response.is_cut || excerpt.len() >= Unexpected::EXCERPT {
            self.remove_cut_secret(&mut excerpt);
        }
        response.excerpt = String::from_utf8_lossy(&excerpt).into_owned();
    }

    /// Where the first secret after `from` is.
    fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        (from..text.len()).find_map(|at| {
            self.0.iter().find_map(|secret| match match_at(&text[at..], secret) {
                Match::Whole(length) if stands_out(text, at..at + length, secret) => {
                    Some(at..at + length)
                }
                _ => None,
            })
        })
    }
}

/// Whether a request of this path has a secret body: that of the auth API, percent-encoded and behind a
/// prefix, too.
pub(crate) fn is_auth_path(path: &str) -> bool {
    let decoded: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
    decoded.contains("/v2/auth")
}

/// The password in the body of a request of the auth API. A body in another form counts as a whole.
fn password_in(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    #[derive(Deserialize)]
    struct Body {
        password: Option<String>,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { password }) => password
            .filter(|password| !password.is_empty())
            .map(|password| Zeroizing::new(password.into_bytes())),
        Err(_) => Some(Zeroizing::new(body.to_vec())),
    }
}

/// A very short password is a part of ordinary words: to redact it there would give it away.
fn stands_out(text: &[u8], found: Range<usize>, secret: &[u8]) -> bool {
    const SHORT: usize = 4;
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    secret.len() >= SHORT || !(is_letter(found.start.checked_sub(1)) || is_letter(Some(found.end)))
}

fn texts_of(error: &mut RedirectError) -> Vec<&mut String> {
    match error {
        RedirectError::NoLocation { .. } | RedirectError::Unfollowable { .. } => Vec::new(),
        RedirectError::BadLocation { location } => vec![location],
        RedirectError::Refused { target, reason } => vec![target, reason],
        RedirectError::Foreign { target }
        | RedirectError::SecretBody { target }
        | RedirectError::OtherRequest { target }
        | RedirectError::Downgrade { target }
        | RedirectError::TooMany { target, .. } => vec![target],
    }
}
