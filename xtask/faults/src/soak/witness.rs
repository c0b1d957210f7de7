//! A watch, and what it has told.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use etcd_v2_client::{
    GapReason,
    keys::{Change, Wait},
};

use super::copy::{self, Copy};
use crate::{
    stream::{Faults, Stream},
    subject::{Item, Subject},
};

/// A watch in the background that takes note of all it is told.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) name: &'static str,
    heard: Arc<Mutex<Heard>>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    /// What came since the last stock-taking, and the change before.
    stream: Stream,
    /// The index up to which everything was told, or was said to be missing.
    reached: u64,
    tally: Tally,
    copy: Copy,
    over: bool,
}

/// What a watch came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) changes: usize,
    pub(super) faults: Faults,
    /// Errors after which it went on, but for gaps.
    pub(super) errors: usize,
    pub(super) gaps: BTreeMap<String, usize>,
    pub(super) ended: bool,
}

impl Witness {
    /// Begins after this index, when there is nothing yet below the key.
    pub(super) fn new(
        name: &'static str,
        subject: &Subject,
        key: &'static str,
        after: u64,
        change: impl FnOnce(Wait) -> Wait,
    ) -> Self {
        let heard = Arc::new(Mutex::new(Heard { copy: Copy::since(after), ..Heard::default() }));
        let (watching, noting) =
            (subject.watch(change(Wait::new(key).after(after))), Arc::clone(&heard));
        let subject = subject.clone();
        let listening = thread::spawn(move || {
            let began = Instant::now();
            loop {
                let item = watching.next(Duration::from_millis(100));
                let is_torn = lock(&noting).copy.is_torn() || is_gap(&item);
                // Nobody waits for this but the watch, which keeps its place.
                let listing = is_torn.then(|| copy::read(&subject, key));
                let mut heard = lock(&noting);
                if heard.over {
                    return;
                }
                heard.note(item, began.elapsed());
                if let Some(Ok(listing)) = listing {
                    heard.copy.mend(&listing);
                }
                if heard.tally.ended {
                    return;
                }
            }
        });
        Self { name, heard, listening: Some(listening) }
    }

    /// Whether everything up to this index was told, or was said to be missing.
    pub(super) fn has_reached(&self, index: u64) -> bool {
        lock(&self.heard).reached >= index
    }

    /// Compares what was told since the last time with all that was written since then.
    pub(super) fn take_stock(&self, written: &[u64]) -> Faults {
        let mut heard = lock(&self.heard);
        let stream = mem::take(&mut heard.stream);
        let faults = stream.faults(written);
        // The next change has to be a later one.
        heard.stream.changes.extend(stream.changes.last());
        heard.tally.faults += faults;
        faults
    }

    /// How the copy that was made of what it told differs from what was listed, if it does.
    pub(super) fn differs(&self, listing: &Change) -> Option<String> {
        lock(&self.heard).copy.differs(listing)
    }

    pub(super) fn tally(&self) -> Tally {
        lock(&self.heard).tally.clone()
    }
}

impl Heard {
    fn note(&mut self, item: Item, at: Duration) {
        match item {
            Item::Change(change) => {
                let Some(index) = change.index() else { return };
                self.stream.changes.push((index, at));
                self.reached = self.reached.max(index);
                self.tally.changes += 1;
                self.copy.apply(&change);
            }
            Item::Error(error) => match error.gap() {
                Some(gap) => {
                    self.stream.gaps.push(gap.from..=gap.to);
                    self.reached = self.reached.max(gap.to);
                    self.copy.tear();
                    *self.tally.gaps.entry(short(gap.reason)).or_default() += 1;
                }
                None => self.tally.errors += 1,
            },
            Item::Nothing => {}
            Item::End => self.tally.ended = true,
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        lock(&self.heard).over = true;
        if let Some(listening) = self.listening.take() {
            _ = listening.join();
        }
    }
}

fn is_gap(item: &Item) -> bool {
    matches!(item, Item::Error(error) if error.gap().is_some())
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn short(reason: GapReason) -> String {
    format!("{reason:?}")
}
