//! The verifier of rustls, which says of more errors which certificate is at fault.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::error::Invalid;
use crate::tls::certificate::{Certificate, rsa_bits_of};
use crate::tls::explain::rfc3339;

/// Accepts and rejects what rustls does.
#[derive(Debug)]
pub(crate) struct Verifier {
    roots: Arc<RootCertStore>,
    inner: Arc<WebPkiServerVerifier>,
}

/// What rustls does not say of a chain of certificates.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Flaw {
    #[error(
        "a certificate of the server, or of the CA that signed it, has an RSA key of {bits} bits, and keys \
         below 2048 and above 8192 bits are not accepted: it has to be issued again with another key"
    )]
    KeySize { bits: usize },

    /// A certificate between that of the server and that of a trusted CA.
    #[error("{0}")]
    Intermediate(CertificateError),
}

impl Verifier {
    /// # Errors
    /// When there is no CA to trust.
    pub(crate) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Invalid> {
        let roots = Arc::new(roots);
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider)
            .build()
            .map_err(|error| Invalid::new("CA certificates", error.to_string()))?;
        Ok(Self { roots, inner })
    }

    #[cold]
    fn explain(
        &self,
        error: Error,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Error {
        let Error::InvalidCertificate(error) = error else { return error };
        let certificates = || intermediates.iter().chain([server]).filter_map(Certificate::read);
        let own = Certificate::read(server);
        let flaw = match &error {
            CertificateError::BadSignature => {
                let is_issuer = |subject: &[u8]| certificates().any(|it| it.issuer == subject);
                let anchors = self.roots.roots.iter().filter(|it| is_issuer(&it.subject));
                let bits = intermediates.iter().filter_map(Certificate::read);
                let bits = bits.filter_map(|it| it.rsa_bits());
                bits.chain(anchors.filter_map(rsa_bits_of)).find_map(of_key_size)
            }
            CertificateError::ExpiredContext { not_after, .. } => own
                .filter(|own| !own.not_after.ends_with(&digits(*not_after)))
                .map(|_| Flaw::Intermediate(error.clone())),
            CertificateError::NotValidYetContext { not_before, .. } => own
                .filter(|own| !own.not_before.ends_with(&digits(*not_before)))
                .map(|_| Flaw::Intermediate(error.clone())),
            _ => None,
        };
        match flaw {
            Some(flaw) => CertificateError::Other(OtherError(Arc::new(flaw))).into(),
            None => error.into(),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(server, intermediates, name, ocsp_response, now)
            .map_err(|error| self.explain(error, server, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.inner.verify_tls12_signature(message, certificate, signature);
        verified.map_err(|error| of_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.inner.verify_tls13_signature(message, certificate, signature);
        verified.map_err(|error| of_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Says of a signature in the handshake that fails whether that is because of the size of the key.
pub(crate) fn of_signature(error: Error, certificate: &CertificateDer<'_>) -> Error {
    if !matches!(error, Error::InvalidCertificate(CertificateError::BadSignature)) {
        return error;
    }
    let bits = Certificate::read(certificate).and_then(|it| it.rsa_bits());
    match bits.and_then(of_key_size) {
        Some(flaw) => CertificateError::Other(OtherError(Arc::new(flaw))).into(),
        None => error,
    }
}

fn of_key_size(bits: usize) -> Option<Flaw> {
    (!(2048..=8192).contains(&bits)).then_some(Flaw::KeySize { bits })
}

/// The end of a time in a certificate, with two digits of the year.
fn digits(time: UnixTime) -> Vec<u8> {
    let text = rfc3339(time).replace(['-', 'T', ':'], "");
    text.as_bytes().get(2..).unwrap_or_default().to_vec()
}
