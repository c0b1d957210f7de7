//! Writing keys.

use std::time::Duration;

use http::Method;

use crate::encoding::{FORM, Pairs};
use crate::error::{ErrorKind, EtcdError, Invalid, RefreshUnsupported};
use crate::policy::Consistency;
use crate::request::{Document, Encoded, Request};
use crate::tree::Node;

use super::change::{Change, ChangeKind};
use super::condition::Condition;
use super::expected::Expected;
use super::mark::{Mark, What};
use super::target::{Target, keys_request};
use super::ttl::Ttl;

/// Writes a file or makes a directory: `PUT /v2/keys/…`.
///
/// A write without a [`ttl`](Self::ttl) makes the key permanent, whatever it was before; only
/// [`refresh`](Self::refresh) keeps what it does not mention. Directories above the key are made as
/// needed.
///
/// ```
/// use std::time::Duration;
/// use etcd_v2_proto::Request;
/// use etcd_v2_proto::keys::Set;
///
/// let swap = Set::new("/leader", "b").if_index(7).ttl(Duration::from_secs(30));
/// assert_eq!(swap.encode()?.body.unwrap().1, "prevIndex=7&ttl=30&value=b");
///
/// let error = Set::new("/leader", "b").if_value("").encode().unwrap_err();
/// assert_eq!(error.field, "prevValue");
/// # Ok::<(), etcd_v2_proto::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Set {
    target: Target,
    content: Content,
    ttl: Ttl,
    condition: Condition,
    prev_exist: Option<bool>,
    no_value_on_success: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    File(String),
    Directory,
    /// The value that is there. A value given besides is kept only to be refused.
    Kept(String),
}

