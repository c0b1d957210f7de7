//! An estimate of response times, as TCP computes its retransmission timer (RFC 6298).
//!
//! Each sample moves the mean by an eighth of the difference, and the mean deviation by a quarter. The timeout is the
//! mean and four times the deviation. The first sample is the mean, and half of it is the deviation. A timeout doubles
//! the next timeout, and a sample ends the doubling.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The response times of one class of requests at one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    /// The smoothed mean, in microseconds.
    mean: u32,
    /// The smoothed mean deviation, in microseconds.
    deviation: u32,
    /// How many timeouts there were since the last sample.
    doublings: u32,
    /// The number of the last sample, counted over all samples of the endpoint; 0 before the first one.
    last: u32,
}

impl Estimate {
    /// Adds a response time, which is the sample of the endpoint with this number; the number is not 0.
    pub(super) fn sample(&mut self, took: Duration, number: u32) {
        self.blend(took, number);
        self.doublings = 0;
    }

    /// Adds the time of a connect, which does not end the doubling: a connect is no response.
    fn blend(&mut self, took: Duration, number: u32) {
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        if self.last == 0 {
            (self.mean, self.deviation) = (took, took / 2);
        } else {
            let difference = self.mean.abs_diff(took);
            self.deviation = moved_toward(self.deviation, difference, 4);
            self.mean = moved_toward(self.mean, took, 8);
        }
        self.last = number;
    }

    /// A request timed out.
    pub(super) const fn time_out(&mut self) {
        self.doublings = self.doublings.saturating_add(1);
    }

    /// The timeout without the doublings, in microseconds; 0 before the first sample.
    pub(super) const fn timeout(&self) -> u32 {
        if self.last == 0 {
            return 0;
        }
        let margin = self.deviation.saturating_mul(4);
        self.mean.saturating_add(if margin > LEAST_MARGIN { margin } else { LEAST_MARGIN })
    }

    /// How many times the timeout is to be doubled.
    pub(super) const fn doublings(&self) -> u32 {
        self.doublings
    }

    /// The number of the last sample.
    pub(super) const fn last(&self) -> u32 {
        self.last
    }
}

/// An estimate that all clones of a client share. It has no lock, so one of two samples at the same time may be lost.
#[derive(Debug, Default)]
pub(super) struct SharedEstimate {
    /// The mean, then the deviation.
    times: AtomicU64,
    /// The doublings, then the number of the last sample.
    counts: AtomicU64,
}

impl SharedEstimate {
    /// The estimate as it is now.
    pub(super) fn get(&self) -> Estimate {
        let (mean, deviation) = halves(self.times.load(Ordering::Relaxed));
        let (doublings, last) = halves(self.counts.load(Ordering::Relaxed));
        Estimate { mean, deviation, doublings, last }
    }

    fn set(&self, estimate: Estimate) {
        let Estimate { mean, deviation, doublings, last } = estimate;
        self.times.store(whole(mean, deviation), Ordering::Relaxed);
        self.counts.store(whole(doublings, last), Ordering::Relaxed);
    }

    /// As [`Estimate::sample`].
    pub(super) fn sample(&self, took: Duration, number: u32) {
        let mut estimate = self.get();
        estimate.sample(took, number);
        self.set(estimate);
    }

    /// As [`Estimate::blend`].
    pub(super) fn blend(&self, took: Duration, number: u32) {
        let mut estimate = self.get();
        estimate.blend(took, number);
        self.set(estimate);
    }

    /// As [`Estimate::time_out`].
    pub(super) fn time_out(&self) {
        let mut estimate = self.get();
        estimate.time_out();
        self.set(estimate);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "they are the halves")]
const fn halves(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

const fn whole(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// The value, moved toward the sample by this part of the difference.
const fn moved_toward(value: u32, sample: u32, parts: u32) -> u32 {
    let difference = value.abs_diff(sample) / parts;
    if sample > value { value + difference } else { value - difference }
}

/// The shortest time that is added to the mean, in microseconds. Pauses of schedulers and garbage collectors are too
/// rare to show in the deviation. RFC 6298 uses the granularity of the clock here.
const LEAST_MARGIN: u32 = 50_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn first_timeout_is_three_times_the_first_sample() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.timeout(), 0);
        estimate.sample(ms(120), 1);
        assert_eq!(estimate.timeout(), 360_000);
    }

    #[test]
    fn steady_responses_lower_the_timeout_to_the_mean_and_the_margin() {
        let mut estimate = Estimate::default();
        (1..40).for_each(|number| estimate.sample(ms(120), number));
        let timeout = estimate.timeout();
        assert!((170_000..171_000).contains(&timeout), "{timeout:?}");
    }

    #[test]
    fn timeout_exceeds_a_slow_response_after_it() {
        for slow in [60, 250, 1000, 30_000] {
            let mut estimate = Estimate::default();
            (1..100).for_each(|number| estimate.sample(ms(5), number));
            estimate.sample(ms(slow), 100);
            assert!(
                u64::from(estimate.timeout()) > slow * 1000,
                "{slow} ms: {}",
                estimate.timeout()
            );
        }
    }

    #[test]
    fn sample_ends_the_doubling() {
        let mut estimate = Estimate::default();
        estimate.sample(ms(10), 1);
        estimate.time_out();
        estimate.time_out();
        assert_eq!(estimate.doublings(), 2);
        estimate.sample(ms(10), 2);
        assert_eq!((estimate.doublings(), estimate.last()), (0, 2));
    }

    proptest! {
        #[test]
        fn estimate_stays_within_the_samples(samples in prop::collection::vec(0..u64::MAX, 1..60)) {
            let mut estimate = Estimate::default();
            let cap = |micros: u64| micros.min(u64::from(u32::MAX));
            for (sample, number) in samples.iter().zip(1..) {
                estimate.sample(Duration::from_micros(*sample), number);
            }
            let least = samples.iter().copied().map(cap).min().unwrap();
            let most = samples.iter().copied().map(cap).max().unwrap();
            prop_assert!((least..=most).contains(&u64::from(estimate.mean)));
            prop_assert!(u64::from(estimate.deviation) <= most);
        }
    }
}
