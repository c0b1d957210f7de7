//! A member that gets far away, and comes back.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};

use super::{
    callers::{Caller, Kind},
    measure_again,
    side_by_side::{Beside, Trouble},
};
use crate::{
    attempts::Attempts,
    cases::{Case, Run},
    goal::Goal,
};

pub(in crate::cases) const JUMP: Case = Case {
    name: "D2",
    title: "the way to the pinned member changes from 5 to 250 ms and back",
    runs: 5,
    links: false,
    with_go: false,
    goals: &[
        Goal::at_most("timeouts after it gets far", MOST, ""),
        Goal::at_most("timeouts after it comes back", MOST, ""),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| {
        let timeouts = measure_again(run, Timeouts::is_met, |run, attempt| {
            measure(run, &format!("{}/{attempt}", run.base), PAUSE)
        })?;
        timeouts.report(run);
        run.arena.heal()
    },
};

/// How many attempts timed out.
#[derive(Debug)]
pub(super) struct Timeouts {
    far: usize,
    back: usize,
    errors: usize,
    notes: Vec<String>,
}

impl Timeouts {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(super) fn is_met(&self) -> bool {
        self.far.max(self.back) as f64 <= MOST && self.errors == 0
    }

    pub(super) fn report(self, run: &mut Run<'_>) {
        run.count("timeouts after it gets far", self.far);
        run.count("timeouts after it comes back", self.back);
        run.add("errors", self.errors);
        run.notes.extend(self.notes);
    }
}

/// Changes the way twice and back, waiting for so long after each change.
pub(super) fn measure(run: &mut Run<'_>, base: &str, pause: Duration) -> Result<Timeouts> {
    let pinned = run.dice.below(crate::arena::MEMBERS);
    let attempts = Attempts::new();
    let subject = run.contestant.recorded(&run.arena.relayed(pinned), &attempts)?;
    run.arena.far().set_round_trips(NEAR);
    let callers = Kind::ALL.map(|kind| Caller::new(run.arena, kind, &subject, base));
    let beside = Beside::start(callers.into_iter().collect::<Result<_>>()?, &attempts);
    ensure!(beside.wait_for(20), "the callers get nowhere even before the way changes");
    thread::sleep(pause / 4);
    let mut moments = Vec::new();
    for round_trip in [FAR, NEAR] {
        moments.push(attempts.now());
        run.arena.far().set_round_trip(pinned, round_trip);
        thread::sleep(pause);
    }
    let end = attempts.now();
    let traces = beside.finish()?;
    run.arena.far().set_round_trips(Duration::ZERO);
    let mut notes = vec![format!("member{pinned} is pinned")];
    let mut timeouts = |from, to, what: &str| {
        let all = attempts.between(from, to);
        let late = all.iter().filter(|it| it.timed_out).count();
        notes.push(format!("{what}: {late} timeouts of {} attempts", all.len()));
        let wrong = all.iter().filter(|it| it.failed || it.aside);
        notes.extend(wrong.take(20).map(|it| format!("  {it}")));
        late
    };
    let (far, back) = (timeouts(moments[0], moments[1], "far"), timeouts(moments[1], end, "back"));
    let trouble = Trouble::of(&traces);
    notes.extend(trouble.texts);
    Ok(Timeouts { far, back, errors: trouble.errors, notes })
}

/// There and back.
const NEAR: Duration = Duration::from_millis(5);
const FAR: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(6);
/// Timeouts for each change.
const MOST: f64 = 3.0;
