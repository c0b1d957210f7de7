//! Faults of one member at a time, and for how long three callers beside it get nowhere.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use etcd_v2_client::keys::Get;

use super::{Case, Run};
use crate::{
    arena::{Arena, MEMBERS},
    goal::Goal,
    loops::{Loops, Traces},
    trace::Audit,
};

/// The goals of a case: the longest gaps of reads, swaps and pushes in milliseconds, and how many pushes
/// may end without anybody knowing how.
macro_rules! goals {
    ($read:expr, $swap:expr, $push:expr, $unknown:expr $(, $more:expr)*) => {
        &[
            Goal::at_most("read gap", $read, "ms"),
            $($more,)*
            Goal::none("read errors"),
            Goal::at_most("swap gap", $swap, "ms"),
            Goal::none("swap unknown"),
            Goal::none("false conflicts"),
            Goal::at_most("push gap", $push, "ms"),
            Goal::at_most("push unknown", $unknown, ""),
            Goal::none("wrong labels"),
            Goal::none("applied twice"),
            Goal::none("acknowledged and missing"),
            Goal::noted("unknown and applied", ""),
            Goal::none("other swap errors"),
            Goal::noted("conflicts with a late copy", ""),
            Goal::none("callers that did not get over it"),
            Goal::noted("other push errors", ""),
            Goal::noted("machine stalled", "ms"),
        ]
    };
}

pub(crate) const KILLED_FOLLOWER: Case = Case {
    name: "G1",
    title: "kill -9 pinned follower",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(150.0, 150.0, 150.0, 1.0),
    run: |run| {
        let victim = run.arena.follower(&mut run.dice)?;
        beside(run, victim, false, |arena| arena.member(victim).kill9())
    },
};

pub(crate) const KILLED_LEADER: Case = Case {
    name: "G2",
    title: "kill -9 leader",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(
        2500.0,
        3500.0,
        3500.0,
        2.0,
        Goal::median_at_most("read gap", 2000.0, "ms"),
        Goal::noted("without a leader", "ms"),
        Goal::noted("read gap beyond that", "ms")
    ),
    run: |run| {
        let (victim, pinned) = leader_and_pin(run)?;
        beside_an_election(run, pinned, victim, |arena| arena.member(victim).kill9())
    },
};

pub(crate) const STOPPED_FOLLOWER: Case = Case {
    name: "G3",
    title: "SIGSTOP pinned follower",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(150.0, 700.0, 700.0, 1.0),
    run: |run| {
        let victim = run.arena.follower(&mut run.dice)?;
        beside(run, victim, false, |arena| arena.member(victim).stop())
    },
};

pub(crate) const STOPPED_LEADER: Case = Case {
    name: "G4",
    title: "SIGSTOP leader",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(
        2500.0,
        3700.0,
        3700.0,
        2.0,
        Goal::noted("without a leader", "ms"),
        Goal::noted("read gap beyond that", "ms")
    ),
    run: |run| {
        let (victim, pinned) = leader_and_pin(run)?;
        beside_an_election(run, pinned, victim, |arena| arena.member(victim).stop())
    },
};

pub(crate) const ROLLING_RESTART: Case = Case {
    name: "G6",
    title: "rolling restart with data",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(250.0, 2000.0, 2000.0, 3.0),
    run: |run| {
        let pinned = run.dice.below(MEMBERS);
        beside(run, pinned, false, |arena| {
            for member in (0..MEMBERS).map(|offset| (pinned + offset) % MEMBERS) {
                arena.member(member).restart()?;
                arena.member(member).wait_until_ready()?;
                // An operator goes on when the cluster is whole again.
                arena.leader()?;
            }
            Ok(())
        })
    },
};

pub(crate) const CUT_FROM_CLIENT: Case = Case {
    name: "G8",
    title: "pinned member cut from the client",
    runs: 20,
    links: false,
    with_go: true,
    goals: goals!(150.0, 700.0, 700.0, 1.0),
    run: |run| {
        let pinned = run.dice.below(MEMBERS);
        beside(run, pinned, true, |arena| {
            arena.proxies()[pinned].hold(true);
            Ok(())
        })
    },
};

