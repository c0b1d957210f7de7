//! What holds for any policy, and what the default one comes to.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::jitter::Jitter;

const ALL: [Purpose; 7] = [
    Purpose::Read,
    Purpose::Listing,
    Purpose::QuorumRead,
    Purpose::QuorumListing,
    Purpose::Wait,
    Purpose::GuardedWrite,
    Purpose::Write,
];

/// An attempt as it went: in which pass, when it began and for how long it could have lasted.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    pass: u32,
    began: Duration,
    /// On an open connection.
    limit: Duration,
    /// Connecting and the handshake included.
    most: Duration,
}

/// A call that nobody answers: endpoint `e` says so after `lasts[e]`, if it has so long.
#[derive(Debug)]
struct Outage<'a> {
    policy: &'a Policy,
    purpose: Purpose,
    auth: bool,
    deadline: Duration,
    lasts: &'a [Duration],
    /// The estimates of the endpoints; the last one counts for all that follow.
    expected: &'a [Expected],
    /// Whether an attempt uses all of its time, as with a slow handshake, or only that of an open connection.
    takes_most: bool,
    seed: u64,
}

impl Outage<'_> {
    /// As an exchange does it, with as many passes as there is time for.
    fn attempts(&self) -> Vec<Attempt> {
        let (mut now, mut began, mut attempts) = (Duration::ZERO, Duration::ZERO, Vec::new());
        let mut jitter = Jitter::new(self.seed);
        for pass in 0.. {
            for (place, lasts) in self.lasts.iter().enumerate() {
                let (others, left) = (self.lasts.len() - 1 - place, self.deadline - now);
                let expected = self.expected.get(place).or_else(|| self.expected.last());
                let context = AttemptContext {
                    pass,
                    others,
                    spent: now,
                    left: Some(left),
                    expected: expected.copied().unwrap_or_default(),
                    may_lengthen: !self.seed.is_multiple_of(3),
                };
                let patience = of_attempt(self.policy, self.purpose, self.auth, context);
                let most = patience.head.expect("there is a deadline");
                let limit = patience.on_open_connection().expect("there is a deadline");
                assert!(limit <= most && most <= left, "{limit:?}, {most:?} of {left:?}");
                attempts.push(Attempt { pass, began: now, limit, most });
                now += if self.takes_most { most } else { limit }.min(*lasts);
                if now >= self.deadline {
                    return attempts;
                }
            }
            let (least, most) = of_pause(pass, self.lasts.len(), now - began);
            let pause = least + jitter.up_to(most - least);
            if self.deadline - now <= pause {
                return attempts;
            }
            now += pause;
            began = now;
        }
        attempts
    }
}

fn millis(most: u64) -> impl Strategy<Value = Duration> {
    (0..most).prop_map(Duration::from_millis)
}

fn timeouts() -> impl Strategy<Value = Option<Timeout>> {
    let adaptive =
        (millis(10_000), millis(10_000)).prop_map(|(one, other)| Timeout::adaptive(one, other));
    option::weighted(0.9, prop_oneof![millis(10_000).prop_map(Timeout::Fixed), adaptive])
}

prop_compose! {
    fn estimates()(
        response in option::of(prop_oneof![millis(30_000), Just(Duration::MAX)]),
        network in option::of(prop_oneof![millis(30_000), Just(Duration::MAX)]),
        doublings in prop_oneof![0..4_u32, Just(u32::MAX)],
        is_complete: bool,
    ) -> Expected {
        Expected::new(response, network, doublings, is_complete)
    }
}

prop_compose! {
    fn policies()(
        heads in [(); 4].map(|()| timeouts()),
        others in [(); 3].map(|()| option::weighted(0.9, millis(10_000))),
        allowance in millis(1000),
    ) -> Policy {
        let mut policy = Policy { auth_allowance: allowance, ..Policy::default() };
        let [read, listing, quorum, guarded] = heads;
        let [write, wait, connect] = others;
        (policy.read_head, policy.listing_head, policy.quorum_head) = (read, listing, quorum);
        (policy.guarded_head, policy.connect) = (guarded, connect);
        (policy.write_head, policy.wait_head) = (write, wait);
        policy
    }
}

