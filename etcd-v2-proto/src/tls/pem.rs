//! Reading certificates and keys from PEM, with errors for people.

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use zeroize::Zeroizing;

use crate::error::Invalid;

/// All certificates of a text; there is at least one.
pub(crate) fn certificates(
    field: &'static str,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let text = &*tidied(field, text)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match certificates {
        Ok(found) if found.is_empty() => {
            Err(Invalid::new(field, missing("certificate", "CERTIFICATE", text)))
        }
        result => result.map_err(|error| unreadable(field, &error)),
    }
}

/// The first private key of a text.
pub(crate) fn private_key(
    field: &'static str,
    text: &[u8],
) -> Result<PrivateKeyDer<'static>, Invalid> {
    let text = &*tidied(field, text)?;
    if contains(text, b"ENCRYPTED") {
        let reason = "is encrypted: store it without a passphrase, as `openssl pkey` does";
        return Err(Invalid::new(field, reason));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        Error::NoItemsFound => Invalid::new(field, missing("private key", "PRIVATE KEY", text)),
        error => unreadable(field, &error),
    })
}

/// The text without what editors and configuration files add: a byte order mark, and spaces around lines. It may hold
/// a key, so it is wiped.
fn tidied(field: &'static str, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Invalid> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        let reason = "is encoded as UTF-16: store it as UTF-8, or as ASCII";
        return Err(Invalid::new(field, reason));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    // With room for a line feed at the end, since a larger copy would leave this one behind.
    let mut tidied = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    for line in text.split(|byte| *byte == b'\n') {
        tidied.extend_from_slice(line.trim_ascii());
        tidied.push(b'\n');
    }
    Ok(tidied)
}

/// What there is instead.
fn missing(wanted: &str, label: &str, text: &[u8]) -> String {
    let found = if text.trim_ascii().is_empty() {
        "it is empty"
    } else if contains(text, b"PRIVATE KEY-----") {
        "only a private key"
    } else if contains(text, b"-----BEGIN CERTIFICATE-----") {
        "only a certificate"
    } else if contains(text, b"-----BEGIN ") {
        "only PEM of another kind"
    } else {
        "it is not PEM at all"
    };
    format!("there is no {wanted} in it (`-----BEGIN {label}-----`), {found}")
}

/// Without any of the text, which may be secret.
fn unreadable(field: &'static str, error: &Error) -> Invalid {
    let reason = match error {
        Error::MissingSectionEnd { .. } => "is cut off: its last line (`-----END …`) is missing",
        Error::IllegalSectionStart { .. } => "has a malformed first line (`-----BEGIN …`)",
        Error::Base64Decode(_) => {
            "is damaged: what is between its first and last line is no base64"
        }
        _ => "is not readable as PEM",
    };
    Invalid::new(field, reason)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
