//! The certificate and key that a client shows.

use std::fmt;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::{ClientConfig, ConfigBuilder, Error, InconsistentKeys};
use zeroize::Zeroizing;

use crate::error::Invalid;
use crate::tls::certificate::Certificate;
use crate::tls::explain::is_version_1;
use crate::tls::pem;

/// A certificate chain and its private key, both PEM, neither looked at yet.
#[derive(Clone)]
pub(crate) struct Identity {
    chain: Arc<[u8]>,
    key: Arc<Zeroizing<Vec<u8>>>,
}

impl Identity {
    pub(crate) fn new(chain: &[u8], key: &[u8]) -> Self {
        Self { chain: chain.into(), key: Arc::new(Zeroizing::new(key.to_vec())) }
    }

    /// Makes rustls show it.
    pub(crate) fn configure(
        &self,
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ) -> Result<ClientConfig, Invalid> {
        let chain = pem::certificates(CERTIFICATE, &self.chain)?;
        let key = pem::private_key(KEY, &self.key)?;
        let bits = chain.first().and_then(Certificate::read).and_then(|it| it.rsa_bits());
        builder.with_client_auth_cert(chain, key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Invalid::new(KEY, "does not belong to the client certificate")
            }
            Error::InvalidCertificate(error) if is_version_1(&error) => {
                let reason = "is of X.509 version 1: it has to be issued again as version 3";
                Invalid::new(CERTIFICATE, reason)
            }
            Error::InvalidCertificate(error) => {
                Invalid::new(CERTIFICATE, format!("cannot be used: {error}"))
            }
            error => match bits.filter(|bits| *bits < 2048) {
                Some(bits) => {
                    let reason = format!("has {bits} bits; keys of RSA need 2048 or more");
                    Invalid::new(KEY, reason)
                }
                None => Invalid::new(KEY, format!("cannot be used: {error}")),
            },
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

const CERTIFICATE: &str = "client certificate";
const KEY: &str = "client key";
