//! One of many callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use etcd_v2_client::Outcome;

use super::KEYS;
use crate::{
    contestant::{Ask, Client, Failed, Got, Refusal, What},
    dice::Dice,
    history::{Deed, Ended, Operation, Pushed},
};

/// Somebody who does this and that to the keys.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) client: Client,
    /// How it reads: through consensus, as one must, or not.
    pub(super) get: What<'static>,
    pub(super) base: String,
    pub(super) dice: Dice,
    /// The source of values, common to all callers: none is written twice.
    pub(super) values: Arc<AtomicU32>,
    pub(super) began: Instant,
    /// What it last saw at each key: the value and its index.
    pub(super) known: [Option<(u32, u64)>; KEYS],
}

/// What callers have seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) keys: [Vec<Operation>; KEYS],
    pub(super) pushes: Vec<Pushed>,
}

impl Seen {
    pub(super) fn extend(&mut self, other: Self) {
        for (own, other) in self.keys.iter_mut().zip(other.keys) {
            own.extend(other);
        }
        self.pushes.extend(other.pushes);
    }
}

impl Caller {
    pub(super) fn work(mut self, is_over: impl Fn() -> bool) -> Seen {
        let mut seen = Seen::default();
        while !is_over() {
            match self.dice.below(100) {
                0..15 => seen.pushes.extend(self.push()),
                choice => {
                    let key = self.dice.below(KEYS);
                    seen.keys[key].extend(self.touch(key, choice));
                }
            }
            thread::sleep(self.dice.millis(1, 8));
        }
        seen
    }

    fn push(&self) -> Option<Pushed> {
        let value = format!("v{}", self.value());
        let invoked = self.began.elapsed();
        let queue = format!("{}/queue", self.base);
        let result = self.client.ask(&Ask { what: What::Push, key: &queue, value: &value });
        let returned = self.began.elapsed();
        let ended = ended(result.as_ref().err())?;
        let name = result.ok().and_then(|got| got.name);
        Some(Pushed { value, name, ended, invoked, returned })
    }

    fn touch(&mut self, key: usize, choice: usize) -> Option<Operation> {
        let path = format!("{}/{key}", self.base);
        let value = self.value();
        let text = value.to_string();
        let invoked = self.began.elapsed();
        let (deed, what) = match (choice, self.known[key]) {
            (15..35, _) => (Deed::Set(value), What::Set),
            (35..60, Some((old, index))) => (Deed::Swap(old, value), What::Swap(index)),
            (60..67, _) => (Deed::Create(value), What::Create),
            (67..73, _) => (Deed::Delete, What::Delete),
            _ => return self.read(key, &path, invoked),
        };
        let result = self.client.ask(&Ask { what, key: &path, value: &text });
        let returned = self.began.elapsed();
        let ended = ended(result.as_ref().err())?;
        self.known[key] = result.ok().as_ref().and_then(value_and_index);
        Some(Operation { deed, ended, invoked, returned })
    }

    fn read(&mut self, key: usize, path: &str, invoked: Duration) -> Option<Operation> {
        let result = self.client.ask(&Ask { what: self.get, key: path, value: "" });
        let returned = self.began.elapsed();
        let known = match &result {
            Ok(got) => value_and_index(got),
            Err(failed) if failed.refusal == Some(Refusal::Missing) => None,
            // A read that failed says nothing.
            Err(_) => return None,
        };
        self.known[key] = known;
        let deed = Deed::Read(known.map(|(value, _)| value));
        Some(Operation { deed, ended: Ended::Done, invoked, returned })
    }

    fn value(&self) -> u32 {
        self.values.fetch_add(1, Ordering::Relaxed)
    }
}

fn value_and_index(got: &Got) -> Option<(u32, u64)> {
    Some((got.value.as_ref()?.parse().ok()?, got.index?))
}

/// How an operation ended that is part of the history; what was never sent is not.
fn ended(failed: Option<&Failed>) -> Option<Ended> {
    let Some(failed) = failed else { return Some(Ended::Done) };
    match failed.outcome {
        Outcome::NotSent => None,
        Outcome::Rejected if failed.refusal.is_some() => Some(Ended::Refused),
        // No register refuses without a reason: to take it for unknown would be to believe it.
        Outcome::Rejected => None,
        Outcome::Unknown | Outcome::Applied => Some(Ended::Unknown),
    }
}
