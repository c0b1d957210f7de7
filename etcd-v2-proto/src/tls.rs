//! How a connection is secured: whom to trust, who to be, and what went wrong in words.
//!
//! [`Tls`] is a plain value; a transport turns it into what [rustls] wants. [`explain()`] and
//! [`explain_handshake`] turn the errors of rustls into sentences that say what to do.
//!
//! # Cryptography
//!
//! rustls leaves it to a *provider*. One that the program has installed for the whole process
//! ([`CryptoProvider::install_default`]) is used as it is; otherwise that of the feature `ring`,
//! which is used for these connections only and not installed. With neither, every connection fails
//! with an error that says so. A program that wants another one, such as `aws-lc-rs` or a certified
//! one, installs it and leaves the feature `ring` out.

mod anyone;
mod certificate;
mod explain;
mod identity;
mod pem;
mod security;
#[cfg(feature = "ring")]
#[cfg(test)]
mod tests;
mod verifier;

pub use explain::{explain, explain_begun_handshake, explain_handshake};
/// The version of rustls that the settings are for.
pub use rustls;
pub use security::Security;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion};

use crate::error::Invalid;
use crate::tls::anyone::Anyone;
use crate::tls::identity::Identity;
use crate::tls::verifier::Verifier;

/// How to secure connections to `https` endpoints.
///
/// Unless told otherwise: the certificate authorities (CAs) of the platform are trusted, the
/// certificate has to be valid for the host of the endpoint, no client certificate is shown, and
/// TLS 1.2 is the oldest version spoken.
///
/// Nothing is checked before [`client_config`](Self::client_config), which the builders of the
/// transports call by way of [`Security::new`].
///
/// ```
/// # use etcd_v2_proto::tls::Tls;
/// # fn settings(ca: &[u8], certificate: &[u8], key: &[u8]) {
/// // The CA that signed the certificates of the cluster, and a certificate of one's own.
/// let tls = Tls::new().only_ca_pem(ca).identity_pem(certificate, key);
/// # drop(tls); }
/// ```
///
/// On most systems, the CAs of the platform are those that OpenSSL uses; the environment variables
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
#[derive(Clone, Default)]
#[must_use = "it does nothing until a transport gets it"]
pub struct Tls {
    /// CAs to trust in addition, each a PEM text.
    extra: Vec<Arc<[u8]>>,
    without_platform: bool,
    identity: Option<Identity>,
    server_name: Option<Arc<str>>,
    min_version: Option<TlsVersion>,
    anyone: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, the oldest that can be had.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl Tls {
    /// The settings that most clusters with public certificates need: none.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these certificates, too: one or more in PEM.
    ///
    /// A self-signed certificate of a server is trusted as well by giving it here.
    pub fn add_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.extra.push(pem.as_ref().into());
        self
    }

    /// Trusts these certificates as [`add_ca_pem`](Self::add_ca_pem) does, and none of the platform.
    pub fn only_ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.without_platform = true;
        self.add_ca_pem(pem)
    }

    /// Shows this certificate to servers that ask for one.
    ///
    /// `chain` is the certificate, followed by those between it and the CA if there are any;
    /// `key` is its private key, as PKCS#8, PKCS#1 or SEC1, not encrypted. Both are PEM and may be
    /// the same text. The key is shown nowhere, and wiped from memory when the last copy of these
    /// settings is dropped; what rustls and its provider make of it is theirs.
    pub fn identity_pem(mut self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Identity::new(chain.as_ref(), key.as_ref()));
        self
    }

    /// Checks the certificates of all servers for this DNS name or IP address, instead of for the
    /// host of their endpoint. Servers are told a DNS name (SNI).
    pub fn server_name(mut self, name: &str) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Speaks no version of TLS older than this.
    pub fn min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = Some(version);
        self
    }

    /// Accepts whatever certificate a server shows: anybody in between can read and change
    /// everything. For experiments only.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.anyone = true;
        self
    }

    /// What rustls has to know.
    ///
    /// This reads the CAs of the platform, so a transport does it once.
    ///
    /// # Errors
    /// What is wrong with which of the inputs; no certificate to trust at all; no cryptography. CAs
    /// of the platform that cannot be read are passed over as long as one can.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Invalid> {
        if let Some(name) = &self.server_name {
            parse_name(name)?;
        }
        let provider = provider()?;
        let versions: &[&SupportedProtocolVersion] = match self.min_version {
            None | Some(TlsVersion::V1_2) => &[&TLS13, &TLS12],
            Some(TlsVersion::V1_3) => &[&TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| Invalid::new("TLS version", error.to_string()))?;
        let builder: ConfigBuilder<ClientConfig, WantsClientCert> = if self.anyone {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone::new(provider)))
        } else {
            let verifier = Verifier::new(self.roots()?, provider)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => identity.configure(builder)?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// For which name to check the certificate of the server at `host`, which is written as in a
    /// URI: an IPv6 address may be in brackets.
    ///
    /// # Errors
    /// When it is neither a DNS name nor an IP address.
    pub fn server_name_for(&self, host: &str) -> Result<ServerName<'static>, Invalid> {
        parse_name(self.server_name.as_deref().unwrap_or(host))
    }

    fn roots(&self) -> Result<RootCertStore, Invalid> {
        let mut roots = RootCertStore::empty();
        for text in &self.extra {
            for certificate in pem::certificates("CA certificate", text)? {
                roots.add(certificate).map_err(|error| {
                    Invalid::new("CA certificate", format!("cannot be used: {error}"))
                })?;
            }
        }
        if self.without_platform {
            return Ok(roots);
        }
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let mut reason = "the platform has none: install its CA certificates \
                              (often a package named ca-certificates), or give a CA to trust"
                .to_owned();
            for error in found.errors {
                reason.push_str("; ");
                reason.push_str(&error.to_string());
            }
            return Err(Invalid::new("CA certificates", reason));
        }
        Ok(roots)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("extra_cas", &self.extra.len())
            .field("platform_cas", &!self.without_platform)
            .field("identity", &self.identity)
            .field("server_name", &self.server_name)
            .field("min_version", &self.min_version)
            .field("accepts_any_certificate", &self.anyone)
            .finish()
    }
}

fn provider() -> Result<Arc<CryptoProvider>, Invalid> {
    if let Some(installed) = CryptoProvider::get_default() {
        return Ok(Arc::clone(installed));
    }
    #[cfg(feature = "ring")]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "ring"))]
    Err(Invalid::new(
        "TLS settings",
        "there is no cryptography: switch on the feature `ring`, or install a provider of rustls \
         for the process (`CryptoProvider::install_default`)",
    ))
}

fn parse_name(host: &str) -> Result<ServerName<'static>, Invalid> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(ServerName::from(address));
    }
    ServerName::try_from(host.to_owned()).map_err(|_| {
        Invalid::new("server name", format!("{host:?} is neither a DNS name nor an IP address"))
    })
}
