//! The order of children that were created in order.
//!
//! Before etcd 2.2 the names that a server chooses are not padded, so a listing that is sorted by key has
//! `10` before `9`.

use super::{Record, Tree};

impl Tree {
    /// Puts the children that were created in order in that order, on the places that they have among the
    /// other children. Expects children that are sorted by key.
    pub(crate) fn sort_in_order(&mut self) {
        if self.is_in_order() {
            return;
        }
        let mut sorted = Vec::with_capacity(self.records.len());
        let mut stack = self.siblings(0, self.count());
        stack.reverse();
        while let Some(index) = stack.pop() {
            let record = *self.record(index);
            let end = sorted.len() as u32 + (record.end - index);
            sorted.push(Record { end, ..record });
            let below = stack.len();
            stack.extend(self.children_in_order(index));
            stack[below..].reverse();
        }
        self.records = sorted;
    }

    /// Whether nothing is out of order. That is found out without looking at each name: a number that is
    /// less than one sorted before it has fewer digits.
    fn is_in_order(&self) -> bool {
        let directories = self.records.iter().enumerate().filter(|(_, record)| record.dir);
        directories.into_iter().all(|(index, directory)| {
            let (mut next, mut longest) = (index + 1, 0);
            while next < directory.end as usize
                && let Some(child) = self.records.get(next)
            {
                let length = child.key.len();
                if length < longest && self.is_named_by_index(child, false) {
                    return false;
                }
                (longest, next) = (longest.max(length), (child.end as usize).max(next + 1));
            }
            true
        })
    }

    fn children_in_order(&self, directory: u32) -> Vec<u32> {
        let below = self.below(directory);
        let mut children = self.siblings(below.start, below.end);
        let is_named = |index: &u32| self.is_named_by_index(self.record(*index), true);
        let mut named: Vec<u32> = children.iter().copied().filter(is_named).collect();
        // Servers list nothing twice, so there are no equal ones.
        named.sort_by_key(|index| self.record(*index).created);
        let places = children.iter_mut().filter(|index| is_named(index));
        for (place, index) in places.zip(named) {
            *place = index;
        }
        children
    }

    /// The records from one index to another that are not below others of them.
    fn siblings(&self, start: u32, end: u32) -> Vec<u32> {
        let next = |index: &u32| Some(self.record(*index).end).filter(|next| *next > *index);
        std::iter::successors(Some(start), next).take_while(|index| *index < end).collect()
    }

    /// Whether the name of a node is the index at which it was created, as the server chooses it; with
    /// zeros before it as well, if it may be padded.
    fn is_named_by_index(&self, record: &Record, may_be_padded: bool) -> bool {
        let key = self.text(record.key).unwrap_or_default().as_bytes();
        if record.created == 0 || !key.last().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let digits = record.created.ilog10() as usize + 1;
        let Some((directory, digits)) = key.split_at_checked(key.len().wrapping_sub(digits)) else {
            return false;
        };
        let directory = match directory {
            padded if may_be_padded => without_zeros(padded),
            directory => directory,
        };
        let number = digits.iter().try_fold(0_u64, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        });
        directory.last() == Some(&b'/') && number == Some(record.created)
    }
}

fn without_zeros(key: &[u8]) -> &[u8] {
    let zeros = key.iter().rev().take_while(|byte| **byte == b'0').count();
    &key[..key.len() - zeros]
}
