//! Timeouts of requests that may be repeated.

use std::time::Duration;

/// How long an attempt waits for the head of its response before the next endpoint is tried.
///
/// Retried requests have adaptive timeouts by default: see [`Policy::read_head`](crate::Policy::read_head).
///
/// ```
/// use std::time::Duration;
/// use etcd_v2_proto::{Policy, Timeout};
///
/// let mut policy = Policy::default();
/// policy.read_head = Some(Timeout::Fixed(Duration::from_millis(500)));
/// policy.quorum_head = Some(Timeout::adaptive(Duration::from_millis(50), Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a timeout is fixed or not")]
pub enum Timeout {
    /// Always the same, connecting included.
    Fixed(Duration),
    /// Computed from the response times of the endpoint, as TCP computes its retransmission timer (RFC 6298): the
    /// smoothed mean, and four times the smoothed deviation or 50 milliseconds, whichever is larger. Each timeout
    /// doubles it until the next response. It counts from the moment when the connection is ready; connecting has
    /// an adaptive timeout of its own.
    Adaptive {
        /// The shortest timeout.
        floor: Duration,
        /// The longest timeout.
        ceiling: Duration,
    },
}

impl Timeout {
    /// An adaptive timeout between these two.
    #[must_use]
    pub const fn adaptive(floor: Duration, ceiling: Duration) -> Self {
        Self::Adaptive { floor, ceiling }
    }
}

impl From<Duration> for Timeout {
    /// A fixed one.
    fn from(limit: Duration) -> Self {
        Self::Fixed(limit)
    }
}
