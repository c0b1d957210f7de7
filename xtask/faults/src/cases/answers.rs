//! Requests that are carried out and whose answers are lost.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::{Outcome, keys::Set};

use super::{
    Case, Run,
    operations::{Kind, NEW, OLD, OPERATIONS, Operation},
};
use crate::{
    arena::MEMBERS,
    contestant::{Ask, Client, Failed, What},
    goal::Goal,
    proxy::{Effect, Entry, FaultProxy, Rule},
};

pub(crate) const LOST_ANSWERS: Case = Case {
    name: "G11",
    title: "lost answers",
    runs: 5,
    links: false,
    with_go: true,
    goals: &[
        Goal::at_least("reads ok", 100.0, "%"),
        Goal::at_least("swaps by index ok", 100.0, "%"),
        Goal::none("false conflicts"),
        Goal::at_least("labels true", 100.0, "%"),
        Goal::none("applied more than once"),
        Goal::none("not applied at all"),
        Goal::noted("other writes ok", "%"),
        Goal::noted("trials", ""),
    ],
    run: |run| matrix(run, &losses(), false),
};

pub(crate) const BENT_REQUESTS: Case = Case {
    name: "P1",
    title: "requests refused or swallowed, bent answers",
    runs: 5,
    links: false,
    with_go: false,
    goals: &[
        Goal::at_least("reads ok", 100.0, "%"),
        Goal::none("false conflicts"),
        Goal::at_least("labels true", 100.0, "%"),
        Goal::none("applied more than once"),
        Goal::noted("swaps by index ok", "%"),
        Goal::noted("other writes ok", "%"),
        Goal::noted("not applied at all", ""),
        Goal::noted("trials", ""),
    ],
    run: |run| matrix(run, &bends(), false),
};

pub(crate) const AT_LEAST_ONCE: Case = Case {
    name: "C2",
    title: "control: at_least_once in the same matrix",
    runs: 1,
    links: false,
    with_go: false,
    goals: &[Goal::at_least("applied more than once", 1.0, "")],
    run: |run| matrix(run, &losses(), true),
};

/// Every way to lose an answer; the truth is the same in all of them.
fn losses() -> Vec<Loss> {
    let body = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
    let length = body.len();
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json";
    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    vec![
        ("closed", Effect::Close),
        ("reset", Effect::Reset),
        ("cut", Effect::CutBody(20)),
        ("500", Effect::Answer { bytes: answer.into_bytes(), forward: true }),
    ]
}

/// What else may happen to an answer, or keep a request from its server.
fn bends() -> Vec<Loss> {
    let pause = Duration::from_millis;
    vec![
        ("closed before", Effect::CloseBefore),
        ("refused", Effect::Refuse),
        ("swallowed", Effect::BlackHole),
        ("late", Effect::Delay(pause(50))),
        ("dripping", Effect::Drip(Duration::from_micros(200))),
        ("split", Effect::Split),
        ("followed", Effect::Extra(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())),
    ]
}

