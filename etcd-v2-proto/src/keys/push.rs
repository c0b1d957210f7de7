//! Creating keys in order.

use std::time::Duration;

use http::Method;

use crate::encoding::{FORM, Pairs};
use crate::error::{ErrorKind, EtcdError, Invalid};
use crate::policy::Consistency;
use crate::request::{Document, Encoded, Purpose, Request};

use super::change::{Change, ChangeKind};
use super::expected::{Expected, Place};
use super::mark::{Mark, What};
use super::target::{Target, keys_request};
use super::ttl::Ttl;

/// Creates a key in a directory, under a name that is greater than all before: `POST /v2/keys/…`.
///
/// The name, 20 digits, is in the answer's node. Servers up to etcd 2.1 do not pad it: among such names the
/// order of creation is that of the numbers, and that of a [`sorted`](super::Get::sorted) listing. If the answer is lost, nobody knows whether the key
/// was created; give it a unique value, so that it can be [looked for](crate::Resolve).
///
/// ```
/// use etcd_v2_proto::Request;
/// use etcd_v2_proto::keys::Push;
///
/// let job = Push::new("/queue", "job 1").encode()?;
/// assert_eq!(job.method, "POST");
/// assert_eq!(job.body.unwrap().1, "value=job+1");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Push {
    target: Target,
    /// None for a directory.
    value: Option<String>,
    ttl: Ttl,
}

impl Push {
    /// Creates a file with this value.
    pub fn new(directory: impl Into<String>, value: impl Into<String>) -> Self {
        Self { target: Target::new(directory), value: Some(value.into()), ttl: Ttl::Absent }
    }

    /// Creates a directory (`dir`).
    pub fn directory(directory: impl Into<String>) -> Self {
        Self { target: Target::new(directory), value: None, ttl: Ttl::Absent }
    }

    /// Lets the key live that long (`ttl`), rounded up to whole seconds; zero is refused.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::Live(ttl);
        self
    }
}

impl Request for Push {
    type Output = Change;

    fn encode(&self) -> Result<Encoded, Invalid> {
        let mut query = Pairs::after_path(self.target.path()?);
        query.flag_if("dir", self.value.is_none());
        let mut form = Pairs::form();
        self.ttl.encode(&mut form)?;
        if let Some(value) = &self.value {
            form.text("value", value);
        }
        Encoded::new(Method::POST, query.finish(), Purpose::Write)
            .and_then(|encoded| encoded.held_to(Consistency::Quorum).with_body(FORM, form.finish()))
    }

    fn localize_error(&self, error: &mut EtcdError) {
        self.target.localize_error(error);
    }

    fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        let expected =
            Expected { place: Place::Child, ..Expected::new(&self.target, &ChangeKind::Create) };
        self.target.decode_expected(document, expected)
    }

    /// None for a directory, which has nothing to tell it from others.
    fn mark(&self) -> Option<Mark> {
        let what = What::Child(self.value.clone()?);
        Some(Mark::new(&self.target, ChangeKind::Create, what, None))
    }
}

keys_request!(Push);