proptest! {
    #[test]
    fn attempts_never_exceed_the_deadline_with_any_policy_and_estimates(
        policy in policies(),
        purpose in prop::sample::select(&ALL),
        auth: bool,
        deadline in millis(20_000),
        lasts in prop::collection::vec(millis(9000), 1..8),
        expected in prop::collection::vec(estimates(), 0..8),
        takes_most: bool,
        seed: u64,
    ) {
        let (policy, lasts, expected) = (&policy, &lasts, &expected);
        let outage = Outage { policy, purpose, auth, deadline, lasts, expected, takes_most, seed };
        for attempt in outage.attempts() {
            prop_assert!(attempt.began + attempt.most <= deadline, "{attempt:?}");
        }
    }

    #[test]
    fn adaptive_timeouts_stay_between_floor_and_ceiling_in_the_first_pass(
        floor in 1..500_u64,
        more in 500..5000_u64,
        expected in estimates(),
        purpose in prop::sample::select(&[Purpose::Read, Purpose::Listing, Purpose::GuardedWrite]),
        may_lengthen: bool,
    ) {
        let (floor, ceiling) = (Duration::from_millis(floor), Duration::from_millis(floor + more));
        let timeout = Some(Timeout::adaptive(floor, ceiling));
        let policy = Policy {
            read_head: timeout,
            listing_head: timeout,
            guarded_head: timeout,
            ..Policy::default()
        };
        let spent = Duration::ZERO;
        let context = AttemptContext { pass: 0, others: 2, spent, left: None, expected, may_lengthen };
        let response = of_attempt(&policy, purpose, false, context).response;
        prop_assert!(Some(floor) <= response && response <= Some(ceiling), "{response:?}");
        // While a probe is pending, the doubling does not count.
        let usual = undoubled(expected);
        let usual = of_attempt(&policy, purpose, false, AttemptContext { expected: usual, ..context });
        prop_assert!(may_lengthen || Some(usual.response) == Some(response));
        prop_assert!(usual.response <= response);
    }

    #[test]
    fn everybody_is_asked_for_as_long_as_is_fair(
        policy in policies(),
        purpose in prop::sample::select(&ALL),
        auth: bool,
        deadline in (1_u64..20_000).prop_map(Duration::from_millis),
        endpoints in 1..8_usize,
        expected in estimates(),
    ) {
        // Each attempt takes all the time that it has.
        let lasts = vec![Duration::MAX; endpoints];
        let (policy, lasts, takes_most) = (&policy, &lasts, true);
        let expected = &[expected];
        let outage = Outage { policy, purpose, auth, deadline, lasts, expected, takes_most, seed: 1 };
        let (spent, expected) = (Duration::ZERO, expected[0]);
        let context =
            AttemptContext { pass: 0, others: 0, spent, left: None, expected, may_lengthen: true };
        let patience = of_attempt(policy, purpose, auth, context);
        let useful = match patience.response {
            Some(response) => patience.connect.map(|connect| response.saturating_add(connect)),
            None => patience.head,
        };
        // Without a limit there is nothing that says what is fair.
        let Some(useful) = useful else { return Ok(()) };
        let useful = if purpose.writes() { useful.min(LITTLE) } else { useful };
        let count = u32::try_from(endpoints).expect("few");
        let attempts = outage.attempts();
        for place in 0..endpoints {
            let Some(attempt) = attempts.get(place) else {
                prop_assert!(false, "nobody asks endpoint {place} in {deadline:?}");
                return Ok(());
            };
            // A division may leave a nanosecond to each.
            let fair = useful.min(deadline / count).saturating_sub(Duration::from_nanos(8));
            prop_assert!(attempt.pass == 0 && attempt.most >= fair, "{attempt:?}, not {fair:?}");
        }
    }

    #[test]
    fn a_dead_cluster_is_asked_ten_times_a_second_at_most(
        purpose in prop::sample::select(&ALL),
        lasts in prop::collection::vec(prop_oneof![Just(Duration::ZERO), millis(300)], 1..12),
        seed: u64,
    ) {
        let policy = Policy::default();
        let deadline = Duration::from_secs(20);
        let (policy, lasts, expected) = (&policy, &lasts, &[]);
        let (auth, takes_most) = (false, false);
        let outage = Outage { policy, purpose, auth, deadline, lasts, expected, takes_most, seed };
        let attempts = outage.attempts();
        let mut within = 0;
        for second in 1..=20 {
            let until = Duration::from_secs(second);
            within += attempts[within..].iter().take_while(|attempt| attempt.began < until).count();
            // A pass that has begun goes on to its end.
            let most = usize::try_from(second).expect("few") * 10 + lasts.len() - 1;
            prop_assert!(within <= most, "{within} in {second} s");
        }
        prop_assert!(within > lasts.len(), "it is asked more than once");
    }

    #[test]
    fn pauses_are_random_from_the_least_to_a_second_more(
        pass in 0..40_u32,
        endpoints in 1..100_usize,
        took in millis(3000),
    ) {
        let (least, most) = of_pause(pass, endpoints, took);
        let turns = u32::try_from(endpoints).expect("few");
        prop_assert!(took + least >= LEAST_A_TURN * turns || least.is_zero());
        let random = most - least;
        let doubled = 2_u32.saturating_pow(pass).saturating_mul(25);
        prop_assert_eq!(random, Duration::from_millis(u64::from(doubled)).min(Duration::from_secs(1)));
    }
}

/// The timeouts of the default policy by pass, in milliseconds, for three endpoints with these estimates that never
/// respond.
fn default_limits(
    purpose: Purpose,
    auth: bool,
    deadline: u64,
    expected: Expected,
) -> Vec<Vec<u128>> {
    let (policy, expected, seed) = (&Policy::default(), &[expected], 1);
    let (deadline, lasts) = (Duration::from_millis(deadline), &[Duration::MAX; 3]);
    let takes_most = false;
    let outage = Outage { policy, purpose, auth, deadline, lasts, expected, takes_most, seed };
    let mut passes: Vec<Vec<u128>> = Vec::new();
    for attempt in outage.attempts() {
        passes.resize(attempt.pass as usize + 1, Vec::new());
        passes[attempt.pass as usize].push(attempt.limit.as_millis());
    }
    passes
}

