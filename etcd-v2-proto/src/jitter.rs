//! A tiny source of random numbers, seeded by the caller.

use std::time::Duration;

/// SplitMix64: enough to keep clients from moving in step, and nothing more.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A pause between a little and `limit`, evenly spread ("full jitter").
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        /// So that even an unlucky series of draws cannot spin.
        const LEAST: Duration = Duration::from_millis(2);
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.next() % micros).max(LEAST)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
