//! How a server secures its port for clients.

use std::path::Path;

use anyhow::Result;

use crate::certificates::{self, Authority, Pair};

/// TLS for clients: what the server shows them, and what it wants to see.
#[derive(Clone, Copy, Debug)]
pub struct Security<'a> {
    shown: &'a Pair,
    clients: Option<&'a Authority>,
}

impl<'a> Security<'a> {
    /// A server that shows this certificate to everybody.
    #[must_use]
    pub const fn showing(shown: &'a Pair) -> Self {
        Self { shown, clients: None }
    }

    /// The same, but it lets in only those who show a certificate that this authority has signed.
    #[must_use]
    pub const fn admitting(self, clients: &'a Authority) -> Self {
        Self { clients: Some(clients), ..self }
    }

    /// What a server is told of it; the files are written into the directory.
    pub(super) fn flags(&self, folder: &Path) -> Result<Vec<String>> {
        let (certificate, key) = self.shown.save(folder, "server")?;
        let mut flags = vec![
            format!("--cert-file={}", certificate.display()),
            format!("--key-file={}", key.display()),
        ];
        if let Some(clients) = self.clients {
            let authority = certificates::save(folder, "clients-ca.pem", clients.pem())?;
            flags.push("--client-cert-auth=true".to_owned());
            flags.push(format!("--trusted-ca-file={}", authority.display()));
        }
        Ok(flags)
    }
}