impl Set {
    /// Writes a value, whatever was there, except over a directory (code 102).
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            target: Target::new(key),
            content: Content::File(value.into()),
            ttl: Ttl::Absent,
            condition: Condition::default(),
            prev_exist: None,
            no_value_on_success: false,
        }
    }

    /// Writes a value only if the key does not exist (code 105 if it does).
    pub fn create(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(key, value).if_absent()
    }

    /// Writes a value only if the key exists (code 100 if it does not).
    pub fn update(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(key, value).if_exists()
    }

    /// Makes a directory where there is nothing yet (code 105 otherwise).
    pub fn mkdir(key: impl Into<String>) -> Self {
        Self::new(key, "").directory().if_absent()
    }

    /// Renews the time to live of a file or a directory and keeps its value (`refresh`).
    ///
    /// To keep a lock or a lease, refresh by the index, and use the index that each response returns for the next
    /// refresh. The first index is that of the response that created the key:
    ///
    /// ```
    /// use std::time::Duration;
    /// use etcd_v2_proto::Request;
    /// use etcd_v2_proto::keys::Set;
    ///
    /// let ttl = Duration::from_secs(30);
    /// let refresh = Set::refresh("/lock", ttl).if_index(7);
    /// let form = refresh.encode()?.body.unwrap().1;
    /// assert_eq!(form, "prevExist=true&prevIndex=7&refresh=true&ttl=30&value=");
    /// # Ok::<(), etcd_v2_proto::Invalid>(())
    /// ```
    ///
    /// - Give each refresh a deadline well below the ttl, for example a third of it
    ///   ([`write_deadline`](crate::Policy::write_deadline)).
    /// - After a success, the key lives for at least one ttl, counted from the moment before that refresh was sent,
    ///   provided that the clocks of the members agree.
    /// - After an [unknown outcome](crate::Outcome::Unknown), send the refresh again by the same index. The history
    ///   has no refreshes, so it cannot [resolve](crate::Resolve) this one.
    /// - After code 101, read the key by a [quorum read](super::Get::quorum). If it still has your value and its
    ///   `createdIndex`, an earlier refresh of yours was applied: continue with its modified index, and count the
    ///   ttl from the first refresh whose outcome was unknown. Otherwise the lock is lost. It is also lost after
    ///   code 100.
    ///
    /// Other conditions are not safe for this:
    ///
    /// - **By the value** ([`if_value`](Self::if_value)), a refresh that the caller abandoned can still be applied
    ///   behind a later one. It then sets the expiry back to its own, earlier one. On three members, a refresh
    ///   that was abandoned after 1 s set the expiry back by 4.0 s behind a later, acknowledged one. By the index
    ///   this cannot happen: the later refresh changes the index, so the late one fails with code 101.
    /// - **Without a condition**, the same can happen, and the refresh also extends a key that another client created
    ///   after yours had expired. The response then has the value of the other one.
    ///
    /// Watchers are not notified, but each refresh takes one of the 1000 places in the history that watchers depend
    /// on. Needs etcd 2.3 or later; 2.3.0 to 2.3.5 damage their history by it.
    ///
    /// Servers before etcd 2.3 do not know the parameter. They erase the value of a file and report a
    /// success. The client sees that in the response and returns
    /// [`RefreshUnsupported`](crate::ErrorKind::RefreshUnsupported), with a guarded write that restores the
    /// value. With such servers, write the known value again instead:
    /// `Set::new(key, me).if_index(index).ttl(ttl)`. Watchers are notified of that.
    ///
    /// etcd 3.5 refuses this for directories, as it does every change to one that exists: with code 300
    /// and the cause `Not a file`. Nothing has happened then ([`Rejected`](crate::Outcome::Rejected)).
    pub fn refresh(key: impl Into<String>, ttl: Duration) -> Self {
        let mut refresh = Self::new(key, "").ttl(ttl).if_exists();
        refresh.content = Content::Kept(String::new());
        refresh
    }

    /// Writes this value.
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.content = match self.content {
            Content::Kept(_) => Content::Kept(value.into()),
            Content::File(_) | Content::Directory => Content::File(value.into()),
        };
        self
    }

    /// Makes a directory instead of a file (`dir`).
    ///
    /// As etcd has it, this **replaces a file** that is there; with [`if_exists`](Self::if_exists) it
    /// even **erases the value** of that file. [`mkdir`](Self::mkdir) does neither, and
    /// [`refresh`](Self::refresh) renews the time to live of a directory safely, before etcd 3.5.
    pub fn directory(mut self) -> Self {
        self.content = Content::Directory;
        self
    }

    /// Lets the key live that long (`ttl`), rounded up to whole seconds; zero is refused.
    ///
    /// The leader removes it then, up to half a second late, and not at all while there is no leader.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::Live(ttl);
        self
    }

    /// Makes the key permanent, in so many words: `ttl=`. Leaving the ttl out does the same.
    pub const fn without_ttl(mut self) -> Self {
        self.ttl = Ttl::Cleared;
        self
    }

    /// Only if this is the present value (`prevValue`; code 101 if not). An empty one is refused,
    /// since etcd cannot compare with it: use [`if_index`](Self::if_index).
    pub fn if_value(mut self, value: impl Into<String>) -> Self {
        self.condition.value = Some(value.into());
        self
    }

    /// Only if the key was last modified at this index (`prevIndex`; code 101 if not). Zero is
    /// refused, since etcd would ignore it.
    ///
    /// The one condition that a late copy cannot meet, so a client sends such a write again where its
    /// outcome is unknown, and finds out from the history whether it was its own copy if it is refused then.
    /// That goes by the value: a rival that replaces the same index by the very same value cannot be told
    /// apart, so let values say who wrote them.
    pub const fn if_index(mut self, index: u64) -> Self {
        self.condition.index = Some(index);
        self
    }

    /// Only if the key exists (`prevExist=true`; code 100 if not). Of this and
    /// [`if_absent`](Self::if_absent), the last one counts.
    pub const fn if_exists(mut self) -> Self {
        self.prev_exist = Some(true);
        self
    }

    /// Only if the key does not exist (`prevExist=false`; code 105 if it does).
    pub const fn if_absent(mut self) -> Self {
        self.prev_exist = Some(false);
        self
    }

    /// Leaves the nodes out of the answer (`noValueOnSuccess`, etcd 3.1 and later): its
    /// [`node`](Change::node) is none then, and its [`etcd_index`](Change::etcd_index) is that of the
    /// write.
    pub const fn no_value_on_success(mut self) -> Self {
        self.no_value_on_success = true;
        self
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.prev_exist == Some(false) && self.condition.is_some() {
            let reason = "cannot be false together with prevValue or prevIndex, \
                          which etcd would ignore";
            return Err(Invalid::new("prevExist", reason));
        }
        match &self.content {
            Content::Directory if self.condition.value.is_some() => {
                Err(Invalid::new("prevValue", "cannot be compared with a directory"))
            }
            Content::Kept(value) if !value.is_empty() => Err(Invalid::new(
                "value",
                "cannot be given to a refresh, which keeps what is there",
            )),
            Content::Kept(_) if !matches!(self.ttl, Ttl::Live(_)) => {
                Err(Invalid::new("ttl", "is missing from a refresh"))
            }
            _ => Ok(()),
        }
    }
}

