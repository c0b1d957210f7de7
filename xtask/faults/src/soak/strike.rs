//! Faults as they happen.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use etcd_v2_client::keys::{Get, Set};

use super::{
    schedule::{Fault, Round},
    traffic::Traffic,
};
use crate::{
    arena::{Arena, MEMBERS},
    subject::{Colour, Subject},
};

/// Lets happen what the round says, and all be well again.
pub(super) fn strike(round: &Round, arena: &mut Arena, traffic: &Traffic) -> Result<()> {
    let Round { fault, victim, length, .. } = *round;
    thread::sleep(round.before);
    match fault {
        Fault::Kill => arena.member(victim).kill9()?,
        Fault::Restart => {
            arena.member(victim).restart()?;
            return arena.heal();
        }
        Fault::Stop => arena.member(victim).stop()?,
        Fault::Isolate => arena.links().isolate(Some(victim)),
        Fault::Silence => arena.proxies()[victim].hold(true),
        Fault::Cuts => {
            let end = Instant::now() + length;
            while Instant::now() < end {
                arena.proxies().iter().for_each(crate::proxy::FaultProxy::cut);
                thread::sleep(BETWEEN_CUTS);
            }
            return Ok(());
        }
        Fault::Crowd => {
            let subject = Colour::Blocking.subject(&arena.endpoints(victim))?;
            repeat(&subject, 10, 300, |number| {
                Set::new(format!("/soak/elsewhere/{}", number % 7), number.to_string())
            });
            return Ok(());
        }
        Fault::Outage => (0..MEMBERS).try_for_each(|member| arena.member(member).kill9())?,
        Fault::Lag => return lag(arena, traffic, victim),
    }
    thread::sleep(length);
    arena.heal()
}

/// More of the log than is on its way to the member when it begins to hang, and then more than the
/// leader keeps. Reads through consensus fill it and change nothing, and few changes are among them, so
/// that the history still has them.
fn lag(arena: &mut Arena, traffic: &Traffic, victim: usize) -> Result<()> {
    let others = &arena.endpoints(victim)[1..];
    let subject = Colour::Blocking.subject(others)?;
    traffic.slow(true);
    arena.member(victim).stop()?;
    for (readers, each) in [(4, 1000), (16, 350)] {
        repeat(&subject, readers, each, |_| Get::new("/soak/quiet").quorum());
    }
    traffic.slow(false);
    arena.heal()
}

/// Sends requests from so many callers. That some fail beside a fault is no matter.
fn repeat<R>(subject: &Subject, callers: u32, each: u32, request: impl Fn(u32) -> R + Sync)
where
    R: etcd_v2_client::Request + Send + 'static,
    R::Output: Send,
{
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                for number in 0..each {
                    _ = subject.send(request(number));
                }
            });
        }
    });
}

const BETWEEN_CUTS: Duration = Duration::from_millis(120);
