//! Watches whose server goes away in one way or another.

mod writer;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use etcd_v2_client::keys::{Get, Wait};

use self::writer::Writer;
use super::{Case, Run};
use crate::{
    arena::{Arena, MEMBERS},
    goal::Goal,
    proxy::{Effect, Rule},
    stream::Stream,
    subject::{Item, Watching},
};

pub(crate) const WATCHES: Case = Case {
    name: "G14",
    title: "watch",
    runs: 10,
    links: true,
    with_go: false,
    goals: &[
        Goal::none("lost without a word"),
        Goal::none("delivered twice"),
        Goal::none("out of order"),
        Goal::none("ended for good"),
        Goal::at_most("silence, killed", 2500.0, "ms"),
        Goal::at_most("silence, stopped", 2500.0, "ms"),
        Goal::at_most("silence, cut from the client", 2500.0, "ms"),
        // Three seconds after the election timeout.
        Goal::at_most("silence, cut from its peers", 4000.0, "ms"),
        Goal::noted("silence, lost answers", "ms"),
        Goal::noted("gaps announced", ""),
    ],
    run: |run| {
        for name in ["lost without a word", "delivered twice", "out of order"] {
            run.count(name, 0);
        }
        run.count("ended for good", 0);
        run.count("gaps announced", 0);
        for fault in FAULTS {
            beside(run, &fault)?;
        }
        before_the_first_change(run)
    },
};

/// Something that happens to the member that a watch listens to.
struct Fault {
    figure: &'static str,
    strike: fn(&mut Arena, usize) -> Result<()>,
}

const FAULTS: [Fault; 5] = [
    Fault { figure: "silence, killed", strike: |arena, victim| arena.member(victim).kill9() },
    Fault { figure: "silence, stopped", strike: |arena, victim| arena.member(victim).stop() },
    Fault {
        figure: "silence, cut from the client",
        strike: |arena, victim| {
            arena.proxies()[victim].hold(true);
            Ok(())
        },
    },
    Fault {
        figure: "silence, cut from its peers",
        strike: |arena, victim| {
            arena.links().isolate(Some(victim));
            Ok(())
        },
    },
    Fault {
        figure: "silence, lost answers",
        strike: |arena, _| {
            let losses = [Effect::Close, Effect::Reset, Effect::CutBody(20), Effect::Truncate(30)];
            for proxy in arena.proxies() {
                // Each wait is another one's loss.
                let rules = losses.iter().zip(1_u64..).flat_map(|(effect, first)| {
                    let rule = |round: u64| {
                        Rule::new(effect.clone())
                            .method("GET")
                            .path("*wait=true*")
                            .nth(first + 8 * round)
                    };
                    (0..5_u64).map(rule).collect::<Vec<_>>()
                });
                proxy.set_rules(rules);
            }
            Ok(())
        },
    },
];

fn beside(run: &mut Run<'_>, fault: &Fault) -> Result<()> {
    let victim = run.arena.follower(&mut run.dice)?;
    let key = format!("{}/{}", run.base, fault.figure.replace([' ', ','], "-"));
    let begin = run.arena.observer().send(Get::new("/").quorum())?.etcd_index();
    let writer = Writer::start(run, (victim + 1) % MEMBERS, &key)?;
    let subject = run.contestant.subject(&run.arena.proxied(victim))?;
    let wait = Wait::new(&key).recursive().after(begin.context("a read without an index")?);
    let mut listener = Listener::new(subject.watch(wait), writer.began());
    listener.listen(Duration::from_millis(700));
    ensure!(!listener.stream.changes.is_empty(), "the watch hears nothing even before the fault");

    // The hardest time to notice: everything has been said, and the next wait has begun.
    writer.pause(true);
    listener.listen(Duration::from_millis(200));
    let struck = writer.now();
    (fault.strike)(run.arena, victim)?;
    thread::sleep(Duration::from_millis(50));
    writer.pause(false);
    listener.listen(Duration::from_millis(700));
    let limit = writer.now() + PATIENCE;
    while listener.quiet_since(writer.now()) > Duration::from_millis(300) && writer.now() < limit {
        listener.listen(Duration::from_millis(100));
    }
    let silence = listener.stream.silence(struck, writer.now());
    run.millis(fault.figure, silence);
    let written = writer.finish()?;
    run.arena.heal()?;
    listener.catch_up(&written);
    take_stock(run, fault.figure, &listener, &written);
    Ok(())
}

