//! Nobody can help for a while.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use etcd_v2_client::keys::Get;

use super::{Case, Run, gaps};
use crate::{
    arena::{Arena, MEMBERS},
    goal::Goal,
    loops::Loops,
    trace::{Call, End},
};

pub(crate) const LOST_QUORUM: Case = Case {
    name: "G5",
    title: "two of three killed for 15 s",
    runs: 5,
    links: false,
    with_go: false,
    goals: &[
        Goal::at_most("read deadline missed by", 100.0, "ms"),
        Goal::none("read errors other than unavailable"),
        Goal::at_most("reads back", 2500.0, "ms"),
        Goal::at_most("swaps back", 2500.0, "ms"),
        Goal::at_most("pushes back", 2500.0, "ms"),
        // The remaining member takes up to two seconds to notice, and then there are 3.5.
        Goal::at_most("longest push", 5500.0, "ms"),
        Goal::none("false conflicts"),
        Goal::none("wrong labels"),
        Goal::none("applied twice"),
        Goal::none("acknowledged and missing"),
        Goal::noted("unknown and applied", ""),
        Goal::none("callers that did not get over it"),
    ],
    run: lose_quorum,
};

fn lose_quorum(run: &mut Run<'_>) -> Result<()> {
    let survivor = run.dice.below(MEMBERS);
    run.note(format!("member{survivor} survives"));
    let urls = run.arena.endpoints(survivor);
    let loops = Loops::start(run.arena, run.contestant, &urls, &run.base)?;
    ensure!(loops.wait_for(20, LONGEST) == 0, "the callers get nowhere even before the fault");
    let others = [(survivor + 1) % MEMBERS, (survivor + 2) % MEMBERS];
    let begin = loops.now();
    for other in others {
        run.arena.member(other).kill9()?;
    }
    thread::sleep(Duration::from_secs(15));
    for other in others {
        run.arena.member(other).restart()?;
    }
    let healed = leader_exists(run.arena, survivor, &loops)?;
    let late = loops.wait_for(20, LONGEST);
    run.count("callers that did not get over it", late);
    let traces = loops.finish()?;
    run.arena.heal()?;
    gaps::take_stock(run, &traces, begin)?;

    let spent = |call: &Call| call.ended - call.began;
    let late = traces.read.failures().map(|call| spent(call).abs_diff(DEADLINE)).max();
    run.millis("read deadline missed by", late.unwrap_or_default());
    let other = |call: &&Call| !matches!(&call.end, End::Failed(failed) if failed.unavailable);
    run.count("read errors other than unavailable", traces.read.failures().filter(other).count());
    let longest = traces.push.calls.iter().map(spent).max();
    run.millis("longest push", longest.unwrap_or_default());
    for (figure, trace) in
        [("reads back", &traces.read), ("swaps back", &traces.swap), ("pushes back", &traces.push)]
    {
        let back = trace.first_success_after(healed).unwrap_or(traces.ended);
        run.millis(figure, back.saturating_sub(healed));
    }
    Ok(())
}

/// Waits until somebody leads again, and returns since when.
fn leader_exists(arena: &Arena, survivor: usize, loops: &Loops) -> Result<Duration> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if arena.leader_seen_by(survivor).is_some() {
            return Ok(loops.now());
        }
        thread::sleep(Duration::from_millis(20));
    }
    None.context("no leader after a minute")
}

pub(crate) const WHOLE_CLUSTER: Case = Case {
    name: "G7",
    title: "all killed, restarted after 2 s",
    runs: 10,
    links: false,
    with_go: false,
    goals: &[
        Goal::none("read errors"),
        Goal::none("swap unknown"),
        Goal::none("other swap errors"),
        Goal::none("false conflicts"),
        // They die one after the other, each perhaps with a push in flight.
        Goal::at_most("push unknown", 3.0, ""),
        Goal::noted("other push errors", ""),
        Goal::at_most("attempts a second", 10.0, ""),
        Goal::none("wrong labels"),
        Goal::none("applied twice"),
        Goal::none("acknowledged and missing"),
        Goal::noted("read gap", "ms"),
        Goal::noted("swap gap", "ms"),
        Goal::noted("push gap", "ms"),
        Goal::none("callers that did not get over it"),
    ],
    run: |run| {
        let pinned = run.dice.below(MEMBERS);
        let subject = run.contestant.subject(&run.arena.endpoints(pinned))?;
        let patience = Duration::from_millis(1800);
        let subject = subject.with(|policy| policy.write_deadline = Some(patience));
        let mut attempts = 0;
        gaps::beside(run, pinned, false, |arena| {
            for member in 0..MEMBERS {
                arena.member(member).kill9()?;
            }
            let began = Instant::now();
            let error = subject.send(Get::new("/").quorum()).err();
            attempts = error.context("somebody answers in a dead cluster")?.attempts().len();
            thread::sleep(Duration::from_secs(2).saturating_sub(began.elapsed()));
            (0..MEMBERS).try_for_each(|member| arena.member(member).restart())
        })?;
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        run.figures.insert("attempts a second", f64::from(attempts) / patience.as_secs_f64());
        Ok(())
    },
};

/// The default one of quorum reads.
const DEADLINE: Duration = Duration::from_secs(8);
const LONGEST: Duration = Duration::from_secs(20);
