//! Linearizability after Wing and Gong, with Lowe's memory.
//!
//! The search takes, again and again, an operation that began before all others that are left ended,
//! and goes back when none of them fits. What it remembers is which operations it had taken and what the
//! key was then: a second way to the same place is not worth taking.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use super::{Ended, Operation};

/// Whether a history is linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Linearizable,
    Violation,
    /// It took too long to find out.
    Undecided,
}

/// Checks the history of one key, which is not there in the beginning.
///
/// Unknown writes whose values nobody came across are left out at first: they may never have happened,
/// and each of them doubles the ways to go. Only where that does not fit they are taken into account.
pub(crate) fn check(history: &[Operation]) -> Verdict {
    let seen: HashSet<u32> =
        history.iter().filter_map(|operation| operation.deed.expects()).collect();
    let matters = |operation: &&Operation| {
        let written = operation.deed.writes();
        operation.ended != Ended::Unknown || written.is_none_or(|value| seen.contains(&value))
    };
    let likely: Vec<_> = history.iter().filter(matters).copied().collect();
    match search(&likely) {
        Verdict::Linearizable => Verdict::Linearizable,
        verdict if likely.len() == history.len() => verdict,
        _ => search(history),
    }
}

fn search(history: &[Operation]) -> Verdict {
    let mut list = List::new(history);
    let mut state = None;
    let mut taken = vec![0_u64; history.len().div_ceil(64)];
    let mut seen = HashSet::new();
    let mut steps: Vec<(usize, Option<u32>)> = Vec::new();
    let mut at = list.first();
    loop {
        let Some(entry) = at else { return Verdict::Linearizable };
        let id = list.operation(entry);
        let next = if list.is_return(entry) {
            // Whatever began before this end has been tried: back to the last choice.
            let Some((back, before)) = steps.pop() else { return Verdict::Violation };
            state = before;
            taken[back / 64] &= !(1 << (back % 64));
            list.restore(back);
            list.after_call(back)
        } else {
            let Operation { deed, ended, .. } = history[id];
            taken[id / 64] |= 1 << (id % 64);
            match deed.apply(ended, state) {
                Some(after) if seen.insert((taken.clone(), after)) => {
                    steps.push((id, state));
                    state = after;
                    list.remove(id);
                    list.first()
                }
                _ => {
                    taken[id / 64] &= !(1 << (id % 64));
                    list.after(entry)
                }
            }
        };
        // Unknown ones at the end change nothing that anybody saw.
        if steps.len() == history.len() || next.is_none() {
            return Verdict::Linearizable;
        }
        if seen.len() > MOST {
            return Verdict::Undecided;
        }
        at = next;
    }
}

/// Calls and returns in the order of time, linked so that a pair can be taken out and put back.
struct List {
    /// For each entry, which operation it belongs to, and whether it is the return.
    entries: Vec<(usize, bool)>,
    /// By operation: its two entries.
    places: BTreeMap<usize, (usize, usize)>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl List {
    fn new(history: &[Operation]) -> Self {
        let mut entries: Vec<(Duration, bool, usize)> = Vec::new();
        for (id, operation) in history.iter().enumerate() {
            let end = match operation.ended {
                Ended::Unknown => Duration::MAX,
                _ => operation.returned,
            };
            entries.extend([(operation.invoked, false, id), (end, true, id)]);
        }
        // At the same moment, calls come first: what may be concurrent is.
        entries.sort_unstable();
        let mut places = BTreeMap::<usize, (usize, usize)>::new();
        // The first place is nobody's: it is where the list begins and ends.
        for (place, (_, is_return, id)) in (1..).zip(&entries) {
            let pair = places.entry(*id).or_default();
            *(if *is_return { &mut pair.1 } else { &mut pair.0 }) = place;
        }
        let count = entries.len() + 1;
        let entries = entries.into_iter().map(|(_, is_return, id)| (id, is_return));
        Self {
            entries: std::iter::once((usize::MAX, true)).chain(entries).collect(),
            places,
            next: (0..count).map(|place| (place + 1) % count).collect(),
            previous: (0..count).map(|place| (place + count - 1) % count).collect(),
        }
    }

    fn first(&self) -> Option<usize> {
        self.after(0)
    }

    fn after(&self, entry: usize) -> Option<usize> {
        Some(self.next[entry]).filter(|next| *next != 0)
    }

    fn after_call(&self, id: usize) -> Option<usize> {
        self.after(self.places[&id].0)
    }

    fn operation(&self, entry: usize) -> usize {
        self.entries[entry].0
    }

    fn is_return(&self, entry: usize) -> bool {
        self.entries[entry].1
    }

    fn remove(&mut self, id: usize) {
        let (call, end) = self.places[&id];
        for place in [call, end] {
            let (previous, next) = (self.previous[place], self.next[place]);
            self.next[previous] = next;
            self.previous[next] = previous;
        }
    }

    /// Undoes the last removal that is not undone yet.
    fn restore(&mut self, id: usize) {
        let (call, end) = self.places[&id];
        for place in [end, call] {
            let (previous, next) = (self.previous[place], self.next[place]);
            self.next[previous] = place;
            self.previous[next] = place;
        }
    }
}

/// A hundred megabytes of memory, or so.
const MOST: usize = 300_000;