impl Request for Set {
    type Output = Change;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.check()?;
        let mut query = Pairs::after_path(self.target.path()?);
        query.flag_if("dir", self.content == Content::Directory);
        query.flag_if("noValueOnSuccess", self.no_value_on_success);

        // The conditions are in the form: in the query, a long value would break the connection.
        let mut form = Pairs::form();
        if let Some(exist) = self.prev_exist {
            form.flag("prevExist", exist);
        }
        self.condition.encode(&mut form)?;
        form.flag_if("refresh", matches!(self.content, Content::Kept(_)));
        self.ttl.encode(&mut form)?;
        match &self.content {
            Content::File(value) | Content::Kept(value) => form.text("value", value),
            Content::Directory => {}
        }

        Encoded::new(Method::PUT, query.finish(), self.condition.purpose())
            .and_then(|encoded| encoded.held_to(Consistency::Quorum).with_body(FORM, form.finish()))
    }

    fn localize_error(&self, error: &mut EtcdError) {
        self.target.localize_error(error);
    }

    fn decode(&self, document: Document) -> Result<Change, ErrorKind> {
        let expected = Expected {
            may_lack_node: self.no_value_on_success,
            ..Expected::new(&self.target, self.action())
        };
        let change = self.target.decode_expected(document, expected)?;
        match self.content {
            Content::Kept(_) => kept(change),
            Content::File(_) | Content::Directory => Ok(change),
        }
    }

    fn mark(&self) -> Option<Mark> {
        let kind = self.action().clone();
        let what = match &self.content {
            Content::File(value) => What::File(value.clone()),
            Content::Directory => What::Directory,
            Content::Kept(_) => What::Kept,
        };
        Some(Mark::new(&self.target, kind, what, self.condition.index))
    }
}

impl Set {
    /// What the server makes of it.
    const fn action(&self) -> &'static ChangeKind {
        match self.prev_exist {
            _ if self.condition.is_some() => &ChangeKind::CompareAndSwap,
            Some(true) => &ChangeKind::Update,
            Some(false) => &ChangeKind::Create,
            None => &ChangeKind::Set,
        }
    }
}

/// The response to a refresh, unless it shows that the server does not know what that is.
fn kept(change: Change) -> Result<Change, ErrorKind> {
    let is_empty = change.node().is_some_and(|node| node.value().unwrap_or_default().is_empty());
    let before = change.previous().and_then(Node::value).filter(|value| !value.is_empty());
    match (before, change.index()) {
        (Some(value), Some(index)) if is_empty => {
            let key = change.key().unwrap_or_default().to_owned();
            Err(RefreshUnsupported { key, value: value.to_owned(), index }.into())
        }
        _ => Ok(change),
    }
}

keys_request!(Set);
