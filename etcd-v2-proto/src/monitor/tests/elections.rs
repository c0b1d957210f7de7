//! What is waited for while one leader follows another.

use super::*;

impl Play {
    /// The endpoint is probed then, and found to be led by this one, or by nobody.
    fn probed(&mut self, at: u64, leader: Option<&str>) {
        assert_eq!(self.next(at), "probe a within 250");
        match leader {
            Some(leader) => self.alive(at, 0, leader),
            None => self.learn(at, 0, Liveness::NoLeader),
        }
        // The others are no better off.
        while self.next(at).starts_with("probe") {
            for other in [1, 2] {
                self.learn(at, other, Liveness::NoLeader);
            }
        }
    }
}

#[test]
fn what_was_sent_to_a_leader_that_is_gone_is_left_when_there_is_a_new_one() {
    for purpose in [Purpose::Write, Purpose::GuardedWrite, Purpose::QuorumRead] {
        let mut play = Play::new();
        let (_lost, lost) = play.begin(0, 0, purpose);
        play.probed(250, Some("1"));
        play.probed(750, None);
        play.probed(1250, None);
        play.probed(1750, Some("2"));
        assert_eq!(play.next(1750), "rest 500", "its answer may just be on the way");
        assert_eq!(play.next(2250), "leave 1", "{purpose:?}");
        assert_eq!(lost.take(), LEADER_CHANGED);
    }
}

#[test]
fn what_was_sent_while_there_was_no_leader_is_waited_for() {
    let mut play = Play::new();
    let (_lost, lost) = play.begin(0, 0, Purpose::Write);
    play.probed(250, None);
    let (_kept, kept) = play.begin(300, 0, Purpose::Write);
    play.probed(750, None);
    play.probed(1250, Some("2"));
    assert_eq!(play.next(1750), "leave 1", "the one from before");
    assert_eq!((lost.take(), kept.take()), (LEADER_CHANGED, None));
    for at in [1750, 2250, 2750, 3250] {
        play.probed(at, Some("2"));
    }
    assert_eq!(play.next(3300), "leave 1", "three seconds in all, as without a leader");
    assert_eq!(kept.take(), LEADER_CHANGED);
}

#[test]
fn a_leader_that_does_not_last_is_none() {
    let mut play = Play::new();
    let (_lost, lost) = play.begin(0, 0, Purpose::Write);
    play.probed(250, None);
    play.probed(750, Some("2"));
    // Nobody is told to leave before the next probe is due, if that comes a little early.
    play.learn(1200, 0, Liveness::NoLeader);
    assert!(!play.next(1250).starts_with("leave"), "it is gone again");
    assert_eq!(lost.take(), None);
}

#[test]
fn a_write_that_outlives_its_leader_is_left_though_nobody_noticed_the_election() {
    let mut play = Play::new();
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    play.probed(250, Some("1"));
    play.probed(750, Some("1"));
    play.probed(1250, Some("2"));
    let (_ticket, later) = play.begin(1300, 0, Purpose::Write);
    assert_eq!(play.next(1750), "leave 1");
    assert_eq!(write.take(), LEADER_CHANGED);
    for at in (1750..6000).step_by(500) {
        play.probed(at, Some("2"));
    }
    assert_eq!(later.take(), None, "what went to the new leader is waited for");
}

#[test]
fn nobody_is_left_for_an_election_where_the_policy_is_against_it() {
    let mut play = Play::new();
    play.policy.no_leader = None;
    let (_write, write) = play.begin(0, 0, Purpose::Write);
    play.probed(250, None);
    for at in (750..6000).step_by(500) {
        play.probed(at, Some("2"));
    }
    assert_eq!(write.take(), None);
}
