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
    limit: Duration,
}

/// A call that nobody answers: endpoint `e` says so after `lasts[e]`, if it has so long.
#[derive(Debug)]
struct Outage<'a> {
    policy: &'a Policy,
    purpose: Purpose,
    auth: bool,
    deadline: Duration,
    lasts: &'a [Duration],
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
                let standing = Standing { pass, others, spent: now, left: Some(left) };
                let limit = of_attempt(self.policy, self.purpose, self.auth, standing);
                let limit = limit.expect("there is a deadline");
                assert!(limit <= left, "{limit:?} of {left:?}");
                attempts.push(Attempt { pass, began: now, limit });
                now += limit.min(*lasts);
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

prop_compose! {
    fn policies()(
        heads in [(); 5].map(|()| option::weighted(0.9, millis(10_000))),
        allowance in millis(1000),
    ) -> Policy {
        let mut policy = Policy { auth_allowance: allowance, ..Policy::default() };
        let [read, listing, quorum, write, wait] = heads;
        (policy.read_head, policy.listing_head, policy.quorum_head) = (read, listing, quorum);
        (policy.write_head, policy.wait_head) = (write, wait);
        policy
    }
}

proptest! {
    #[test]
    fn attempts_and_pauses_are_within_the_deadline_whatever_the_policy(
        policy in policies(),
        purpose in prop::sample::select(&ALL),
        auth: bool,
        deadline in millis(20_000),
        lasts in prop::collection::vec(millis(9000), 1..8),
        seed: u64,
    ) {
        let outage = Outage { policy: &policy, purpose, auth, deadline, lasts: &lasts, seed };
        for attempt in outage.attempts() {
            prop_assert!(attempt.began + attempt.limit <= deadline, "{attempt:?}");
        }
    }

    #[test]
    fn everybody_is_asked_for_as_long_as_is_fair(
        policy in policies(),
        purpose in prop::sample::select(&ALL),
        auth: bool,
        deadline in (1_u64..20_000).prop_map(Duration::from_millis),
        endpoints in 1..8_usize,
    ) {
        // Each attempt takes all the time that it has.
        let lasts = vec![Duration::MAX; endpoints];
        let outage = Outage { policy: &policy, purpose, auth, deadline, lasts: &lasts, seed: 1 };
        let standing = Standing { pass: 0, others: 0, spent: Duration::ZERO, left: None };
        // Without a limit there is nothing that says what is fair.
        let Some(useful) = of_attempt(&policy, purpose, auth, standing) else { return Ok(()) };
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
            prop_assert!(attempt.pass == 0 && attempt.limit >= fair, "{attempt:?}, not {fair:?}");
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
        let outage = Outage { policy: &policy, purpose, auth: false, deadline, lasts: &lasts, seed };
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

/// The limits of the default policy for three endpoints that never answer, by pass.
fn default_limits(purpose: Purpose, auth: bool, deadline: u64) -> Vec<Vec<u128>> {
    let policy = Policy::default();
    let (deadline, lasts) = (Duration::from_millis(deadline), [Duration::MAX; 3]);
    let outage = Outage { policy: &policy, purpose, auth, deadline, lasts: &lasts, seed: 1 };
    let mut passes: Vec<Vec<u128>> = Vec::new();
    for attempt in outage.attempts() {
        passes.resize(attempt.pass as usize + 1, Vec::new());
        passes[attempt.pass as usize].push(attempt.limit.as_millis());
    }
    passes
}

#[test]
fn a_quorum_read_is_short_until_an_election_is_over_and_then_as_patient_as_a_write() {
    let passes = default_limits(Purpose::QuorumRead, false, 8000);
    assert_eq!(passes[..2], [vec![100; 3], vec![500; 3]]);
    let [short @ .., last] = &passes[2][..] else { panic!("{passes:?}") };
    assert!(short.iter().all(|limit| *limit == 500), "{passes:?}");
    assert!((4000..7000).contains(last), "what is left: {passes:?}");
    let passes = default_limits(Purpose::QuorumRead, true, 8000);
    assert_eq!(passes[0], [400; 3], "a password takes time");
    assert_eq!(passes[1][..2], [800; 2], "each time, but no more than that");
}

#[test]
fn a_quorum_listing_has_the_time_of_a_listing_besides() {
    let passes = default_limits(Purpose::QuorumListing, false, 8000);
    assert_eq!(passes[0], vec![1100; 3]);
    assert!(passes[1][0] > 4000, "what is left: {passes:?}");
}

#[test]
fn writes_are_patient_and_leave_a_little_to_others() {
    assert_eq!(default_limits(Purpose::Write, false, 8000)[0], [7000, 900, 100]);
    assert_eq!(default_limits(Purpose::GuardedWrite, false, 1000)[0], [800, 100, 100]);
    assert_eq!(default_limits(Purpose::Write, false, 150)[0], [50, 50, 50]);
}

#[test]
fn reads_share_what_does_not_suffice() {
    assert_eq!(default_limits(Purpose::Listing, false, 2100)[0], [700, 700, 700]);
    assert_eq!(default_limits(Purpose::Read, false, 90)[0], [30, 30, 30]);
}

#[test]
fn without_a_limit_an_attempt_may_take_all_the_time() {
    let policy = Policy::go_limits();
    for purpose in ALL {
        let mut standing = Standing {
            pass: 0,
            others: 2,
            spent: Duration::ZERO,
            left: Some(Duration::from_secs(9)),
        };
        assert_eq!(of_attempt(&policy, purpose, true, standing), standing.left);
        standing.left = None;
        assert_eq!(of_attempt(&policy, purpose, true, standing), None);
    }
    let policy = Policy { write_head: None, ..Policy::default() };
    let spent = Duration::from_secs(3);
    let late = Standing { pass: 3, others: 2, spent, left: None };
    assert_eq!(of_attempt(&policy, Purpose::QuorumRead, false, late), None, "as a write");
}
