//! As whom to ask: nobody, always the same user, or whoever a provider names.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::credentials::Credentials;
use crate::error::{ErrorKind, Invalid};

/// Says as whom to ask, each time anew, so that a password can change while the client runs.
///
/// It is asked when a call begins, before each wait of a watch and before each request of a longer
/// conversation such as a sync. All attempts of one request, at whichever endpoints, use the same answer. A
/// connection on which a wait is open keeps the credentials that it was opened with: the server checks
/// them once, at its beginning.
///
/// It is asked on the thread or in the task of the call, so it must not take long: keep the password in
/// memory, and have something else fetch it there.
///
/// | answer | what happens |
/// |---|---|
/// | `Ok(Some(…))` | the request goes out as this user |
/// | `Ok(None)` | the request goes out as nobody; the server gives it the rights of its role `guest` |
/// | `Err(…)` | nothing is sent: the call fails with [`ErrorKind::NoCredentials`], a watch tells so and asks again after a pause |
///
/// A function will do, and so will an [`Arc`] of a provider. A user name that cannot be one is an error of
/// [`Credentials::new`], which is passed on with `?`:
///
/// ```
/// use std::sync::{Arc, RwLock};
///
/// use etcd_v2_proto::{Cluster, Credentials};
///
/// let password = Arc::new(RwLock::new("first".to_owned()));
/// let current = Arc::clone(&password);
/// let provider = move || {
///     let password = current.read().map_err(|error| error.to_string())?;
///     Ok(Some(Credentials::new("app", &password)?))
/// };
/// let cluster = Cluster::parse(["http://10.0.0.1:2379"])?.with_provider(Arc::new(provider))?;
/// *password.write().map_err(|error| error.to_string())? = "second".to_owned();
/// # drop(cluster);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait CredentialsProvider: Send + Sync {
    /// As whom to ask from now on.
    ///
    /// # Errors
    /// Why nobody knows. It is shown, so it must not hold a secret.
    fn credentials(&self) -> Result<Option<Credentials>, Box<dyn StdError + Send + Sync>>;
}

impl<F> CredentialsProvider for F
where
    F: Fn() -> Result<Option<Credentials>, Box<dyn StdError + Send + Sync>> + Send + Sync,
{
    fn credentials(&self) -> Result<Option<Credentials>, Box<dyn StdError + Send + Sync>> {
        self()
    }
}

impl<P: CredentialsProvider + ?Sized> CredentialsProvider for Arc<P> {
    fn credentials(&self) -> Result<Option<Credentials>, Box<dyn StdError + Send + Sync>> {
        (**self).credentials()
    }
}

/// As whom to ask.
#[derive(Clone, Default)]
pub(crate) enum Login {
    #[default]
    Nobody,
    Fixed(Credentials),
    Provided(Arc<dyn CredentialsProvider>),
}

impl Login {
    /// Who that is at this moment.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, ErrorKind> {
        match self {
            Self::Nobody => Ok(None),
            Self::Fixed(credentials) => Ok(Some(credentials.clone())),
            Self::Provided(provider) => provider.credentials().map_err(ErrorKind::NoCredentials),
        }
    }

    /// Whether no request has credentials.
    pub(crate) const fn is_nobody(&self) -> bool {
        matches!(self, Self::Nobody)
    }

    /// Who that always is.
    pub(crate) const fn fixed(&self) -> Option<&Credentials> {
        match self {
            Self::Fixed(credentials) => Some(credentials),
            Self::Nobody | Self::Provided(_) => None,
        }
    }

    /// Asks as this user, unless somebody else is asked as already.
    pub(crate) fn fix(&mut self, credentials: Credentials) -> Result<(), Invalid> {
        match self {
            Self::Nobody => *self = Self::Fixed(credentials),
            Self::Fixed(own) if *own == credentials => {}
            Self::Fixed(_) => return Err(differing()),
            Self::Provided(_) => return Err(ambiguous()),
        }
        Ok(())
    }

    /// Asks as whomever the provider names, unless there is a user already.
    pub(crate) fn provide(
        &mut self,
        provider: Arc<dyn CredentialsProvider>,
    ) -> Result<(), Invalid> {
        match self {
            Self::Nobody => *self = Self::Provided(provider),
            Self::Fixed(_) | Self::Provided(_) => return Err(ambiguous()),
        }
        Ok(())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Fixed(credentials) => credentials.fmt(f),
            Self::Provided(_) => f.write_str("whomever the provider names"),
        }
    }
}

pub(crate) fn differing() -> Invalid {
    let reason = "differ: one client is one user, so give the same user information everywhere";
    Invalid::new("credentials", reason)
}

fn ambiguous() -> Invalid {
    let reason = "come from a provider and from elsewhere: give a provider, or a user name with a \
                  password, or user information in the endpoints";
    Invalid::new("credentials", reason)
}
