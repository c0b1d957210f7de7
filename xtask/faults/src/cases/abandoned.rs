//! Writes that a stopped member still holds when it goes on.

use std::thread;

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::{
    Outcome,
    keys::{Get, Set},
};

use super::{Case, Run};
use crate::{
    arena::Arena,
    contestant::{Ask, Contestant, What},
    goal::Goal,
};

pub(crate) const ABANDONED_WRITES: Case = Case {
    name: "G12",
    title: "abandoned write, 24 callers",
    runs: 1,
    links: false,
    with_go: true,
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
        let (contestant, urls) = (run.contestant, run.arena.endpoints(victim));
        thread::spawn(move || call(contestant, &urls, key, swaps, index))
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
fn call(
    contestant: Contestant,
    urls: &[String],
    key: String,
    swaps: bool,
    index: u64,
) -> Result<Told> {
    let client = contestant.client(urls)?;
    let ask = |what, value| client.ask(&Ask { what, key: &key, value });
    let first = ask(if swaps { What::Swap(index) } else { What::Set }, "first");
    let second = if swaps {
        let now = ask(What::Get, "").ok().and_then(|now| now.index);
        now.is_some_and(|index| ask(What::Swap(index), "second").is_ok())
    } else {
        ask(What::Set, "second").is_ok()
    };
    let first = first.map(|_| ()).map_err(|failed| failed.outcome);
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
        (
            "sets overwritten by one said to be unknown",
            !told.swaps && overwritten && told.first.is_err() && !denied,
        ),
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
