//! What an error of TLS means, and what to do about it.

use std::error::Error as StdError;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};

use crate::error::{ConnectionError, chain, ending};
use crate::tls::verifier::Flaw;

/// Says what an error means that has an error of rustls among its sources, or is one.
///
/// In TLS 1.3 the server judges the certificate of the client when the handshake is over for the
/// client, so this is for the errors of the first read, too. `None` for all other errors.
///
/// It never says that the server speaks no TLS: what is not TLS on a connection that was secured may come from
/// an attacker on the way.
#[must_use]
pub fn explain(error: &(dyn StdError + 'static)) -> Option<ConnectionError> {
    chain(error).find_map(|error| error.downcast_ref::<Error>()).map(in_words)
}

/// Says what an error of the handshake means; this takes account of connections that just end.
#[must_use]
pub fn explain_handshake(error: &(dyn StdError + 'static)) -> Option<ConnectionError> {
    let is_not_tls =
        |error: &Error| matches!(error, Error::InvalidMessage(InvalidMessage::InvalidContentType));
    if chain(error).find_map(|error| error.downcast_ref()).is_some_and(is_not_tls) {
        return Some(ConnectionError::SpeaksNoTls);
    }
    explain(error).or_else(|| {
        let how = chain(error).find_map(|error| error.downcast_ref().and_then(ending))?;
        Some(ConnectionError::MuteInHandshake { how })
    })
}

/// Says what an error of the handshake means when the server has already sent something of TLS.
///
/// It never advises to go on without TLS.
#[must_use]
pub fn explain_begun_handshake(error: &(dyn StdError + 'static)) -> Option<ConnectionError> {
    explain(error).or_else(|| {
        let how = chain(error).find_map(|error| error.downcast_ref().and_then(ending))?;
        Some(ConnectionError::Tls(format!(
            "the server {how} the connection in the middle of the TLS handshake: it may refuse the client \
             without saying why"
        )))
    })
}

fn in_words(error: &Error) -> ConnectionError {
    ConnectionError::Tls(match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "something that is not TLS came on a connection that had been secured: the server, or what \
             stands between, is broken, or somebody interferes with the connection"
                .to_owned()
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => NO_VERSION.to_owned(),
        error => format!("the TLS connection failed: {error}"),
    })
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the certificate of the server was not signed by a CA that is trusted here: add the \
             certificate of its CA to the trusted ones"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "the certificate of the server bears the name of a trusted CA, but was not signed with its \
             key: if the CA was made anew under its old name, trust its new certificate"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            if presented.is_empty() {
                return format!(
                    "the certificate of the server is not valid for {expected}, nor for any other \
                     name: it has no subject alternative names, and a common name does not count; \
                     it has to be issued again with {expected} among them",
                );
            }
            let presented: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            format!(
                "the certificate of the server is not valid for {expected}, only for {}: use one of \
                 these names in the endpoint, or set the server name to check",
                presented.join(", "),
            )
        }
        error @ (CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYetContext { .. }) => {
            of_time("the certificate of the server", error)
        }
        CertificateError::Other(OtherError(error)) if error.is::<Flaw>() => {
            match error.downcast_ref() {
                Some(Flaw::Intermediate(error)) => {
                    let which = "an intermediate certificate, between that of the server and that of its CA,";
                    of_time(which, error) + ": the server has to send another one"
                }
                _ => error.to_string(),
            }
        }
        error if is_version_1(error) => {
            "the server shows a certificate of X.509 version 1, which can have neither names nor a purpose: \
             it has to be issued again as version 3, with the name of the server as a subject alternative \
             name (for openssl x509 -req, by -extfile)"
                .to_owned()
        }
        CertificateError::Revoked => "the certificate of the server is revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate of the server is not meant for servers: it has to be issued again with \
             the extended key usage serverAuth"
                .to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate of the server, or one above it, is signed in a way that is not accepted, \
             such as with SHA-1; it has to be issued again"
                .to_owned()
        }
        CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            "the server shows the certificate of a CA as its own: it needs one that is not marked as \
             a CA's"
                .to_owned()
        }
        error => format!("the certificate of the server cannot be accepted: {error}"),
    }
}

/// Whether a certificate is older than version 3. The type of this error is not exported.
pub(crate) fn is_version_1(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(error)
        if format!("{error:?}").contains("UnsupportedCertVersion"))
}

fn of_time(which: &str, error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "{which} expired at {}; it is {} now by this machine's clock",
            rfc3339(*not_after),
            rfc3339(*time),
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "{which} is not valid before {}; it is {} now by this machine's clock",
            rfc3339(*not_before),
            rfc3339(*time),
        ),
        error => format!("{which} cannot be accepted: {error}"),
    }
}

/// What a server means that ends the connection with an alert.
fn of_alert(alert: AlertDescription) -> String {
    let what = match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a client certificate and got none"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => {
            "the server wants a client certificate that it accepts: give one, signed by a CA that \
             the server trusts and meant for clients"
        }
        AlertDescription::UnknownCA => {
            "the server does not trust the CA that signed the client certificate"
        }
        AlertDescription::CertificateExpired => {
            "the client certificate has expired, says the server"
        }
        AlertDescription::CertificateRevoked => {
            "the client certificate is revoked, says the server"
        }
        AlertDescription::ProtocolVersion => NO_VERSION,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the server found nothing in common with this client: it may want other cipher suites, \
             or a client certificate"
        }
        AlertDescription::UnrecognisedName => {
            "the server has no certificate for this name: use another name in the endpoint, or set \
             the server name to check"
        }
        AlertDescription::NoApplicationProtocol => {
            "the server does not speak HTTP/1.1 on this port: where gRPC has a port of its own, use a \
             URL of --listen-client-http-urls"
        }
        _ => "the server ended the TLS connection",
    };
    format!("{what} (TLS alert {alert:?})")
}

/// `DnsName("a")` and the like without the clothes.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

pub(crate) fn rfc3339(time: UnixTime) -> String {
    let seconds = Duration::from_secs(time.as_secs().min(LAST_SECOND));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + seconds).to_string()
}

/// The last second of the year 9999, where the format ends.
const LAST_SECOND: u64 = 253_402_300_799;

const NO_VERSION: &str = "the server speaks no version of TLS that is allowed here: 1.2 and 1.3, or \
                          from the minimum version on that is set";
