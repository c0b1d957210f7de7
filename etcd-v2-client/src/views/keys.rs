//! The keys API as methods, in both colours from one table.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::keys::{Change, Delete, Get, Key, KeysRequest, Push, Set, Wait};
use etcd_v2_proto::{Error, Invalid};

use super::methods;
use crate::{Client, Mirror, Watch, blocking, mirror};

/// The keys API, for asynchronous callers; see [`Client::keys`].
///
/// The methods are for the plain forms of the [requests](crate::keys); for the others, build a
/// request and [`send`](Self::send) it.
///
/// ```no_run
/// # async fn example(client: etcd_v2_client::Client) -> Result<(), etcd_v2_client::Error> {
/// use etcd_v2_client::keys::Set;
/// use std::time::Duration;
///
/// let keys = client.keys();
/// let lock = keys.send(Set::create("/lock", "me").ttl(Duration::from_secs(30))).await?;
/// println!("locked at index {:?}", lock.index());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Keys {
    pub(crate) client: Client,
    pub(crate) space: Space,
}

/// The keys API, for callers that block their thread; see [`blocking::Client::keys`].
///
/// The methods are for the plain forms of the [requests](crate::keys); for the others, build a
/// request and [`send`](Self::send) it.
#[derive(Clone, Debug)]
pub struct BlockingKeys {
    pub(crate) client: blocking::Client,
    pub(crate) space: Space,
}

impl Keys {
    /// Sends a request to this key space.
    ///
    /// # Errors
    /// Whatever may go wrong; [`Error::outcome`] tells what became of the request.
    pub async fn send<R: KeysRequest>(&self, request: R) -> Result<R::Output, Error> {
        self.client.send(self.space.aim(request)).await
    }

    /// Watches a key: every change after the index that the [`Wait`] names, or else after "now", which is
    /// when the first change is asked for. Nothing is sent before that.
    ///
    /// To miss nothing, read first and watch [since](Wait::since) that read, or, if there was nothing to
    /// read, [after](Wait::after) the index of the [refusal](crate::EtcdError::index).
    ///
    /// What to watch is said by the [`Wait`] (recursively, from where on, as a stream), how patiently by
    /// the policy of the client: [`watch_idle`](crate::Policy::watch_idle),
    /// [`watch_pause`](crate::Policy::watch_pause), [`wait_head`](crate::Policy::wait_head).
    pub fn watch(&self, wait: impl Into<Wait>) -> Watch {
        Watch::new(&self.client.inner, self.space.aim(wait.into()))
    }

    /// Keeps a local copy of a key and everything below it; see [`Mirror`]. The copy is to be read
    /// through the first of the two, and is kept up to date by whoever drives the second.
    ///
    /// With [`Get::quorum`], each listing goes through consensus.
    pub fn mirror(&self, get: impl Into<Get>) -> (Mirror, mirror::Updates) {
        mirror::begin(&self.client.inner, self.space.aim(get.into()))
    }

    /// The same API with this key for its root: it is put before all keys that are given, and taken
    /// off all that are told, those in errors included.
    ///
    /// In it, the empty key is the root as it was given, and `/` the root with a
    /// [final slash](crate::keys::Key#the-final-slash).
    ///
    /// # Errors
    /// A key with a segment `.` or `..`.
    pub fn chroot(&self, root: &str) -> Result<Self, Error> {
        Ok(Self { client: self.client.clone(), space: self.space.below(root)? })
    }
}

impl BlockingKeys {
    /// Sends a request to this key space.
    ///
    /// # Errors
    /// Whatever may go wrong; [`Error::outcome`] tells what became of the request.
    pub fn send<R: KeysRequest>(&self, request: R) -> Result<R::Output, Error> {
        self.client.send(self.space.aim(request))
    }

    /// Watches a key: every change after the index that the [`Wait`] names, or else after "now", which is
    /// when the first change is asked for. Nothing is sent before that.
    ///
    /// To miss nothing, read first and watch [since](Wait::since) that read, or, if there was nothing to
    /// read, [after](Wait::after) the index of the [refusal](crate::EtcdError::index).
    ///
    /// What to watch is said by the [`Wait`] (recursively, from where on, as a stream), how patiently by
    /// the policy of the client: [`watch_idle`](crate::Policy::watch_idle),
    /// [`watch_pause`](crate::Policy::watch_pause), [`wait_head`](crate::Policy::wait_head).
    pub fn watch(&self, wait: impl Into<Wait>) -> blocking::Watch {
        blocking::Watch::new(&self.client.inner, self.space.aim(wait.into()))
    }

