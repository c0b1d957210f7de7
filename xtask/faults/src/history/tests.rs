//! Histories whose verdict is known.

use std::time::Duration;

use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_assert_eq, proptest},
};
use todc_utils::{
    Action, History, WGLChecker,
    specifications::etcd::{EtcdOperation, EtcdSpecification, EtcdStatus},
};

use super::{Deed, Ended, Operation, Pushed, Pushes, Verdict, check};

fn at(deed: Deed, ended: Ended, invoked: u64, returned: u64) -> Operation {
    let millis = Duration::from_millis;
    Operation { deed, ended, invoked: millis(invoked), returned: millis(returned) }
}

fn done(deed: Deed, invoked: u64, returned: u64) -> Operation {
    at(deed, Ended::Done, invoked, returned)
}

use Deed::{Create, Delete, Read, Set, Swap};
use Ended::{Refused, Unknown};

#[test]
fn what_one_register_shows_is_accepted() {
    for history in [
        vec![],
        vec![done(Read(None), 0, 1), done(Set(1), 2, 3), done(Read(Some(1)), 4, 5)],
        // Concurrent with the write, both are right.
        vec![done(Set(1), 0, 9), done(Read(None), 1, 2), done(Read(Some(1)), 3, 4)],
        // An unknown write may come late, or never.
        vec![at(Set(1), Unknown, 0, 1), done(Read(None), 5, 6), done(Read(Some(1)), 7, 8)],
        vec![at(Set(1), Unknown, 0, 1), done(Set(2), 5, 6), done(Read(Some(2)), 7, 8)],
        vec![at(Set(1), Unknown, 0, 1), done(Set(2), 5, 6), done(Read(Some(1)), 7, 8)],
        vec![done(Set(1), 0, 1), done(Swap(1, 2), 2, 3), at(Swap(1, 3), Refused, 4, 5)],
        vec![done(Set(1), 0, 1), at(Swap(1, 2), Unknown, 2, 3), done(Read(Some(1)), 4, 5)],
        vec![done(Create(1), 0, 1), at(Create(2), Refused, 2, 3), done(Delete, 4, 5)],
        vec![
            at(Delete, Refused, 0, 1),
            done(Create(1), 2, 3),
            at(Delete, Unknown, 4, 5),
            done(Create(2), 6, 7),
        ],
    ] {
        assert_eq!(check(&history), Verdict::Linearizable, "{history:?}");
    }
}

#[test]
fn what_no_register_shows_is_rejected() {
    for history in [
        // Stale.
        vec![done(Set(1), 0, 1), done(Read(None), 2, 3)],
        // There and gone again.
        vec![done(Set(1), 0, 9), done(Read(Some(1)), 1, 2), done(Read(None), 3, 4)],
        // An older write over a newer one that was acknowledged: applied twice, or late.
        vec![done(Set(1), 0, 1), done(Set(2), 2, 3), done(Read(Some(1)), 4, 5)],
        vec![
            done(Set(1), 0, 1),
            done(Read(Some(1)), 2, 3),
            done(Set(2), 4, 5),
            done(Read(Some(1)), 6, 7),
        ],
        // A conflict that is none.
        vec![done(Set(1), 0, 1), at(Swap(1, 2), Refused, 2, 3)],
        vec![done(Set(1), 0, 1), done(Swap(1, 2), 2, 3), done(Swap(1, 3), 4, 5)],
        // An unknown write takes effect once.
        vec![
            at(Set(1), Unknown, 0, 1),
            done(Read(Some(1)), 2, 3),
            done(Set(2), 4, 5),
            done(Read(Some(1)), 6, 7),
        ],
        vec![done(Create(1), 0, 1), done(Create(2), 2, 3)],
        vec![at(Create(1), Refused, 0, 1)],
        vec![done(Delete, 0, 1)],
        // Nobody wrote that.
        vec![done(Read(Some(7)), 0, 1)],
    ] {
        assert_eq!(check(&history), Verdict::Violation, "{history:?}");
    }
}

/// Operations of one caller on a register that works, each lasting a while and some ending unknown.
fn executions() -> impl Strategy<Value = Vec<Operation>> {
    vec((0..5_u8, any::<bool>(), 0..4_u8), 1..40).prop_map(|steps| {
        let mut state = None;
        let mut history = Vec::new();
        for ((which, fits, ended), number) in steps.into_iter().zip(1_u32..) {
            let other = Some(1000 + number);
            let deed = match which {
                0 => Read(state),
                1 => Set(number),
                2 => Swap(if fits { state } else { other }.unwrap_or(0), number),
                3 => Create(number),
                _ => Delete,
            };
            let (result, after) = match deed.apply(Ended::Done, state) {
                Some(after) => (Ended::Done, after),
                None => (Refused, state),
            };
            let hidden = ended == 0 && which != 0;
            let time = u64::from(number) * 10;
            history.push(at(deed, if hidden { Unknown } else { result }, time, time + 5));
            state = after;
        }
        history
    })
}

