//! The pinned member stops, far away or near.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};

use super::{
    callers::{Caller, Kind},
    measure_again,
    side_by_side::{Failures, RunningCallers},
};
use crate::{
    attempts::Attempts,
    cases::{Case, Run},
    goal::Goal,
    trace::Trace,
};

pub(in crate::cases) const STOPPED: Case = Case {
    name: "D3",
    title: "SIGSTOP pinned follower, 120 ms away, near, and members far from each other",
    runs: 5,
    links: true,
    with_go: false,
    goals: &[
        // Four round trips.
        Goal::at_most("read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("quorum read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("unknown sets of one caller, 120 ms away", 1.0, ""),
        Goal::none("unknown sets while it stays stopped, 120 ms away"),
        Goal::at_most("read gap, near", 150.0, "ms"),
        Goal::at_most("quorum read gap, near", 150.0, "ms"),
        Goal::at_most("unknown sets of one caller, near", 1.0, ""),
        Goal::none("unknown sets while it stays stopped, near"),
        Goal::noted("read gap, members 120 ms apart", "ms"),
        Goal::noted("quorum read gap, members 120 ms apart", "ms"),
        Goal::at_most("unknown sets of one caller, members 120 ms apart", 1.0, ""),
        Goal::none("unknown sets while it stays stopped, members 120 ms apart"),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| [FAR, NEAR, APART].iter().try_for_each(|setting| stop_follower(run, setting)),
};

/// Measures what a stopped follower causes in this setting.
pub(super) fn stop_follower(run: &mut Run<'_>, setting: &Setting) -> Result<()> {
    let measured = measure_again(
        run,
        |measured: &Measured| measured.is_met(setting),
        |run, attempt| measure(run, setting, &format!("{}/{}-{attempt}", run.base, setting.name)),
    )?;
    measured.report(run, setting);
    Ok(())
}

/// The distances, how long a member stops, and the names of the figures.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// Between clients and members.
    pub(super) clients: Duration,
    /// Between members.
    pub(super) members: Duration,
    pub(super) stop: Duration,
    /// None if it has no goal.
    pub(super) longest_gap: Option<Duration>,
    pub(super) gap: &'static str,
    pub(super) quorum_gap: &'static str,
    pub(super) at_the_stop: &'static str,
    pub(super) later: &'static str,
}

pub(super) const FAR: Setting = Setting {
    name: "far",
    clients: Duration::from_millis(120),
    members: Duration::ZERO,
    stop: Duration::from_secs(6),
    longest_gap: Some(Duration::from_millis(480)),
    gap: "read gap, 120 ms away",
    quorum_gap: "quorum read gap, 120 ms away",
    at_the_stop: "unknown sets of one caller, 120 ms away",
    later: "unknown sets while it stays stopped, 120 ms away",
};

const NEAR: Setting = Setting {
    name: "near",
    clients: Duration::ZERO,
    members: Duration::ZERO,
    stop: Duration::from_secs(12),
    longest_gap: Some(Duration::from_millis(150)),
    gap: "read gap, near",
    quorum_gap: "quorum read gap, near",
    at_the_stop: "unknown sets of one caller, near",
    later: "unknown sets while it stays stopped, near",
};

/// A quorum read takes longer at each member than the shortest timeout. Fixed timeouts would move the client from one
/// healthy member to the next, and back to the stopped one.
const APART: Setting = Setting {
    name: "apart",
    clients: Duration::ZERO,
    members: Duration::from_millis(120),
    stop: Duration::from_secs(12),
    longest_gap: None,
    gap: "read gap, members 120 ms apart",
    quorum_gap: "quorum read gap, members 120 ms apart",
    at_the_stop: "unknown sets of one caller, members 120 ms apart",
    later: "unknown sets while it stays stopped, members 120 ms apart",
};

/// The results.
#[derive(Debug, Default)]
struct Measured {
    gap: Duration,
    quorum_gap: Duration,
    at_the_stop: usize,
    later: usize,
    errors: usize,
    notes: Vec<String>,
}

impl Measured {
    fn is_met(&self, setting: &Setting) -> bool {
        setting.longest_gap.is_none_or(|longest| self.gap.max(self.quorum_gap) <= longest)
            && self.at_the_stop <= 1
            && self.later == 0
            && self.errors == 0
    }

    fn report(self, run: &mut Run<'_>, setting: &Setting) {
        run.millis(setting.gap, self.gap);
        run.millis(setting.quorum_gap, self.quorum_gap);
        run.count(setting.at_the_stop, self.at_the_stop);
        run.count(setting.later, self.later);
        run.add("errors", self.errors);
        run.notes.extend(self.notes);
    }
}

/// Stops the pinned follower while three writers and two readers make calls, all with clones of one client.
fn measure(run: &mut Run<'_>, setting: &Setting, base: &str) -> Result<Measured> {
    let pinned = run.arena.follower(&mut run.dice)?;
    let attempts = Attempts::new();
    let far = setting.clients > Duration::ZERO;
    let urls = if far { run.arena.relayed(pinned) } else { run.arena.endpoints(pinned) };
    let subject = run.contestant.recorded(&urls, &attempts)?;
    run.arena.far().set_round_trips(setting.clients);
    run.arena.links().set_round_trips(setting.members);
    let kinds = [Kind::LocalRead, Kind::QuorumRead, Kind::Set, Kind::Set, Kind::Set];
    let callers = kinds
        .iter()
        .enumerate()
        .map(|(number, kind)| Caller::new(run.arena, *kind, &subject, &format!("{base}/{number}")));
    let running = RunningCallers::start(callers.collect::<Result<_>>()?, &attempts);
    ensure!(running.wait_for(20), "the callers make no progress before the stop");
    thread::sleep(run.dice.millis(100, 400));
    let stopped = attempts.now();
    run.arena.member(pinned).stop()?;
    thread::sleep(setting.stop);
    let end = attempts.now();
    let traces = running.finish()?;
    // This ends the delays as well.
    run.arena.heal()?;

    let gap = |kind: Kind| {
        let traces = traces.iter().filter(|(own, _)| *own == kind);
        traces.map(|(_, trace)| trace.gap(stopped, end)).max().unwrap_or_default()
    };
    let known = stopped + UNTIL_KNOWN;
    let unknown = |trace: &Trace, later: bool| {
        trace.calls.iter().filter(|call| call.is_unknown() && (call.began > known) == later).count()
    };
    let sets = || traces.iter().filter(|(kind, _)| *kind == Kind::Set).map(|(_, trace)| trace);
    let Failures { errors, texts } = Failures::of(&traces);
    let mut measured = Measured {
        gap: gap(Kind::LocalRead),
        quorum_gap: gap(Kind::QuorumRead),
        at_the_stop: sets().map(|trace| unknown(trace, false)).max().unwrap_or_default(),
        later: sets().map(|trace| unknown(trace, true)).sum(),
        errors,
        notes: vec![format!(
            "{}: member{pinned} stops at {} ms",
            setting.name,
            stopped.as_millis()
        )],
    };
    measured.notes.extend(texts);
    let wrong =
        attempts.between(stopped, end).into_iter().filter(|it| it.failed || it.is_auxiliary);
    measured.notes.extend(wrong.take(40).map(|it| format!("  {it}")));
    Ok(measured)
}

/// A call that begins later than this after the stop must not go to the stopped member. Calls that begin earlier may:
/// the requests before them are still waiting for their responses.
const UNTIL_KNOWN: Duration = Duration::from_millis(1000);
