//! Writes that a stopped member still holds when it goes on.

use std::thread;

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::{
    Outcome,
    keys::{Get, Set},
};

use super::{Case, Run};
use crate::{arena::Arena, goal::Goal, subject::Colour};

pub(crate) const ABANDONED_WRITES: Case = Case {
    name: "G12",
    title: "abandoned write, 24 callers",
    runs: 1,
    links: false,
    goals: &[
        Goal::none("acknowledged swaps overwritten"),
        Goal::none("ok for a write that overwrote a later one"),
        Goal::none("wrong labels"),
        Goal::none("no second write"),
        Goal::noted("sets overwritten by one said to be unknown", ""),
        Goal::noted("first writes unknown", ""),
    ],
    run: abandon,
};

/// What a caller was told of its two writes.
#[derive(Debug)]
struct Told {
    key: String,
    swaps: bool,
    first: Result<(), Outcome>,
    second: bool,
}

fn abandon(run: &mut Run<'_>) -> Result<()> {
    let victim = run.arena.follower(&mut run.dice)?;
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let (key, swaps) = (format!("{}/{number}", run.base), number % 2 == 0);
        let index =
            run.arena.observer().send(Set::new(&key, "none"))?.index().context("no index")?;
        callers.push((key, swaps, index));
    }
    run.note(format!("member{victim} is stopped"));
    run.arena.member(victim).stop()?;
    let work = callers.into_iter().map(|(key, swaps, index)| {
        let (colour, urls) = (run.colour, run.arena.endpoints(victim));
        thread::spawn(move || call(colour, &urls, key, swaps, index))
    });
    let work: Vec<_> = work.collect();
    let told =
        work.into_iter().map(|caller| caller.join().map_err(|_| anyhow!("a caller panicked"))?);
    let told = told.collect::<Result<Vec<_>>>()?;
    run.arena.heal()?;
    for told in told {
        judge(run, &told)?;
    }
    Ok(())
}

/// Writes twice, one after the other, as a caller does who goes on after an error.
fn call(colour: Colour, urls: &[String], key: String, swaps: bool, index: u64) -> Result<Told> {
    let subject = colour.subject(urls)?;
    let first = Set::new(&key, "first");
    let first = subject.send(if swaps { first.if_index(index) } else { first });
    let second = if swaps {
        let now = subject.send(Get::new(&key).quorum()).ok().and_then(|now| now.index());
        now.is_some_and(|index| subject.send(Set::new(&key, "second").if_index(index)).is_ok())
    } else {
        subject.send(Set::new(&key, "second")).is_ok()
    };
    let first = first.map(|_| ()).map_err(|error| error.outcome());
    Ok(Told { key, swaps, first, second })
}

fn judge(run: &mut Run<'_>, told: &Told) -> Result<()> {
    let now = read(run.arena, &told.key)?;
    let overwritten = told.second && now != "second";
    let applied = now == "first";
    let denied = matches!(told.first, Err(Outcome::NotSent | Outcome::Rejected));
    for (figure, count) in [
        ("acknowledged swaps overwritten", told.swaps && overwritten),
        ("ok for a write that overwrote a later one", told.first.is_ok() && overwritten),
        ("wrong labels", denied && applied),
        ("no second write", !told.second),
        ("sets overwritten by one said to be unknown", !told.swaps && overwritten && !denied),
        ("first writes unknown", told.first == Err(Outcome::Unknown)),
    ] {
        run.add(figure, usize::from(count));
    }
    if overwritten || !told.second {
        run.note(format!("{told:?}, and there is {now:?}"));
    }
    Ok(())
}

fn read(arena: &Arena, key: &str) -> Result<String> {
    let now = arena.observer().send(Get::new(key).quorum())?;
    now.into_value().context("the key has gone")
}

/// Half of them swap by index, and half of them set.
const CALLERS: usize = 24;
