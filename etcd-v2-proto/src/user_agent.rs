//! The name that a client goes by.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::error::Invalid;

/// The value of the `User-Agent` header, which servers and proxies write to their logs; see
/// [`Policy::user_agent`](crate::Policy::user_agent).
///
/// ```
/// use etcd_v2_proto::{Policy, UserAgent};
///
/// let mut policy = Policy::default();
/// policy.user_agent = UserAgent::new("inventory/1.0")?;
///
/// let error = UserAgent::new("inventory/1.0\r\nX: y").unwrap_err();
/// assert_eq!(error.field, "user agent");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct UserAgent(HeaderValue);

impl UserAgent {
    /// A name such as `inventory/1.0`, perhaps several with spaces between them.
    ///
    /// # Errors
    /// One that is empty, begins or ends with a space, or has other characters than spaces and the
    /// visible ones of ASCII.
    pub fn new(name: &str) -> Result<Self, Invalid> {
        let refuse = |reason| Err(Invalid::new("user agent", format!("{name:?} {reason}")));
        if name.is_empty() {
            return refuse("is empty");
        }
        if name.starts_with(' ') || name.ends_with(' ') {
            return refuse("begins or ends with a space");
        }
        if let Some(odd) = name.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
            return refuse(&format!("has the character {odd:?}; only visible ones of ASCII go"));
        }
        match HeaderValue::from_str(name) {
            Ok(value) => Ok(Self(value)),
            Err(error) => refuse(&error.to_string()),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl Default for UserAgent {
    /// `etcd-v2-rust/` and the version of this crate.
    fn default() -> Self {
        Self(HeaderValue::from_static(concat!("etcd-v2-rust/", env!("CARGO_PKG_VERSION"))))
    }
}

impl FromStr for UserAgent {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserAgent({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_through_as_they_are() {
        for name in ["x", "inventory/1.0", "inventory/1.0 (host a; pid 7) etcd-v2-rust/0.1.0"] {
            let agent = UserAgent::new(name).unwrap();
            assert_eq!((agent.as_str(), agent.header().to_str().unwrap()), (name, name));
            assert_eq!(name.parse(), Ok(agent));
        }
        assert!(UserAgent::default().as_str().starts_with("etcd-v2-rust/"));
    }

    #[test]
    fn names_that_could_break_a_header_are_refused_by_name() {
        for name in ["", " x", "x ", "a\r\nX: y", "a\nb", "a\tb", "a\0b", "a\u{7f}", "ä", "\u{85}"]
        {
            let error = UserAgent::new(name).unwrap_err();
            assert_eq!(error.field, "user agent", "{name:?}");
            assert!(error.reason.contains(&format!("{name:?}")), "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
}
