//! Those who give watches and mirrors something to tell.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Result;
use etcd_v2_client::{
    Error,
    keys::{Change, Delete, Push, Set},
};

use super::{BUSY, form::Form};
use crate::{
    arena::{Arena, MEMBERS},
    dice::Dice,
    subject::{Colour, Subject},
};

/// Writers of both colours, each at another member first.
#[derive(Debug)]
pub(super) struct Traffic {
    shared: Arc<Shared>,
    writers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Who writes reads this lock, so that whoever writes it has calm.
    gate: RwLock<()>,
    /// The indexes of the writes that were acknowledged, in no order.
    written: Mutex<Vec<u64>>,
    /// How many writes failed with which outcome.
    failed: Mutex<BTreeMap<String, u64>>,
    slow: AtomicBool,
    over: AtomicBool,
    pause: Duration,
}

impl Traffic {
    pub(super) fn start(arena: &Arena, form: Form, seed: u64) -> Result<Self> {
        let shared = Arc::new(Shared { pause: form.pause(), ..Shared::default() });
        let mut writers = Vec::new();
        for number in 0..form.writers() {
            let colour = Colour::BOTH[number % Colour::BOTH.len()];
            let subject = colour.subject(&arena.endpoints(number % MEMBERS))?;
            let dice = Dice::new(seed, &["soak", "writer", &number.to_string()]);
            let shared = Arc::clone(&shared);
            writers.push(thread::spawn(move || shared.write(&subject, dice)));
        }
        Ok(Self { shared, writers })
    }

    /// Waits until nothing is under way, and keeps it so until what is returned is dropped.
    pub(super) fn calm(&self) -> RwLockWriteGuard<'_, ()> {
        self.shared.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes less, or as much as before.
    pub(super) fn slow(&self, slow: bool) {
        self.shared.slow.store(slow, Ordering::Relaxed);
    }

    /// What was written since the last time.
    pub(super) fn take(&self) -> Vec<u64> {
        mem::take(&mut *self.shared.written())
    }

    /// How many writes came to nothing, as far as their writers know, and with which outcome.
    pub(super) fn failed(&self) -> (u64, String) {
        let failed = self.shared.failed();
        let list: Vec<_> =
            failed.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        (failed.values().sum(), list.join(", "))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for writer in self.writers.drain(..) {
            _ = writer.join();
        }
    }
}

impl Shared {
    fn written(&self) -> MutexGuard<'_, Vec<u64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, subject: &Subject, mut dice: Dice) {
        for number in 0_u64.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let slow = self.slow.load(Ordering::Relaxed);
            thread::sleep(if slow { SLOW_PAUSE } else { self.pause });
            let _under_way = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            match write_once(subject, &mut dice, number) {
                Ok(change) => self.written().extend(change.index()),
                // What is to be removed may not be there.
                Err(error) if error.is_key_not_found() => {}
                Err(error) => *self.failed().entry(error.outcome().to_string()).or_default() += 1,
            }
        }
    }
}

/// A bit of everything that watches tell of.
fn write_once(subject: &Subject, dice: &mut Dice, number: u64) -> Result<Change, Error> {
    let dir = format!("{BUSY}/d{}", dice.below(6));
    let key = format!("{dir}/k{}", dice.below(12));
    match dice.below(40) {
        0 => subject.send(Delete::new(dir).recursive()),
        1..=4 => subject.send(Delete::new(key)),
        5..=7 => subject.send(Set::new(key, number.to_string()).ttl(Duration::from_secs(1))),
        8..=10 => subject.send(Push::new(dir, number.to_string())),
        11 | 12 => subject.send(Set::new(format!("{dir}/deep/er/{}", number % 3), "")),
        _ => subject.send(Set::new(key, number.to_string())),
    }
}

const SLOW_PAUSE: Duration = Duration::from_millis(200);
