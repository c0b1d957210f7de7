//! What a server in a test shows and asks for, in the terms of rustls.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{
    ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::{Authority, Pair};

impl Authority {
    /// A server at 127.0.0.1, also known as `localhost` and `etcd.test`.
    ///
    /// # Errors
    ///
    /// Fails if no certificate can be made.
    pub fn server(&self) -> Result<Arc<ServerConfig>> {
        self.for_hosts(&["127.0.0.1", "localhost", "etcd.test"])?.server(ALL_VERSIONS, None)
    }
}

impl Pair {
    /// A server that speaks these versions of TLS, shows this certificate and, if there is such a CA,
    /// wants one of clients from it.
    ///
    /// # Errors
    ///
    /// Fails if rustls does not take them.
    pub fn server(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
    ) -> Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .context("cannot speak these versions of TLS")?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate(authority.pem())?).context("cannot trust the CA")?;
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = verifier.build().context("cannot check certificates of clients")?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).context("no private key")?;
        let config = builder.with_single_cert(vec![certificate(&self.certificate)?], key);
        Ok(Arc::new(config.context("cannot show this certificate")?))
    }
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_slice(pem.as_bytes()).context("no certificate")
}
