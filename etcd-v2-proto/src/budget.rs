//! What the calls of a client may spend on asking again, all together.
//!
//! A call by itself asks seldom enough. But a program makes many at the same time, and when a cluster is
//! down, or has just come back, that is when it can least bear them all asking again. So the calls of a
//! client share [`TOKENS`]:
//!
//! | what | tokens |
//! |---|---|
//! | an attempt of the first pass over the endpoints | free: everybody is asked once |
//! | an attempt of a later pass | takes one |
//! | the same if there is none left | free, but the call rests before it: [`Policy::retry_pause`] |
//! | an answer, be it a refusal | gives a tenth of one back, up to [`TOKENS`] |
//! | the response of a call that took tokens itself | returns them: the cluster is slow, not down |
//!
//! They share, too, whether the cluster is down: whether a call has asked all endpoints in vain, and nobody
//! has answered any call since.
//!
//! [`Policy::retry_pause`]: crate::Policy::retry_pause

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The tokens that are left. Clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tenths: AtomicU32,
    is_down: AtomicBool,
}

/// How many there are while all is well, and at most.
pub(crate) const TOKENS: u32 = 10;

const TENTHS: u32 = 10;

impl Budget {
    /// Pays for an attempt; says whether there was enough for it.
    pub(crate) fn take(&self) -> bool {
        let take = |left: u32| left.checked_sub(TENTHS);
        self.shared.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Takes note of an answer. It is nearly always full already, and then nothing is written that other
    /// threads would have to fetch again.
    pub(crate) fn give(&self) {
        let give = |left: u32| (left < TOKENS * TENTHS).then_some(left + 1);
        let _ = self.shared.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// Returns the tokens that a call took, because the call got its response.
    pub(crate) fn give_back(&self, tokens: u32) {
        let most = TOKENS * TENTHS;
        let give = |left: u32| Some(left.saturating_add(tokens.saturating_mul(TENTHS)).min(most));
        let _ = self.shared.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// Takes note that all endpoints were asked in vain, or of anybody's answer, whatever it is.
    pub(crate) fn set_down(&self, is_down: bool) {
        if self.is_down() != is_down {
            self.shared.is_down.store(is_down, Ordering::Relaxed);
        }
    }

    /// Whether the cluster is down, as far as anybody knows.
    pub(crate) fn is_down(&self) -> bool {
        self.shared.is_down.load(Ordering::Relaxed)
    }
}

impl Default for Budget {
    /// A full one.
    fn default() -> Self {
        let (tenths, is_down) = (AtomicU32::new(TOKENS * TENTHS), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { tenths, is_down }) }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn there_is_never_more_than_was_there_and_given(answers in prop::collection::vec(0..40_u32, 0..200)) {
            let budget = Budget::default();
            let mut tenths = TOKENS * TENTHS;
            for given in answers {
                (0..given).for_each(|_| budget.give());
                tenths = (tenths + given).min(TOKENS * TENTHS);
                let is_enough = tenths >= TENTHS;
                prop_assert_eq!(budget.clone().take(), is_enough, "with {} tenths", tenths);
                tenths -= if is_enough { TENTHS } else { 0 };
            }
        }
    }

    #[test]
    fn no_token_is_taken_twice() {
        let budget = Budget::default();
        let taken: usize = thread::scope(|scope| {
            let takers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..10).filter(|_| budget.take()).count())).collect();
            takers.into_iter().filter_map(|taker| taker.join().ok()).sum()
        });
        assert_eq!(taken, 10);
    }
}