type Loss = (&'static str, Effect);

/// What became of all trials.
#[derive(Debug, Default)]
struct Score {
    trials: usize,
    reads: (usize, usize),
    guarded: (usize, usize),
    writes: (usize, usize),
    true_labels: usize,
    false_conflicts: usize,
    repeated: usize,
    lost: usize,
}

fn matrix(run: &mut Run<'_>, losses: &[Loss], at_least_once: bool) -> Result<()> {
    let mut score = Score::default();
    for fresh in [true, false] {
        for (loss, effect) in losses {
            for operation in OPERATIONS {
                if *effect == Effect::BlackHole && operation.kind != Kind::Read {
                    // Writes are patient, and this says nothing new of them.
                    continue;
                }
                let connection = if fresh { "fresh" } else { "kept" };
                let name = format!("{}-{loss}-{connection}", operation.name).replace(' ', "-");
                let key = format!("{}/{name}", run.base);
                let pinned = run.dice.below(MEMBERS);
                let client = run.contestant.client(&run.arena.proxied(pinned))?;
                let client = client.with(|policy| policy.at_least_once = at_least_once);
                if !fresh {
                    // Its connection is kept, and so is what an HTTP library may think of it.
                    let get = Ask { what: What::Get, key: "/", value: "" };
                    client.ask(&get).map_err(|failed| anyhow!(failed.text))?;
                }
                let told = trial(run, (&client, pinned), operation, &key, effect, &mut score)?;
                if let Some(told) = told {
                    run.note(format!("{name}: {told}"));
                }
            }
        }
    }
    let percent = |(ok, all): (usize, usize)| {
        let [ok, all] = [ok, all].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        100.0 * f64::from(ok) / f64::from(all)
    };
    for (figure, share) in [
        ("reads ok", score.reads),
        ("swaps by index ok", score.guarded),
        ("other writes ok", score.writes),
        ("labels true", (score.true_labels, score.trials)),
    ] {
        run.figures.insert(figure, percent(share));
    }
    run.count("false conflicts", score.false_conflicts);
    run.count("applied more than once", score.repeated);
    run.count("not applied at all", score.lost);
    run.count("trials", score.trials);
    Ok(())
}

/// Carries out one operation whose first answer is lost, and returns what its caller was told, if that
/// was no success.
fn trial(
    run: &Run<'_>,
    (client, pinned): (&Client, usize),
    operation: Operation,
    key: &str,
    effect: &Effect,
    score: &mut Score,
) -> Result<Option<String>> {
    let mut index = 0;
    if operation.needs_key {
        index = run.arena.observer().send(Set::new(key, OLD))?.index().context("no index")?;
    }
    let proxies = run.arena.proxies();
    proxies.iter().for_each(FaultProxy::clear_log);
    proxies[pinned].set_rules([Rule::new(effect.clone()).path(format!("/v2/keys{key}*")).nth(1)]);
    let result = client.ask(&Ask { what: (operation.what)(index), key, value: NEW });
    let log: Vec<_> = proxies.iter().flat_map(FaultProxy::log).collect();
    proxies[pinned].set_rules([]);
    let applied = log.iter().filter(|entry| entry.changed_something()).count();
    let asked = log.iter().filter(|entry| is_forwarded_write(entry)).count();
    let is_guarded = operation.kind == Kind::Guarded;
    let failed = result.err();

    score.trials += 1;
    let share = match operation.kind {
        Kind::Read => &mut score.reads,
        Kind::Guarded => &mut score.guarded,
        Kind::Write => &mut score.writes,
    };
    share.0 += usize::from(failed.is_none());
    share.1 += 1;
    if operation.kind == Kind::Read {
        score.true_labels += usize::from(failed.is_none());
        return Ok(failed.map(|failed| failed.text));
    }
    score.repeated += usize::from(applied > 1 || (asked > 1 && !is_guarded));
    score.lost += usize::from(applied == 0);
    let conflict = failed.as_ref().is_some_and(Failed::is_conflict);
    score.false_conflicts += usize::from(conflict && applied > 0);
    let outcome = failed.as_ref().map(|failed| failed.outcome);
    score.true_labels += usize::from(is_true(outcome, applied > 0));
    if asked > 1 && !is_guarded {
        let asked = log.iter().map(|entry| format!("{} {}", entry.method, entry.target));
        return Ok(Some(format!("asked as {:?}: {failed:?}", asked.collect::<Vec<_>>())));
    }
    Ok(failed.map(|failed| failed.text))
}

fn is_forwarded_write(entry: &Entry) -> bool {
    entry.method != "GET" && entry.forwarded
}

/// Whether what the caller was told agrees with what happened.
fn is_true(outcome: Option<Outcome>, applied: bool) -> bool {
    match outcome {
        None | Some(Outcome::Applied) => applied,
        Some(Outcome::NotSent | Outcome::Rejected) => !applied,
        Some(Outcome::Unknown) => true,
    }
}