/// A watch that begins now, whose server dies before there was anything to tell.
fn before_the_first_change(run: &mut Run<'_>) -> Result<()> {
    let victim = run.arena.follower(&mut run.dice)?;
    let key = format!("{}/first", run.base);
    let subject = run.contestant.subject(&run.arena.proxied(victim))?;
    run.arena.proxies()[victim].clear_log();
    let mut listener = Listener::new(subject.watch(Wait::new(&key).recursive()), Instant::now());
    let deadline = Instant::now() + PATIENCE;
    while run.arena.proxies()[victim].log().iter().all(|entry| entry.status.is_none()) {
        ensure!(Instant::now() < deadline, "the watch does not begin");
        thread::sleep(Duration::from_millis(5));
    }
    // The client has the head of the answer by now, or gets it before it hears of the death.
    thread::sleep(Duration::from_millis(100));
    run.arena.member(victim).kill9()?;
    let writer = Writer::start(run, (victim + 1) % MEMBERS, &key)?;
    listener.listen(Duration::from_millis(500));
    let written = writer.finish()?;
    listener.catch_up(&written);
    run.arena.heal()?;
    take_stock(run, "before the first change", &listener, &written);
    Ok(())
}

fn take_stock(run: &mut Run<'_>, what: &str, listener: &Listener, written: &[u64]) {
    let faults = listener.stream.faults(written);
    let changes = listener.stream.changes.len();
    run.note(format!(
        "{what}: {} written, {changes} heard, {faults:?}; {:?}",
        written.len(),
        listener.errors
    ));
    run.add("lost without a word", faults.lost);
    run.add("delivered twice", faults.twice);
    run.add("out of order", faults.out_of_order);
    run.add("ended for good", usize::from(listener.ended));
    run.add("gaps announced", listener.stream.gaps.len());
}

/// Whoever asks a watch for changes.
struct Listener {
    watch: Watching,
    clock: Instant,
    stream: Stream,
    ended: bool,
    errors: Vec<String>,
}

impl Listener {
    fn new(watch: Watching, clock: Instant) -> Self {
        Self { watch, clock, stream: Stream::default(), ended: false, errors: Vec::new() }
    }

    fn listen(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now())
            && !self.ended
        {
            match self.watch.next(left) {
                Item::Change(change) => {
                    let at = self.clock.elapsed();
                    self.stream.changes.extend(change.index().map(|index| (index, at)));
                }
                Item::Error(error) => {
                    self.stream.gaps.extend(error.gap().map(|gap| gap.from..=gap.to));
                    if self.errors.len() < 5 {
                        self.errors.push(error.to_string());
                    }
                }
                Item::Nothing => {}
                Item::End => self.ended = true,
            }
        }
    }

    /// For how long nothing has come.
    fn quiet_since(&self, now: Duration) -> Duration {
        let last = self.stream.changes.last().map_or(Duration::ZERO, |(_, at)| *at);
        now.saturating_sub(last)
    }

    /// Listens until everything has come, or for long enough.
    fn catch_up(&mut self, written: &[u64]) {
        let deadline = Instant::now() + PATIENCE;
        let last = written.last().copied().unwrap_or_default();
        while self.stream.changes.last().is_none_or(|(index, _)| *index < last)
            && !self.ended
            && Instant::now() < deadline
        {
            self.listen(Duration::from_millis(50));
        }
    }
}

pub(crate) const OFF_BY_ONE: Case = Case {
    name: "C3",
    title: "control: a watch that goes on one index too late",
    runs: 1,
    links: false,
    with_go: false,
    goals: &[Goal::at_least("lost without a word", 1.0, "")],
    run: |run| {
        let key = format!("{}/late", run.base);
        let subject = run.contestant.subject(&run.arena.endpoints(0))?;
        let writer = Writer::start(run, 1, &key)?;
        let mut stream = Stream::default();
        let mut wait = Wait::new(&key).recursive();
        while writer.now() < Duration::from_secs(2) {
            let change = subject.send(wait)?;
            let index = change.index().context("a change without an index")?;
            stream.changes.push((index, writer.now()));
            wait = Wait::new(&key).recursive().after(index + 1);
        }
        let mut written = writer.finish()?;
        // Only what lies between two changes that it has heard can be said to be lost.
        let heard = stream.changes.first().zip(stream.changes.last());
        let (first, last) =
            heard.map(|(first, last)| (first.0, last.0)).context("nothing heard")?;
        written.retain(|index| (first..=last).contains(index));
        run.count("lost without a word", stream.faults(&written).lost);
        Ok(())
    },
};

const PATIENCE: Duration = Duration::from_secs(6);
