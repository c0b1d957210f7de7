//! Having a say in redirects.

use std::fmt;
use std::sync::Arc;

use http::{StatusCode, Uri};

/// A check that is asked before a redirect is followed; see
/// [`Policy::check_redirect`](crate::Policy::check_redirect).
#[derive(Clone)]
pub struct CheckRedirect(Arc<Check>);

type Check = dyn Fn(&Redirect<'_>) -> Result<(), String> + Send + Sync;

impl CheckRedirect {
    /// A check that allows a redirect by `Ok`, or gives the reason against it.
    ///
    /// ```
    /// use etcd_v2_proto::{CheckRedirect, Policy};
    ///
    /// let mut policy = Policy::default();
    /// policy.check_redirect = Some(CheckRedirect::new(|redirect| match redirect.followed {
    ///     0..=2 => Ok(()),
    ///     _ => Err("three are enough".to_owned()),
    /// }));
    /// ```
    pub fn new(
        check: impl Fn(&Redirect<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(check))
    }

    pub(crate) fn ask(&self, redirect: &Redirect<'_>) -> Result<(), String> {
        (self.0)(redirect)
    }
}

impl fmt::Debug for CheckRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckRedirect").finish_non_exhaustive()
    }
}

/// A redirect that is about to be followed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Redirect<'a> {
    /// The status of the answer: 301, 302, 307 or 308.
    pub status: StatusCode,
    /// Whereto, in full.
    pub target: &'a Uri,
    /// How many redirects of this attempt were followed before.
    pub followed: u32,
}
