//! Cases with a real cluster: a harness that does not find what is wrong is worth nothing.

use std::{path::PathBuf, sync::LazyLock};

use super::{Case, Run, answers, histories, leases, watches};
use crate::{
    arena::Arena,
    contestant::Contestant,
    dice::Dice,
    goal::{Figures, Verdict},
    subject::Colour,
};

static ETCD: LazyLock<PathBuf> = LazyLock::new(|| xtask::obtain(None).unwrap());

/// The figures of one run of each case with each client, all in the same cluster.
fn run(cases: &[&'static Case]) -> Vec<(&'static Case, Colour, Figures)> {
    let links = cases.iter().any(|case| case.links);
    let mut arena = Arena::start(&ETCD, links).unwrap();
    let mut results = Vec::new();
    for case in cases {
        for colour in Colour::BOTH {
            let mut run = Run {
                arena: &mut arena,
                contestant: Contestant::Ours(colour),
                number: 1,
                base: format!("/{}-{}", case.name, colour.name()),
                dice: Dice::new(7, &[case.name]),
                figures: Figures::new(),
                notes: Vec::new(),
            };
            (case.run)(&mut run).unwrap();
            results.push((*case, colour, run.figures));
        }
    }
    results
}

#[test]
fn controls_are_caught() {
    /// A stale read is seen or not, as the callers happen to read: a control is caught if one of so many
    /// runs shows it.
    const RUNS: usize = 10;
    for control in [
        &histories::LOCAL_READS,
        &answers::AT_LEAST_ONCE,
        &watches::OFF_BY_ONE,
        &leases::REFRESH_BY_VALUE,
    ] {
        let mut caught = Vec::new();
        for _ in 0..RUNS {
            for (case, colour, figures) in run(&[control]) {
                if case.goals.iter().all(|goal| goal.judge(&[&figures]) == Verdict::Met) {
                    caught.push(colour);
                }
            }
            if caught.contains(&Colour::Async) && caught.contains(&Colour::Blocking) {
                break;
            }
        }
        for colour in [Colour::Async, Colour::Blocking] {
            assert!(caught.contains(&colour), "{} {colour:?}", control.name);
        }
    }
}

#[test]
fn nobody_is_lied_to_when_an_answer_is_lost() {
    for (_, colour, figures) in run(&[&answers::LOST_ANSWERS]) {
        let what = format!("{colour:?}: {figures:?}");
        assert_eq!(figures["labels true"], 100.0, "{what}");
        assert_eq!(figures["applied more than once"], 0.0, "{what}");
        assert_eq!(figures["false conflicts"], 0.0, "{what}");
        assert_eq!(figures["not applied at all"], 0.0, "{what}");
    }
}

#[test]
fn a_refresh_by_index_is_not_undone_by_an_abandoned_one() {
    for (_, colour, figures) in run(&[&leases::REFRESH_BY_INDEX]) {
        let what = format!("{colour:?}: {figures:?}");
        assert_eq!(figures["expiry set back by"], 0.0, "{what}");
        assert_eq!(figures["later refreshes that failed"], 0.0, "{what}");
        assert_eq!(figures["wrong labels"], 0.0, "{what}");
    }
}
