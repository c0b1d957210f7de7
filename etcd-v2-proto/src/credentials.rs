//! Who the caller is: never shown, forgotten when dropped.

mod provider;

pub use provider::CredentialsProvider;
pub(crate) use provider::{Login, differing};

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::error::Invalid;

/// A user name and a password for etcd's Basic authentication.
///
/// The server hashes the password for every request, which costs it about a tenth of a second; a
/// client certificate costs nothing. The password is shown nowhere, and what this value keeps of it is
/// wiped from memory when its last copy is dropped. That does not reach what the caller or a transport
/// keeps: the text that the password was given in, a URL say, and the buffers of requests on their way.
///
/// ```
/// use etcd_v2_proto::Credentials;
///
/// let credentials = Credentials::new("root", "secret")?;
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { user: "root", password: *** }"#);
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Arc<str>,
    /// The value of the `Authorization` header.
    header: Arc<Zeroizing<Vec<u8>>>,
}

impl Credentials {
    /// A user name and a password.
    ///
    /// # Errors
    /// An empty user name, or one with a colon or a control character: it could never log in.
    pub fn new(user: &str, password: &str) -> Result<Self, Invalid> {
        if user.is_empty() {
            return Err(Invalid::new("user name", "is empty"));
        }
        if user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(Invalid::new("user name", "has a colon or a control character"));
        }
        // With room for all of it, so that growing leaves no copy behind.
        let mut clear = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
        for part in [user, ":", password] {
            clear.push_str(part);
        }
        let mut header = Zeroizing::new(vec![0; SCHEME.len() + clear.len().div_ceil(3) * 4]);
        header[..SCHEME.len()].copy_from_slice(SCHEME);
        // Straight to its place: other ways go through a buffer on the stack, which nobody wipes.
        STANDARD
            .encode_slice(clear.as_bytes(), &mut header[SCHEME.len()..])
            .map_err(|error| Invalid::new("credentials", error.to_string()))?;
        Ok(Self { user: user.into(), header: Arc::new(header) })
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        // Base64 has only characters that a header may have, so there always is one.
        let mut value = HeaderValue::from_bytes(&self.header).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Credentials {
    /// What must not be shown: the Base64 form of user name and password, and the password.
    pub(crate) fn secrets(&self) -> [Zeroizing<Vec<u8>>; 2] {
        let encoded = &self.header[SCHEME.len()..];
        let clear = Zeroizing::new(STANDARD.decode(encoded).unwrap_or_default());
        let password = clear.get(self.user.len() + 1..).unwrap_or_default();
        [Zeroizing::new(encoded.to_vec()), Zeroizing::new(password.to_vec())]
    }
}

/// How the value of the `Authorization` header begins.
const SCHEME: &[u8] = b"Basic ";

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("password", &format_args!("***"))
            .finish()
    }
}
