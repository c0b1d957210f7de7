//! Many callers at once: did they see what one copy of the data would have shown them?

mod caller;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use etcd_v2_client::keys::{Get, Set};

use self::caller::{Caller, Seen};
use super::{Case, Run};
use crate::{
    arena::MEMBERS,
    contestant::What,
    goal::Goal,
    history::{Ended, Pushes, Verdict, check},
};

pub(crate) const HISTORIES: Case = Case {
    name: "G13",
    title: "histories of 6 callers, 4 faults in turn",
    runs: 40,
    links: true,
    with_go: true,
    goals: &[
        Goal::none("not linearizable"),
        Goal::none("undecided"),
        Goal::none("pushes wrong"),
        Goal::noted("operations", ""),
        Goal::noted("unknown", ""),
    ],
    run: |run| {
        let fault = FAULTS[usize::try_from(run.number - 1)? % FAULTS.len()];
        let seen = gather(run, true, false, |run| strike_twice(run, fault))?;
        judge(run, &seen)
    },
};

pub(crate) const LOCAL_READS: Case = Case {
    name: "C1",
    title: "control: local reads, one member cut from its peers",
    runs: 5,
    links: true,
    with_go: false,
    goals: &[Goal::once_at_least("not linearizable", 1.0, "")],
    run: |run| {
        let seen = gather(run, false, false, |run| strike_twice(run, Fault::Isolate))?;
        judge(run, &seen)
    },
};

pub(crate) const REPEATED_WRITES: Case = Case {
    name: "C4",
    title: "control: at_least_once beside stopped members",
    runs: 3,
    links: false,
    with_go: false,
    goals: &[
        Goal::once_at_least("violations", 1.0, ""),
        Goal::noted("not linearizable", ""),
        Goal::noted("pushes wrong", ""),
    ],
    run: |run| {
        let seen = gather(run, true, true, |run| strike_twice(run, Fault::Stop))?;
        judge(run, &seen)
    },
};

/// Breaks something for a while and lets it be whole again, twice.
fn strike_twice(run: &mut Run<'_>, fault: Fault) -> Result<()> {
    strike(run, fault)?;
    strike(run, fault)
}

fn strike(run: &mut Run<'_>, fault: Fault) -> Result<()> {
    thread::sleep(run.dice.millis(1000, 1800));
    let victim = run.dice.below(MEMBERS);
    let victim = if fault == Fault::StopLeader { run.arena.leader()? } else { victim };
    run.note(format!("{fault:?}: member{victim}"));
    match fault {
        Fault::Kill => run.arena.member(victim).kill9()?,
        Fault::Stop | Fault::StopLeader => run.arena.member(victim).stop()?,
        Fault::Isolate => run.arena.links().isolate(Some(victim)),
    }
    thread::sleep(run.dice.millis(1500, 2500));
    match fault {
        Fault::Kill => run.arena.member(victim).restart()?,
        Fault::Stop | Fault::StopLeader => run.arena.member(victim).cont()?,
        Fault::Isolate => run.arena.links().isolate(None),
    }
    thread::sleep(Duration::from_millis(1200));
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Stop,
    StopLeader,
    Isolate,
}

/// In the order of the runs. The short form has two runs, so the telling ones come first.
const FAULTS: [Fault; 4] = [Fault::Stop, Fault::Kill, Fault::StopLeader, Fault::Isolate];

/// Lets the callers work while something happens, and returns what they have seen.
fn gather(
    run: &mut Run<'_>,
    quorum: bool,
    at_least_once: bool,
    happening: impl FnOnce(&mut Run<'_>) -> Result<()>,
) -> Result<Seen> {
    run.arena.observer().send(Set::mkdir(format!("{}/queue", run.base)))?;
    let over = Arc::new(AtomicBool::new(false));
    let values = Arc::new(AtomicU32::new(1));
    let began = Instant::now();
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let client = run.contestant.client(&run.arena.endpoints(number % MEMBERS))?;
        let client = client.with(|policy| policy.at_least_once = at_least_once);
        let client = if number < PATIENT {
            client
        } else {
            // The impatient leave more behind that may still be carried out.
            client.with(|policy| policy.write_head = Some(Duration::from_millis(700)))
        };
        let caller = Caller {
            client,
            get: if quorum { What::Get } else { What::LocalGet },
            base: run.base.clone(),
            dice: crate::dice::Dice::new(run.dice.next(), &[]),
            values: Arc::clone(&values),
            began,
            known: [None; KEYS],
        };
        let over = Arc::clone(&over);
        callers.push(thread::spawn(move || caller.work(|| over.load(Ordering::Relaxed))));
    }
    let happened = happening(run);
    over.store(true, Ordering::Relaxed);
    let mut all = Seen::default();
    for caller in callers {
        all.extend(caller.join().map_err(|_| anyhow!("a caller panicked"))?);
    }
    happened?;
    run.arena.heal()?;
    Ok(all)
}

fn judge(run: &mut Run<'_>, seen: &Seen) -> Result<()> {
    let mut operations = seen.pushes.len();
    let mut unknown = seen.pushes.iter().filter(|pushed| pushed.ended == Ended::Unknown).count();
    run.count("not linearizable", 0);
    run.count("undecided", 0);
    for (key, history) in seen.keys.iter().enumerate() {
        operations += history.len();
        unknown += history.iter().filter(|operation| operation.ended == Ended::Unknown).count();
        match check(history) {
            Verdict::Linearizable => {}
            Verdict::Violation => {
                run.note(format!("no register behaves like key {key} did"));
                run.add("not linearizable", 1);
            }
            Verdict::Undecided => run.add("undecided", 1),
        }
    }
    let queue = run.arena.observer().send(Get::new(format!("{}/queue", run.base)).quorum())?;
    let children = queue.node().into_iter().flat_map(|node| node.children());
    let there = children.filter_map(|child| Some((child.name(), child.value()?)));
    let violations = Pushes(seen.pushes.clone()).violations(there);
    run.count("pushes wrong", violations.len());
    let all = run.figures["not linearizable"] + run.figures["pushes wrong"];
    run.figures.insert("violations", all);
    run.notes.extend(violations.into_iter().take(10));
    run.count("operations", operations);
    run.count("unknown", unknown);
    Ok(())
}

const CALLERS: usize = 6;
const PATIENT: usize = 2;
const KEYS: usize = 2;
