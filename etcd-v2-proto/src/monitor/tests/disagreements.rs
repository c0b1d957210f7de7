//! Members that name different leaders.

use super::*;
use crate::request::ClusterId;

const OTHER_LEADER: Option<Reason> = Some(Reason::Leave(AbandonReason::OtherLeader));

impl Play {
    /// Carries out every duty until then, with what each endpoint answers at that time. Returns the probes.
    fn answer(
        &mut self,
        times: std::ops::RangeInclusive<u64>,
        found: impl Fn(u64, usize) -> Liveness,
    ) -> Vec<(u64, usize)> {
        let mut probes = Vec::new();
        for at in times {
            for _ in 0..10 {
                let next = self.next(at);
                if let Some(next) = next.strip_prefix("probe ") {
                    let endpoint = usize::from(next.as_bytes()[0] - b'a');
                    probes.push((at, endpoint));
                    self.learn(at, endpoint, found(at, endpoint));
                } else if !next.starts_with("leave") {
                    break;
                }
            }
        }
        probes
    }
}

fn names(leader: &str) -> Liveness {
    Liveness::Alive { leader: Some(leader.to_owned()), cluster: None }
}

/// The first endpoint names itself; the others name these.
fn cut_off(others: [&'static str; 2]) -> impl Fn(u64, usize) -> Liveness {
    move |_, endpoint| names(["0", others[0], others[1]][endpoint])
}

#[test]
fn what_is_late_leaves_an_endpoint_when_the_majority_names_another_leader_twice() {
    for purpose in [Purpose::Write, Purpose::GuardedWrite, Purpose::QuorumRead, Purpose::Wait] {
        let mut play = Play::new();
        let (_ticket, interrupt) = play.begin(0, 0, purpose);
        let (_early, early) = play.begin(249, 0, purpose);
        let probes = play.answer(0..=749, cut_off(["1", "1"]));
        assert_eq!((probes, interrupt.take()), (vec![(250, 0), (250, 1)], None), "{purpose:?}");
        let probes = play.answer(750..=750, cut_off(["1", "1"]));
        assert_eq!(probes, [(750, 0), (750, 1), (750, 2)], "{purpose:?}");
        assert_eq!((interrupt.take(), early.take()), (OTHER_LEADER, OTHER_LEADER), "{purpose:?}");
    }
}

#[test]
fn an_idle_watch_is_compared_every_ten_seconds_and_leaves_an_endpoint_that_is_cut_off() {
    let mut play = Play::new();
    let watches: Vec<_> = (0..100).map(|_| play.idle(0, 0)).collect();
    let probes = play.answer(0..=30_400, cut_off(["0", "0"]));
    let others: Vec<_> = probes.into_iter().filter(|(_, endpoint)| *endpoint != 0).collect();
    assert_eq!(
        others,
        [(10_000, 1), (20_000, 2), (30_000, 1)],
        "one in turn, however many watches"
    );
    let probes = play.answer(30_401..=40_499, cut_off(["1", "1"]));
    assert_eq!(probes.last(), Some(&(40_000, 2)));
    assert!(watches.iter().all(|(_, interrupt)| interrupt.take().is_none()));
    let probes = play.answer(40_500..=40_500, cut_off(["1", "1"]));
    assert_eq!(probes, [(40_500, 0), (40_500, 1), (40_500, 2)]);
    assert!(watches.iter().all(|(_, interrupt)| interrupt.take() == OTHER_LEADER));
}

#[test]
fn a_minority_or_different_leaders_are_no_reason_to_leave() {
    for others in [["0", "1"], ["1", "0"], ["1", "2"], ["2", "1"], ["0", "0"]] {
        let mut play = Play::new();
        let (_write, write) = play.begin(0, 0, Purpose::Write);
        let (_watch, watch) = play.idle(0, 0);
        play.answer(0..=30_000, cut_off(others));
        assert_eq!((write.take(), watch.take()), (None, None), "{others:?}");
    }
}

#[test]
fn the_two_others_do_not_leave_when_one_is_cut_off() {
    let mut play = Play::new();
    let watches = [play.idle(0, 1), play.idle(0, 2)];
    let writes = [play.begin(0, 1, Purpose::Write), play.begin(0, 2, Purpose::Write)];
    play.answer(0..=30_000, cut_off(["1", "1"]));
    assert!(watches.iter().all(|(_, interrupt)| interrupt.take().is_none()));
    assert!(writes.iter().all(|(_, interrupt)| interrupt.take().is_none()));
}

#[test]
fn a_disagreement_that_costs_no_majority_is_probed_for_seldom() {
    let mut play = Play::new();
    let (_watch, watch) = play.idle(0, 0);
    let found = |_, endpoint: usize| match endpoint {
        0 => names("0"),
        1 => names("1"),
        _ => Liveness::Unclear,
    };
    let probes = play.answer(0..=60_500, found);
    let others = probes.iter().filter(|(_, endpoint)| *endpoint != 0).count();
    // Six comparisons, each of which is followed by a probe of both.
    assert_eq!((others, watch.take()), (6 + 2 * 6, None));
}

#[test]
fn an_election_that_goes_on_while_endpoints_are_probed_is_no_reason_to_leave() {
    // When each endpoint hears of the new leader.
    for (own, second, third) in [(400, 0, 0), (749, 250, 0), (750, 250, 700), (600, 0, 750)] {
        let mut play = Play::new();
        let (_write, write) = play.begin(0, 0, Purpose::Write);
        let (_watch, watch) = play.idle(0, 0);
        let found = |at, endpoint: usize| {
            names(if at < [own, second, third][endpoint] { "0" } else { "1" })
        };
        play.answer(0..=2900, found);
        // A write from before the election is left for that reason.
        let left = [write.take(), watch.take()];
        assert!(
            !left.contains(&OTHER_LEADER) && left[1].is_none(),
            "{own} {second} {third}: {left:?}"
        );
    }
    // The endpoint that disagreed at first was behind, and a new leader follows.
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    play.answer(0..=700, cut_off(["9", "0"]));
    play.answer(701..=800, cut_off(["1", "1"]));
    assert_eq!(write.take(), None, "not the same disagreement");
}

#[test]
fn members_of_different_clusters_are_not_compared() {
    let of = |leader: &str, cluster| Liveness::Alive {
        leader: Some(leader.to_owned()),
        cluster: Some(ClusterId::new(cluster)),
    };
    for (other, is_left) in [(1, true), (2, false)] {
        let mut play = Play::new();
        let (_write, write) = play.begin(0, 0, Purpose::Write);
        let found = |_, endpoint| if endpoint == 0 { of("0", 1) } else { of("1", other) };
        play.answer(0..=5000, found);
        assert_eq!(write.take(), OTHER_LEADER.filter(|_| is_left), "{other}");
    }
}

#[test]
fn fewer_than_three_endpoints_cannot_tell() {
    for urls in [&["http://a:1"][..], &["http://a:1", "http://b:1"]] {
        let mut play = Play::with(urls);
        let (_write, write) = play.begin(0, 0, Purpose::Write);
        let (_watch, watch) = play.idle(0, 0);
        let probes = play.answer(0..=30_000, cut_off(["1", "1"]));
        assert!(probes.iter().all(|(_, endpoint)| *endpoint == 0));
        assert_eq!((write.take(), watch.take()), (None, None));
    }
}

#[test]
fn of_five_members_of_which_two_are_cut_off_together_three_outvote_them() {
    let found = |_, endpoint: usize| names(if endpoint < 2 { "0" } else { "2" });
    let five = ["http://a:1", "http://b:1", "http://c:1", "http://d:1", "http://e:1"];
    let mut play = Play::with(&five);
    let (_leader, leader) = play.begin(0, 0, Purpose::Write);
    let (_follower, follower) = play.begin(0, 1, Purpose::Write);
    let (_other, other) = play.begin(0, 2, Purpose::Write);
    play.answer(0..=5000, found);
    assert_eq!((leader.take(), follower.take()), (OTHER_LEADER, OTHER_LEADER));
    assert_eq!(other.take(), None);
}

#[test]
fn what_has_its_head_or_began_later_stays() {
    let mut play = Play::new();
    let (write, reading) = play.begin(0, 0, Purpose::Write);
    let ticket = play.monitor.head(ms(10), write.unwrap());
    let (_late, late) = play.begin(0, 0, Purpose::Write);
    play.answer(0..=600, cut_off(["1", "1"]));
    let (_later, later) = play.begin(600, 0, Purpose::Write);
    play.answer(601..=800, cut_off(["1", "1"]));
    assert_eq!((reading.take(), late.take(), later.take()), (None, OTHER_LEADER, None));
    play.monitor.end(ms(800), ticket.unwrap(), true);
    // It is left in turn.
    play.answer(801..=2300, cut_off(["1", "1"]));
    assert_eq!(later.take(), OTHER_LEADER);
}
