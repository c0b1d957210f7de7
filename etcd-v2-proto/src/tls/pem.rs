//! Reading certificates and keys from PEM, with errors for people.

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Invalid;

/// All certificates of a text; there is at least one.
pub(crate) fn certificates(
    field: &'static str,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Invalid> {
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
    if contains(text, b"ENCRYPTED") {
        let reason = "is encrypted: store it without a passphrase, as `openssl pkey` does";
        return Err(Invalid::new(field, reason));
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        Error::NoItemsFound => Invalid::new(field, missing("private key", "PRIVATE KEY", text)),
        error => unreadable(field, &error),
    })
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