proptest! {
    #[test]
    fn every_sequential_execution_is_accepted(history in executions()) {
        prop_assert_eq!(check(&history), Verdict::Linearizable);
    }

    #[test]
    fn a_read_of_what_nobody_wrote_is_rejected(history in executions(), place in any::<usize>()) {
        let mut history = history;
        let number = u64::try_from(place % history.len()).unwrap();
        // Between two others, alone.
        history.push(done(Read(Some(999_999)), number * 10 + 6, number * 10 + 7));
        prop_assert_eq!(check(&history), Verdict::Violation);
    }

    #[test]
    fn another_checker_agrees(steps in vec((0..3_u8, 0..4_u32, 0..4_u32, 0..30_u64, 0..20_u64, 0..5_u8), 1..9)) {
        let history: Vec<_> = steps.into_iter().map(|(which, one, two, begin, length, ended)| {
            let (deed, ended) = match (which, ended) {
                (0, _) => (Read((one > 0).then_some(one)), Ended::Done),
                (1, 0) => (Set(one), Unknown),
                (1, _) => (Set(one), Ended::Done),
                (_, 0) => (Swap(one, two), Unknown),
                (_, 1) => (Swap(one, two), Refused),
                (_, _) => (Swap(one, two), Ended::Done),
            };
            at(deed, ended, begin, begin + length)
        }).collect();
        let linearizable = WGLChecker::<EtcdSpecification>::is_linearizable(foreign(&history));
        prop_assert_eq!(check(&history) == Verdict::Linearizable, linearizable);
    }
}

/// The same history in the other checker's words, each operation by a process of its own.
fn foreign(history: &[Operation]) -> History<EtcdOperation> {
    let mut actions = Vec::new();
    for (process, operation) in history.iter().enumerate() {
        let said = |status| match operation.deed {
            Read(value) => EtcdOperation::Read(status, value),
            Set(value) => EtcdOperation::Write(status, value),
            Swap(old, new) => EtcdOperation::CompareAndSwap(status, (old, new)),
            Create(_) | Delete => unreachable!("not known there"),
        };
        let (status, end) = match operation.ended {
            Ended::Done => (EtcdStatus::Okay, operation.returned),
            Refused => (EtcdStatus::Fail, operation.returned),
            Unknown => (EtcdStatus::Unknown, Duration::MAX),
        };
        actions.push((operation.invoked, 0, process, Action::Call(said(EtcdStatus::Invoke))));
        actions.push((end, 1, process, Action::Response(said(status))));
    }
    actions.sort_by_key(|(time, order, process, _)| (*time, *order, *process));
    History::from_actions(
        actions.into_iter().map(|(_, _, process, action)| (process, action)).collect(),
    )
}

/// Five callers that set at the same time, again and again, a reader, and unknown sets in between.
fn crowded(rounds: u32, unknowns: u32) -> Vec<Operation> {
    let mut history = Vec::new();
    for round in 0..rounds {
        let time = u64::from(round) * 10;
        for caller in 0..5 {
            history.push(done(Set(round * 10 + caller), time, time + 8 - u64::from(caller)));
        }
        history.push(done(Read(Some(round * 10 + 4)), time + 9, time + 9));
        if round < unknowns {
            history.push(at(Set(round * 10 + 9), Unknown, time, time + 1));
        }
    }
    history
}

#[test]
fn a_long_history_with_many_unknowns_is_accepted() {
    assert_eq!(check(&crowded(100, 100)), Verdict::Linearizable);
    let mut history = crowded(100, 100);
    history.push(done(Read(Some(9)), 2000, 2001));
    assert_eq!(check(&history), Verdict::Linearizable, "late, but once");
}

#[test]
fn a_stale_read_at_the_end_of_a_long_history_is_rejected() {
    let mut history = crowded(100, 3);
    history.push(done(Read(Some(3)), 2000, 2001));
    assert_eq!(check(&history), Verdict::Violation);
}

fn pushed(value: &str, name: Option<&str>, ended: Ended, time: u64) -> Pushed {
    let millis = Duration::from_millis;
    let name = name.map(str::to_owned);
    Pushed {
        value: value.to_owned(),
        name,
        ended,
        invoked: millis(time),
        returned: millis(time + 5),
    }
}

#[test]
fn pushes_are_there_once_and_in_order() {
    let pushes = Pushes(vec![
        pushed("a", Some("1"), Ended::Done, 0),
        pushed("b", Some("3"), Ended::Done, 3),
        pushed("c", Some("2"), Ended::Done, 4),
        pushed("d", None, Unknown, 5),
        pushed("e", None, Unknown, 5),
        pushed("f", None, Refused, 5),
    ]);
    let there = [("1", "a"), ("3", "b"), ("2", "c"), ("4", "d")];
    assert_eq!(pushes.violations(there), [""; 0]);
    for (there, violation) in [
        (vec![("1", "a"), ("3", "b"), ("2", "c"), ("9", "c")], "c is there 2 times"),
        (vec![("1", "a"), ("3", "b")], "c was acknowledged and is missing"),
        (vec![("1", "a"), ("3", "b"), ("2", "c"), ("4", "f")], "f was refused and is there"),
        (vec![("1", "a"), ("3", "b"), ("2", "c"), ("4", "x")], "nobody created x"),
        (vec![("1", "a"), ("3", "b"), ("7", "c")], "c is called [\"7\"], not Some(\"2\")"),
    ] {
        assert_eq!(pushes.violations(there), [violation]);
    }
}

#[test]
fn pushes_that_followed_each_other_are_in_order() {
    let pushes = Pushes(vec![
        pushed("a", Some("2"), Ended::Done, 0),
        pushed("b", Some("1"), Ended::Done, 10),
    ]);
    assert_eq!(pushes.violations([("2", "a"), ("1", "b")]), ["b came after a and sorts before it"]);
}
