//! A watch and a mirror whose server is far away. Each is the first operation of its client.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use etcd_v2_client::keys::{Get, Set, Wait};

use crate::{
    attempts::Attempts,
    cases::{Case, Run},
    goal::Goal,
    stream::Stream,
    subject::Item,
};

pub(in crate::cases) const STREAMS: Case = Case {
    name: "D4",
    title: "a watch and a mirror 300 ms away",
    runs: 3,
    links: false,
    with_go: false,
    goals: &[
        Goal::none("gaps"),
        Goal::none("lost"),
        Goal::none("delivered twice or out of order"),
        Goal::none("keys that differ in the mirror"),
        Goal::none("needless requests of the watch"),
        Goal::none("needless requests of the mirror"),
        Goal::none("attempts that failed"),
    ],
    run: |run| {
        let measured = watch(run).and_then(|()| mirror(run));
        run.arena.heal()?;
        measured
    },
};

fn watch(run: &mut Run<'_>) -> Result<()> {
    let (key, attempts) = (format!("{}/watched", run.base), Attempts::new());
    let pinned = run.arena.follower(&mut run.dice)?;
    let subject = run.contestant.recorded(&run.arena.relayed(pinned), &attempts)?;
    let begin = run.arena.observer().send(Set::mkdir(&key))?.index().context("no index")?;
    run.arena.far().set_round_trips(FAR);
    let watching = subject.watch(Wait::new(&key).recursive().after(begin));
    thread::sleep(QUIET);
    let written = write(run, &key)?;
    let (mut stream, mut gaps, began) = (Stream::default(), 0, Instant::now());
    while stream.changes.last().is_none_or(|(index, _)| Some(index) != written.last()) {
        match watching.next(PATIENCE) {
            Item::Change(change) => {
                stream.changes.extend(change.index().map(|index| (index, began.elapsed())));
            }
            Item::Error(error) => {
                gaps += usize::from(error.gap().is_some());
                run.note(format!("the watch: {error}"));
            }
            Item::Nothing | Item::End => break,
        }
    }
    // Then the next wait has been sent.
    thread::sleep(QUIET);
    let faults = stream.faults(&written);
    run.count("gaps", gaps);
    run.count("lost", faults.lost);
    run.count("delivered twice or out of order", faults.twice + faults.out_of_order);
    let needed = stream.changes.len() + SPARE;
    run.count("needless requests of the watch", requests(run, &key).saturating_sub(needed));
    note_failures(run, &attempts);
    Ok(())
}

fn mirror(run: &mut Run<'_>) -> Result<()> {
    let (key, attempts) = (format!("{}/mirrored", run.base), Attempts::new());
    let pinned = run.arena.follower(&mut run.dice)?;
    let subject = run.contestant.recorded(&run.arena.relayed(pinned), &attempts)?;
    run.arena.observer().send(Set::mkdir(&key))?;
    run.arena.far().set_round_trips(FAR);
    let mirroring = subject.mirror(&key);
    thread::sleep(QUIET);
    let written = write(run, &key)?;
    let truth = run.arena.observer().send(Get::new(&key).quorum())?;
    let differ = || {
        let copy = mirroring.mirror.snapshot();
        let children = truth.node().into_iter().flat_map(|node| node.children());
        children.filter(|node| copy.value(node.key()) != node.value()).count()
    };
    let deadline = Instant::now() + PATIENCE;
    while differ() > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(QUIET);
    let count = differ();
    run.count("keys that differ in the mirror", count);
    let needed = written.len() + SPARE;
    run.count("needless requests of the mirror", requests(run, &key).saturating_sub(needed));
    note_failures(run, &attempts);
    Ok(())
}

/// Changes keys first at a pace at which each change can be delivered separately, then faster. Returns the index of
/// each write.
fn write(run: &Run<'_>, key: &str) -> Result<Vec<u64>> {
    let mut written = Vec::new();
    for number in 0..SLOW_WRITES + FAST_WRITES {
        let set = Set::new(format!("{key}/{}", number % 5), number.to_string());
        written.push(run.arena.observer().send(set)?.index().context("no index")?);
        if number < SLOW_WRITES {
            thread::sleep(FAR + Duration::from_millis(20));
        }
    }
    Ok(written)
}

/// How many requests for this key the proxies have seen.
fn requests(run: &Run<'_>, key: &str) -> usize {
    let own = format!("/v2/keys{key}");
    let logs = run.arena.proxies().iter().flat_map(|proxy| proxy.log());
    logs.filter(|entry| entry.target.starts_with(&own)).count()
}

fn note_failures(run: &mut Run<'_>, attempts: &Attempts) {
    let all = attempts.between(Duration::ZERO, Duration::MAX);
    let failed: Vec<_> = all.into_iter().filter(|it| it.failed).collect();
    run.add("attempts that failed", failed.len());
    run.notes.extend(failed.iter().take(20).map(ToString::to_string));
}

const FAR: Duration = Duration::from_millis(300);
const QUIET: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(15);
const SLOW_WRITES: usize = 10;
const FAST_WRITES: usize = 15;
/// The first listing, the wait that is open at the end, and requests that check the position.
const SPARE: usize = 4;