pub(crate) const CUT_FROM_PEERS: Case = Case {
    name: "G9",
    title: "pinned member cut from its peers",
    runs: 20,
    links: true,
    with_go: true,
    goals: goals!(150.0, 3500.0, 3500.0, 1.0),
    run: |run| {
        let pinned = run.arena.follower(&mut run.dice)?;
        beside(run, pinned, false, |arena| {
            arena.links().isolate(Some(pinned));
            Ok(())
        })
    },
};

/// The leader, and whom to ask first: the leader itself in every other run.
fn leader_and_pin(run: &mut Run<'_>) -> Result<(usize, usize)> {
    let leader = run.arena.leader()?;
    let pinned = if run.number % 2 == 1 { leader } else { run.arena.follower(&mut run.dice)? };
    run.note(format!("member{leader} leads"));
    Ok((leader, pinned))
}

/// Runs the callers, their clients asking `pinned` first, and lets the fault strike.
pub(super) fn beside(
    run: &mut Run<'_>,
    pinned: usize,
    proxied: bool,
    strike: impl FnOnce(&mut Arena) -> Result<()>,
) -> Result<()> {
    let urls = if proxied { run.arena.proxied(pinned) } else { run.arena.endpoints(pinned) };
    let loops = Loops::start(run.arena, run.contestant, &urls, &run.base)?;
    ensure!(loops.wait_for(20, LONGEST) == 0, "the callers get nowhere even before the fault");
    let pause = run.dice.millis(100, 400);
    thread::sleep(pause);
    run.note(format!("member{pinned} is pinned, the fault strikes {} ms later", pause.as_millis()));
    let begin = loops.now();
    strike(run.arena)?;
    thread::sleep(Duration::from_millis(1000));
    let late = loops.wait_for(20, LONGEST);
    run.count("callers that did not get over it", late);
    let traces = loops.finish()?;
    run.arena.heal()?;
    take_stock(run, &traces, begin)
}

/// The same with a fault that strikes the leader. How long its followers take for the election of another one
/// is their affair: they may have to vote twice.
fn beside_an_election(
    run: &mut Run<'_>,
    pinned: usize,
    leader: usize,
    strike: impl FnOnce(&mut Arena) -> Result<()>,
) -> Result<()> {
    let mut vacant = Duration::ZERO;
    beside(run, pinned, false, |arena| {
        let began = Instant::now();
        strike(arena)?;
        arena.successor(leader)?;
        vacant = began.elapsed();
        Ok(())
    })?;
    run.millis("without a leader", vacant);
    let gap = run.figures.get("read gap").copied().unwrap_or_default();
    run.figures.insert("read gap beyond that", (gap - vacant.as_secs_f64() * 1000.0).max(0.0));
    Ok(())
}

/// Turns what the callers did into figures.
pub(super) fn take_stock(run: &mut Run<'_>, traces: &Traces, begin: Duration) -> Result<()> {
    let Traces { read, swap, push, stall, ended } = traces;
    for (figure, trace) in [("read gap", read), ("swap gap", swap), ("push gap", push)] {
        run.millis(figure, trace.gap(begin, *ended));
        // Those of which nobody knows what became are the ones that matter.
        let (unknown, others): (Vec<_>, Vec<_>) =
            trace.failures().partition(|call| call.is_unknown());
        for call in unknown.into_iter().chain(others).take(10) {
            let (began, took) = (call.began.as_millis(), (call.ended - call.began).as_millis());
            run.note(format!("{figure}: at {began} ms, for {took} ms: {:?}", call.end));
        }
    }
    let listing = run.arena.observer().send(Get::new(format!("{}/push", run.base)).quorum())?;
    let audit = Audit::of(push, &listing);
    let conflicts = swap.false_conflicts + swap.late_conflicts;
    run.millis("machine stalled", *stall);
    for (figure, count) in [
        ("read errors", read.failures().count()),
        ("swap unknown", swap.unknown()),
        ("push unknown", push.unknown()),
        ("other swap errors", swap.failures().count() - swap.unknown() - conflicts),
        ("conflicts with a late copy", swap.late_conflicts),
        ("other push errors", push.failures().count() - push.unknown()),
        ("false conflicts", swap.false_conflicts),
        ("wrong labels", swap.wrong_labels + audit.wrong_labels),
        ("applied twice", audit.twice),
        ("acknowledged and missing", audit.missing),
        ("unknown and applied", audit.unknown_applied),
    ] {
        run.count(figure, count);
    }
    Ok(())
}

const LONGEST: Duration = Duration::from_secs(15);
