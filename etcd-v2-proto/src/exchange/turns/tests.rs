//! How often the calls of one client ask, all together.

use proptest::prelude::*;

use super::*;
use crate::cluster::Cluster;

const ENDPOINTS: usize = 3;

/// Calls of one client that begin at the same time beside endpoints that all turn them away at once.
struct Storm {
    policy: Arc<Policy>,
    route: Route,
    calls: Vec<Turns>,
}

impl Storm {
    fn new(policy: Policy, calls: usize, seed: u64) -> Self {
        let policy = Arc::new(policy);
        let call = |number: usize| {
            let seed = seed.wrapping_add(u64::try_from(number).expect("few"));
            Turns::new(Arc::clone(&policy), Purpose::Read, ENDPOINTS, seed, Duration::ZERO)
        };
        let calls = (0..calls).map(call).collect();
        let route = Cluster::parse(["http://a:1,http://b:2,http://c:3"]).unwrap().route();
        Self { policy: Arc::clone(&policy), route, calls }
    }

    /// When attempts are made until then, by call.
    fn rage(&mut self, until: Duration) -> Vec<Vec<Duration>> {
        let mut attempts = vec![vec![Duration::ZERO]; self.calls.len()];
        let mut next = vec![Some(Duration::ZERO); self.calls.len()];
        while let Some((call, now)) = (0..next.len())
            .filter_map(|call| Some((call, next[call]?)))
            .min_by_key(|(_, at)| *at)
            .filter(|(_, now)| *now < until)
        {
            let left = Some(until - now);
            let after = self.calls[call].after(now, true, false, left, &self.route);
            next[call] = match after {
                Next::Ask => Some(now),
                Next::Rest(pause) => Some(now + pause),
                Next::Nobody => None,
            };
            attempts[call].extend(next[call]);
        }
        attempts
    }
}

fn count(attempts: &[Vec<Duration>], from: Duration, until: Duration) -> usize {
    attempts.iter().flatten().filter(|at| (from..until).contains(*at)).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn calls_beside_a_dead_cluster_ask_again_once_a_second_each(
        calls in 1..20_usize,
        seed: u64,
    ) {
        let mut storm = Storm::new(Policy::default(), calls, seed);
        let (seconds, until) = (20, Duration::from_secs(20));
        let attempts = storm.rage(until);
        for (call, attempts) in attempts.iter().enumerate() {
            prop_assert_eq!(&attempts[..ENDPOINTS], [Duration::ZERO; ENDPOINTS], "{} asks all", call);
            let last = attempts.last().copied().unwrap_or_default();
            prop_assert!(until - last <= LAST * 2, "{call} gives up at {last:?}");
        }
        // A rest takes half a second at the least, and a second on average.
        let all = count(&attempts, Duration::ZERO, until);
        prop_assert!(all <= calls * (ENDPOINTS + 2 * seconds + 1) + 10, "{all} attempts");
        let half = Duration::from_secs(10);
        let later = count(&attempts, half, until);
        prop_assert!(later <= calls * 14 && later >= calls * 6, "{later} in ten seconds");
        prop_assert!(calls < 4 || storm.calls.iter().all(Turns::was_held_back));
    }

    #[test]
    fn without_a_pause_nothing_is_counted(calls in 1..20_usize, seed: u64) {
        let policy = Policy { retry_pause: Duration::ZERO, ..Policy::default() };
        let mut storm = Storm::new(policy, calls, seed);
        let attempts = storm.rage(Duration::from_secs(10));
        let within = count(&attempts, Duration::ZERO, Duration::from_secs(10));
        prop_assert!(within >= calls * 20, "{within}, though each may have ten a second");
        prop_assert!(!storm.calls.iter().any(Turns::was_held_back));
        prop_assert!((0..10).all(|_| storm.route.budget().take()) && !storm.route.budget().take(), "nothing is spent");
    }
}

#[test]
fn a_call_alone_has_ten_attempts_before_it_is_held_back() {
    let mut storm = Storm::new(Policy::default(), 1, 1);
    let attempts = storm.rage(Duration::from_secs(8)).remove(0);
    let free = ENDPOINTS + 10;
    let pauses: Vec<_> = attempts.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(attempts[free - 1] < Duration::from_secs(3), "{attempts:?}");
    // The last one is cut short by the deadline.
    let rests = &pauses[free - 1..pauses.len() - 1];
    assert!(rests.iter().all(|rest| *rest >= Duration::from_millis(500)), "{pauses:?}");
    assert!(pauses.len() > free, "it goes on: {attempts:?}");
    assert!(!storm.calls[0].was_held_back(), "nobody else has spent what it has not");
}

#[test]
fn what_answers_give_back_is_spent_without_a_rest() {
    let mut storm = Storm::new(Policy::default(), 1, 1);
    while storm.route.budget().take() {}
    for _ in 0..20 {
        storm.route.budget().give();
    }
    let attempts = storm.rage(Duration::from_secs(20)).remove(0);
    // Three, a short pause, the two that were earned, and a rest before each other one.
    let pauses: Vec<_> = attempts.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses[2] < Duration::from_millis(500) && pauses[3].is_zero(), "{pauses:?}");
    let rests = &pauses[4..pauses.len() - 1];
    assert!(rests.iter().all(|rest| *rest >= storm.policy.retry_pause / 2), "{pauses:?}");
}

#[test]
fn nothing_is_spent_on_what_would_be_too_late() {
    let mut storm = Storm::new(Policy::default(), 1, 1);
    let attempts = storm.rage(Duration::from_millis(90)).remove(0);
    assert_eq!(attempts.len(), ENDPOINTS, "the next pass may begin after 300 ms");
    assert!((0..10).all(|_| storm.route.budget().take()), "all tokens are there");
    assert!(!storm.calls[0].was_held_back());
}

#[test]
fn a_read_is_asked_once_more_before_its_deadline_and_a_write_is_not() {
    let until = Duration::from_millis(200);
    for (purpose, most) in [(Purpose::Read, 2 * ENDPOINTS), (Purpose::GuardedWrite, ENDPOINTS)] {
        let mut storm = Storm::new(Policy::default(), 1, 1);
        storm.calls[0].purpose = purpose;
        let attempts = storm.rage(until).remove(0);
        assert_eq!(attempts.len(), most, "{purpose:?}: {attempts:?}");
        let last = until - attempts[most - 1];
        assert!(purpose.writes() || (LAST..=LAST * 2).contains(&last), "{attempts:?}");
    }
}

#[test]
fn slow_calls_that_succeed_do_not_use_up_the_budget() {
    let storm = Storm::new(Policy::default(), 0, 1);
    for seed in 0..100 {
        let policy = Arc::clone(&storm.policy);
        let mut call = Turns::new(policy, Purpose::Read, ENDPOINTS, seed, Duration::ZERO);
        // The first attempt of the second pass takes a token, and gets the response.
        for _ in 0..ENDPOINTS {
            call.after(Duration::from_secs(1), true, false, None, &storm.route);
        }
        assert!(call.pass() == 1 && !call.was_held_back(), "call {seed}");
        call.succeed(storm.route.budget());
    }
    assert!(storm.route.budget().take(), "the budget is full");
}
