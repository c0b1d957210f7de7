//! Settings together with what rustls made of them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::error::Invalid;
use crate::tls::Tls;

/// How a transport secures its connections: [`Tls`], looked at once and for all.
///
/// By default, that is [`Tls::new`]. The CAs of the platform are then read when the first connection
/// needs them, so that a transport that never makes one does not.
#[derive(Clone, Default)]
pub struct Security {
    tls: Tls,
    /// Made at the first connection, unless the settings were given.
    config: OnceLock<Result<Arc<ClientConfig>, Invalid>>,
}

impl Security {
    /// Looks at the settings now.
    ///
    /// # Errors
    /// As [`Tls::client_config`].
    pub fn new(tls: Tls) -> Result<Self, Invalid> {
        let config = OnceLock::from(Ok(tls.client_config()?));
        Ok(Self { tls, config })
    }

    /// What a handshake with the server at `host` takes, which is written as in a URI: the
    /// configuration, always the same one, and the name to check its certificate for.
    ///
    /// # Errors
    /// As [`Tls::client_config`], each time, if nobody looked at the settings before; as
    /// [`Tls::server_name_for`].
    pub fn for_host(
        &self,
        host: &str,
    ) -> Result<(Arc<ClientConfig>, ServerName<'static>), Invalid> {
        let config = self.config.get_or_init(|| self.tls.client_config()).clone()?;
        Ok((config, self.tls.server_name_for(host)?))
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tls.fmt(f)
    }
}
