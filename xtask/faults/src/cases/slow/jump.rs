//! A member whose delay jumps, and jumps back.

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
};

pub(in crate::cases) const JUMP: Case = Case {
    name: "D2",
    title: "the delay of the pinned member jumps from 5 to 250 ms and back",
    runs: 5,
    links: false,
    with_go: false,
    goals: &[
        Goal::at_most("timeouts after the delay grows", MOST, ""),
        Goal::at_most("timeouts after the delay shrinks", MOST, ""),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| {
        count_timeouts(run, PAUSE)?;
        run.arena.heal()
    },
};

/// Counts the timeouts after each of two changes of the delay, in this time.
pub(super) fn count_timeouts(run: &mut Run<'_>, pause: Duration) -> Result<()> {
    let timeouts = measure_again(run, Timeouts::is_met, |run, attempt| {
        measure(run, &format!("{}/jump-{attempt}", run.base), pause)
    })?;
    timeouts.report(run);
    Ok(())
}

/// How many attempts timed out.
#[derive(Debug)]
struct Timeouts {
    far: usize,
    back: usize,
    errors: usize,
    notes: Vec<String>,
}

impl Timeouts {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn is_met(&self) -> bool {
        self.far.max(self.back) as f64 <= MOST && self.errors == 0
    }

    fn report(self, run: &mut Run<'_>) {
        run.count("timeouts after the delay grows", self.far);
        run.count("timeouts after the delay shrinks", self.back);
        run.add("errors", self.errors);
        run.notes.extend(self.notes);
    }
}

/// Changes the delay and changes it back, and waits for `pause` after each change.
fn measure(run: &mut Run<'_>, base: &str, pause: Duration) -> Result<Timeouts> {
    let pinned = run.dice.below(crate::arena::MEMBERS);
    let attempts = Attempts::new();
    let subject = run.contestant.recorded(&run.arena.relayed(pinned), &attempts)?;
    run.arena.far().set_round_trips(NEAR);
    let callers = Kind::ALL.map(|kind| Caller::new(run.arena, kind, &subject, base));
    let running = RunningCallers::start(callers.into_iter().collect::<Result<_>>()?, &attempts);
    ensure!(running.wait_for(20), "the callers make no progress before the delay changes");
    thread::sleep(pause / 4);
    let mut moments = Vec::new();
    for round_trip in [FAR, NEAR] {
        moments.push(attempts.now());
        run.arena.far().set_round_trip(pinned, round_trip);
        thread::sleep(pause);
    }
    let end = attempts.now();
    let traces = running.finish()?;
    run.arena.far().set_round_trips(Duration::ZERO);
    let mut notes = vec![format!("member{pinned} is pinned")];
    let mut timeouts = |from, to, what: &str| {
        let all = attempts.between(from, to);
        let late = all.iter().filter(|it| it.timed_out).count();
        notes.push(format!("{what}: {late} timeouts of {} attempts", all.len()));
        let wrong = all.iter().filter(|it| it.failed || it.is_auxiliary);
        notes.extend(wrong.take(20).map(|it| format!("  {it}")));
        late
    };
    let (far, back) = (timeouts(moments[0], moments[1], "far"), timeouts(moments[1], end, "back"));
    let failures = Failures::of(&traces);
    notes.extend(failures.texts);
    Ok(Timeouts { far, back, errors: failures.errors, notes })
}

/// The round trip before and after the jump.
const NEAR: Duration = Duration::from_millis(5);
const FAR: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_secs(6);
/// How many timeouts a change may cause.
const MOST: f64 = 3.0;