/// Endpoints without any estimate.
const UNREACHED_YET: fn() -> Expected = Expected::default;

/// The same without doubling.
fn undoubled(mut expected: Expected) -> Expected {
    expected.doublings = 0;
    expected
}

/// Endpoints that respond within so many milliseconds.
fn within(millis: u64) -> Expected {
    let time = Some(Duration::from_millis(millis));
    Expected::new(time, time, 0, true)
}

#[test]
fn a_quorum_read_is_short_until_an_election_is_over_and_then_as_patient_as_a_write() {
    let passes = default_limits(Purpose::QuorumRead, false, 8000, within(51));
    assert_eq!(passes[..2], [vec![100; 3], vec![500; 3]]);
    let [short @ .., last] = &passes[2][..] else { panic!("{passes:?}") };
    assert!(short.iter().all(|limit| *limit == 500), "{passes:?}");
    assert!((4000..7000).contains(last), "what is left: {passes:?}");
    let far = default_limits(Purpose::QuorumRead, false, 8000, within(300));
    assert_eq!(far[0], [300; 3], "no longer than the estimate");
}

#[test]
fn first_quorum_read_waits_a_second_and_a_round_trip() {
    let passes = default_limits(Purpose::QuorumRead, false, 8000, UNREACHED_YET());
    assert_eq!(passes[0], [1000; 3]);
    let network = Some(Duration::from_millis(200));
    let passes =
        default_limits(Purpose::QuorumRead, false, 8000, Expected::new(None, network, 0, false));
    assert_eq!(passes[0], [1200; 3], "and a round trip");
}

#[test]
fn allowance_for_credentials_ends_with_the_first_response() {
    assert_eq!(default_limits(Purpose::Read, true, 8000, UNREACHED_YET())[0], [500; 3]);
    let mut incomplete = within(51);
    incomplete.is_complete = false;
    assert_eq!(default_limits(Purpose::Read, true, 8000, incomplete)[0], [400; 3]);
    assert_eq!(default_limits(Purpose::Read, true, 8000, within(130))[0], [130; 3]);
    assert_eq!(default_limits(Purpose::Read, true, 8000, within(51))[0], [100; 3]);
}

#[test]
fn timeouts_double_the_next_timeout_in_the_first_pass() {
    let mut doubled = within(120);
    doubled.doublings = 2;
    let passes = default_limits(Purpose::Read, false, 8000, doubled);
    assert_eq!(passes[..2], [vec![480; 3], vec![480; 3]], "later passes are not doubled");
}

#[test]
fn a_quorum_listing_has_the_time_of_a_listing_besides() {
    let passes = default_limits(Purpose::QuorumListing, false, 8000, within(51));
    assert_eq!(passes[0], vec![1100; 3]);
    assert!(passes[1][0] > 4000, "what is left: {passes:?}");
}

#[test]
fn writes_are_patient_and_leave_a_little_to_others() {
    for expected in [UNREACHED_YET(), within(51), within(3000)] {
        let write = |deadline| default_limits(Purpose::Write, false, deadline, expected);
        assert_eq!(write(8000)[0], [7000, 900, 100], "they do not adapt");
        assert_eq!(write(150)[0], [50, 50, 50]);
    }
    let guarded = |expected| default_limits(Purpose::GuardedWrite, false, 8000, expected);
    assert_eq!(guarded(within(51))[0], [1000; 3]);
    assert_eq!(guarded(within(51))[1][..2], [2000; 2]);
    assert_eq!(guarded(within(1700))[0], [1700; 3]);
}

#[test]
fn reads_share_what_does_not_suffice() {
    assert_eq!(default_limits(Purpose::Listing, false, 2100, within(51))[0], [700, 700, 700]);
    assert_eq!(default_limits(Purpose::Read, false, 90, within(51))[0], [30, 30, 30]);
}

#[test]
fn without_a_limit_an_attempt_may_take_all_the_time() {
    let policy = Policy::go_limits();
    let spent = Duration::ZERO;
    for purpose in ALL {
        let left = Some(Duration::from_secs(9));
        let expected = within(51);
        let mut context =
            AttemptContext { pass: 0, others: 2, spent, left, expected, may_lengthen: true };
        assert_eq!(of_attempt(&policy, purpose, true, context).on_open_connection(), left);
        context.left = None;
        assert_eq!(of_attempt(&policy, purpose, true, context).on_open_connection(), None);
    }
    let policy = Policy { write_head: None, ..Policy::default() };
    let spent = Duration::from_secs(3);
    let expected = within(51);
    let late =
        AttemptContext { pass: 3, others: 2, spent, left: None, expected, may_lengthen: true };
    assert_eq!(
        of_attempt(&policy, Purpose::QuorumRead, false, late).on_open_connection(),
        None,
        "as a write"
    );
}
