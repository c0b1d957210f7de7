//! A mirror of either colour, with what drives it.

use etcd_v2_client::keys::{Get, Node};
use etcd_v2_client::mirror::{Snapshot, Update};
use etcd_v2_client::{Error, Interrupt, Mirror};

use super::patience::{LONGEST, Limit};
use super::space::{Keys, Space};

/// The updates of a mirror, to be asked for one by one.
#[derive(Debug)]
pub(super) enum Updates {
    #[cfg(feature = "hyper")]
    Async(Box<etcd_v2_client::mirror::Updates>),
    #[cfg(feature = "ureq")]
    Blocking(Box<etcd_v2_client::blocking::Updates>),
}

/// What drives a mirror in the background, until it is dropped.
#[derive(Debug)]
pub(super) enum Driver {
    #[cfg(feature = "hyper")]
    Task(tokio::task::JoinHandle<Error>),
    #[cfg(feature = "ureq")]
    Thread { _thread: etcd_v2_client::blocking::MirrorThread },
}

/// A mirror of a key of a space.
pub(super) fn mirror(space: &Space, get: Get) -> (Mirror, Updates) {
    match &space.keys {
        #[cfg(feature = "hyper")]
        Keys::Async(it) => {
            let (mirror, updates) = it.mirror(get);
            (mirror, Updates::Async(Box::new(updates)))
        }
        #[cfg(feature = "ureq")]
        Keys::Blocking(it) => {
            let (mirror, updates) = it.mirror(get);
            (mirror, Updates::Blocking(Box::new(updates)))
        }
    }
}

/// A mirror of a whole space that has been listed, and is kept up to date.
pub(super) fn driven(space: &Space) -> (Mirror, Driver) {
    let (mirror, updates) = mirror(space, Get::new(space.at("")));
    let driver = updates.drive();
    synced(&mirror);
    (mirror, driver)
}

pub(super) fn synced(mirror: &Mirror) -> Snapshot {
    mirror.wait_until_synced().block_for(LONGEST).unwrap()
}

impl Updates {
    pub(super) fn drive(self) -> Driver {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(it) => Driver::Task(super::patience::runtime().spawn(it.run())),
            #[cfg(feature = "ureq")]
            Self::Blocking(it) => Driver::Thread { _thread: it.spawn().unwrap() },
        }
    }

    pub(super) fn next(&mut self) -> Option<Result<Update, Error>> {
        let _limit = Limit::on(self.interrupt());
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(it) => super::patience::block_on(it.next()),
            #[cfg(feature = "ureq")]
            Self::Blocking(it) => it.next(),
        }
    }

    /// The next updates in few words, up to the one that ends with this.
    pub(super) fn told(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while !all.last().is_some_and(|line: &String| line.ends_with(last)) {
            all.push(in_words(&self.next().unwrap().unwrap()));
        }
        all
    }

    pub(super) fn interrupt(&self) -> Interrupt {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(it) => it.interrupt().clone(),
            #[cfg(feature = "ureq")]
            Self::Blocking(it) => it.interrupt().clone(),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        match self {
            #[cfg(feature = "hyper")]
            Self::Task(task) => task.abort(),
            #[cfg(feature = "ureq")]
            Self::Thread { .. } => {}
        }
    }
}

/// What an update says, without what differs from run to run.
fn in_words(update: &Update) -> String {
    let name = update.node().map_or("", |node| node.node().name());
    match update {
        Update::Upserted { node, before, kind, .. } => {
            let kind = kind.as_ref().map_or("found", |kind| kind.as_str());
            let before = if before.is_some() { "again" } else { "new" };
            format!("{kind} {before} {name}={}", node.node().value().unwrap_or("dir"))
        }
        Update::Removed { kind, .. } => {
            format!("{} gone {name}", kind.as_ref().map_or("found", |kind| kind.as_str()))
        }
        Update::Resynced { gap, .. } => gap
            .as_ref()
            .map_or_else(|| "resynced".to_owned(), |gap| format!("resynced: {}", gap.reason)),
        _ => "unknown".to_owned(),
    }
}

/// Everything that a mirror and a listing both say of a node.
pub(super) fn shown(node: Node<'_>) -> String {
    let (created, modified) = (node.created_index(), node.modified_index());
    format!("{} {} {:?} {created:?} {modified:?}", node.key(), node.is_dir(), node.value())
}
