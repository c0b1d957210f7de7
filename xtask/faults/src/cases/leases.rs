//! A refresh that a member holds until it has a leader again, behind a later one that was acknowledged.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};
use etcd_v2_client::{
    Error, Outcome,
    keys::{Change, Get, Set},
};

use super::{Case, Run};
use crate::{arena::MEMBERS, goal::Goal, subject::Subject};

pub(crate) const REFRESH_BY_INDEX: Case = Case {
    name: "G15",
    title: "abandoned refresh, by the index",
    runs: 5,
    links: false,
    with_go: false,
    goals: &[
        Goal::at_most("expiry set back by", 0.0, "ms"),
        Goal::none("later refreshes that failed"),
        Goal::none("wrong labels"),
        Goal::noted("abandoned refresh was held for", "ms"),
    ],
    run: |run| abandon(run, Condition::Index),
};

pub(crate) const REFRESH_BY_VALUE: Case = Case {
    name: "C5",
    title: "control: abandoned refresh, by the value",
    runs: 3,
    links: false,
    with_go: false,
    goals: &[Goal::once_at_least("expiry set back by", 500.0, "ms")],
    run: |run| abandon(run, Condition::Value),
};

#[derive(Clone, Copy, Debug)]
enum Condition {
    Index,
    Value,
}

/// The owner of a lease refreshes it at a member without a leader, gives up, and refreshes it at the others while that
/// member is stopped. Then the member continues, with the first refresh still in its hands.
fn abandon(run: &mut Run<'_>, condition: Condition) -> Result<()> {
    let victim = run.arena.follower(&mut run.dice)?;
    let others = [(victim + 1) % MEMBERS, (victim + 2) % MEMBERS];
    let urls = run.arena.endpoints(victim);
    let (at_victim, at_others) =
        (run.contestant.subject(&urls[..1])?, run.contestant.subject(&urls[1..])?);
    let key = run.base.clone();
    let created = run.arena.observer().send(Set::create(&key, OWNER).ttl(TTL))?;
    let index = created.index().context("no index")?;
    run.note(format!("member{victim} has the first refresh"));

    for other in others {
        run.arena.member(other).stop()?;
    }
    wait_until("the member notices that it has no leader", || {
        run.arena.leader_seen_by(victim).is_none()
    })?;
    let sent = Instant::now();
    let impatient = at_victim.with(|policy| policy.write_deadline = Some(ABANDONED_AFTER));
    let first = refresh(&impatient, &key, condition, index);
    run.arena.member(victim).stop()?;
    for other in others {
        run.arena.member(other).cont()?;
    }
    let second = refresh(&at_others, &key, condition, index);
    run.arena.member(victim).cont()?;
    run.millis("abandoned refresh was held for", sent.elapsed());
    run.arena.heal()?;

    let denied = |told: &Result<Change, Error>| {
        !matches!(told.as_ref().map_err(Error::outcome), Err(Outcome::Unknown))
    };
    run.count("wrong labels", usize::from(denied(&first)));
    run.count("later refreshes that failed", usize::from(second.is_err()));
    let now = run.arena.observer().send(Get::new(&key).quorum())?;
    match second {
        Ok(second) => {
            let back = expiration(&second)?.duration_since(expiration(&now)?);
            run.millis("expiry set back by", back.unwrap_or_default());
        }
        Err(error) => run.note(format!("the later refresh failed: {error}")),
    }
    Ok(())
}

fn refresh(
    subject: &Subject,
    key: &str,
    condition: Condition,
    index: u64,
) -> Result<Change, Error> {
    let refresh = Set::refresh(key, TTL);
    subject.send(match condition {
        Condition::Index => refresh.if_index(index),
        Condition::Value => refresh.if_value(OWNER),
    })
}

fn expiration(change: &Change) -> Result<SystemTime> {
    let node = change.node().context("no node")?;
    node.expiration().context("the key has no expiration")
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + LONGEST;
    while Instant::now() < deadline {
        if is_so() {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    bail!("{what}: not within {} s", LONGEST.as_secs())
}

const OWNER: &str = "me";
/// So long that the key outlives the case on any machine.
const TTL: Duration = Duration::from_secs(300);
/// After so long the owner gives up.
const ABANDONED_AFTER: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
