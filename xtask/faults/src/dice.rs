//! Chance that can be had again.

use std::time::Duration;

/// Numbers that look random and follow from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for one purpose: other words give other numbers.
    pub(crate) fn new(seed: u64, words: &[&str]) -> Self {
        let mut dice = Self(seed);
        for byte in words.join("\0").bytes() {
            dice.0 ^= u64::from(byte);
            dice.next();
        }
        dice
    }

    pub(crate) const fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on, below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// So many milliseconds.
    pub(crate) const fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_words_give_the_same_numbers() {
        let numbers = |seed, words: &[&str]| {
            let mut dice = Dice::new(seed, words);
            (0..8).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1, &["G1", "async"]), numbers(1, &["G1", "async"]));
        assert_ne!(numbers(1, &["G1", "async"]), numbers(2, &["G1", "async"]));
        assert_ne!(numbers(1, &["G1", "async"]), numbers(1, &["G1", "blocking"]));
        let mut dice = Dice::new(1, &[]);
        assert!((0..100).all(|_| dice.below(3) < 3));
        let range = Duration::from_millis(5)..Duration::from_millis(9);
        assert!((0..100).all(|_| range.contains(&dice.millis(5, 9))));
    }
}