    /// Keeps a local copy of a key and everything below it; see [`Mirror`]. The copy is to be read
    /// through the first of the two, and is kept up to date by whoever drives the second.
    ///
    /// With [`Get::quorum`], each listing goes through consensus.
    pub fn mirror(&self, get: impl Into<Get>) -> (Mirror, blocking::Updates) {
        blocking::Updates::begin(&self.client.inner, self.space.aim(get.into()))
    }

    /// The same API with this key for its root: it is put before all keys that are given, and taken
    /// off all that are told, those in errors included.
    ///
    /// In it, the empty key is the root as it was given, and `/` the root with a
    /// [final slash](crate::keys::Key#the-final-slash).
    ///
    /// # Errors
    /// A key with a segment `.` or `..`.
    pub fn chroot(&self, root: &str) -> Result<Self, Error> {
        Ok(Self { client: self.client.clone(), space: self.space.below(root)? })
    }
}

/// Where the keys of a view are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    pub(crate) prefix: Option<Arc<str>>,
    root: Option<Key>,
}

impl Space {
    pub(crate) const fn at(prefix: Option<Arc<str>>) -> Self {
        Self { prefix, root: None }
    }

    fn below(&self, root: &str) -> Result<Self, Invalid> {
        let root = match &self.root {
            Some(outer) => outer.join(root)?,
            None => root.parse()?,
        };
        Ok(Self { root: Some(root), ..self.clone() })
    }

    pub(super) fn aim<R: KeysRequest>(&self, request: R) -> R {
        let request = match &self.prefix {
            Some(prefix) => request.with_prefix(Arc::clone(prefix)),
            None => request,
        };
        match &self.root {
            Some(root) => request.with_root(root.clone()),
            None => request,
        }
    }
}

methods! {
    Keys, BlockingKeys, send;

    /// Reads a file, or lists the children of a directory, as one member has it (code 100 if there is
    /// neither). See [`Get`].
    fn get(key: impl Into<String>) -> Change = Get::new(key);

    /// Lists everything below a directory, sorted by key. See [`Get`].
    fn list(key: impl Into<String>) -> Change = Get::new(key).recursive().sorted();

    /// Writes a value, whatever was there, for good. See [`Set`].
    fn set(key: impl Into<String>, value: impl Into<String>) -> Change = Set::new(key, value);

    /// Writes a value that lives for `ttl`, in whole seconds, rounded up. See [`Set::ttl`].
    fn set_for(key: impl Into<String>, value: impl Into<String>, ttl: Duration) -> Change =
        Set::new(key, value).ttl(ttl);

    /// Writes a value if the key does not exist (code 105 if it does). See [`Set::create`].
    fn create(key: impl Into<String>, value: impl Into<String>) -> Change =
        Set::create(key, value);

    /// Writes a value if the key exists (code 100 if not). See [`Set::update`].
    fn update(key: impl Into<String>, value: impl Into<String>) -> Change =
        Set::update(key, value);

    /// Writes a value if the key was last modified at `index` (code 101 if not). See [`Set::if_index`].
    fn compare_and_swap(
        key: impl Into<String>, index: u64, value: impl Into<String>
    ) -> Change = Set::new(key, value).if_index(index);

    /// Creates a file in a directory, under a name greater than all before. See [`Push`].
    fn push(directory: impl Into<String>, value: impl Into<String>) -> Change =
        Push::new(directory, value);

    /// Makes a directory where there is nothing yet (code 105 if there is something). See [`Set::mkdir`].
    fn mkdir(key: impl Into<String>) -> Change = Set::mkdir(key);

    /// Renews the time to live of a file or directory, in whole seconds, rounded up, and notifies no watcher.
    ///
    /// It has no condition, so it also extends a key that another client created meanwhile. To keep a lock or a lease,
    /// refresh by the index: see [`Set::refresh`].
    fn refresh(key: impl Into<String>, ttl: Duration) -> Change = Set::refresh(key, ttl);

    /// Deletes a file. See [`Delete`].
    fn delete(key: impl Into<String>) -> Change = Delete::new(key);

    /// Deletes a file if it was last modified at `index` (code 101 if not). See [`Delete::if_index`].
    fn compare_and_delete(key: impl Into<String>, index: u64) -> Change =
        Delete::new(key).if_index(index);

    /// Deletes a file or an empty directory. See [`Delete::directory`].
    fn delete_dir(key: impl Into<String>) -> Change = Delete::new(key).directory();

    /// Deletes a file, or a directory with everything below it. See [`Delete::recursive`].
    fn delete_all(key: impl Into<String>) -> Change = Delete::new(key).recursive();

    /// Waits for one change, without an end. See [`Wait`].
    fn wait(wait: impl Into<Wait>) -> Change = wait.into();
}
