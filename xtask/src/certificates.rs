//! Certificates that are made on the spot, for servers and for those who talk to them.
//!
//! None of them is good for anything else: the keys are made for one run and never leave it.

mod server;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, date_time_ymd,
};

/// Somebody who signs certificates (a CA).
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one, which calls itself by this name.
    ///
    /// # Errors
    ///
    /// Fails if no certificate can be made, as do all methods here.
    pub fn new(name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = called(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().context(FAILED)?;
        let pem = params.self_signed(&key).context(FAILED)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Its own certificate, which is what those who trust it need.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for the host names and IP addresses of a server.
    ///
    /// # Errors
    ///
    /// Fails if a name cannot be one of a host.
    pub fn for_hosts(&self, names: &[&str]) -> Result<Pair> {
        self.sign(hosts(names)?)
    }

    /// The same, but its time was over long ago: with the year 2001.
    ///
    /// # Errors
    ///
    /// Fails if a name cannot be one of a host.
    pub fn expired(&self, names: &[&str]) -> Result<Pair> {
        let mut params = hosts(names)?;
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(params)
    }

    /// A certificate that has nothing but a common name (CN): that of a user, for a client. In those
    /// of servers a common name counts for nothing.
    ///
    /// # Errors
    ///
    /// Fails if no certificate can be made.
    pub fn for_user(&self, name: &str) -> Result<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name = called(name);
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair> {
        // A server of etcd is also a client of its own, with the same certificate.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().context(FAILED)?;
        let certificate = params.signed_by(&key, &self.issuer).context(FAILED)?.pem();
        Ok(Pair { certificate, key: key.serialize_pem() })
    }
}

impl Pair {
    /// Writes `NAME.pem` and `NAME-key.pem` into a directory, and tells their paths.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written.
    pub fn save(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let certificate = save(folder, &format!("{name}.pem"), &self.certificate)?;
        let key = save(folder, &format!("{name}-key.pem"), &self.key)?;
        Ok((certificate, key))
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Writes a PEM text into a directory, and tells its path.
///
/// # Errors
///
/// Fails if it cannot be written.
pub fn save(folder: &Path, name: &str, pem: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, pem).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn hosts(names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).context(FAILED)?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

fn called(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

const FAILED: &str = "cannot make a certificate";
