//! Events in any order at all, for exchanges and watches. Shared with the fuzz targets.
//!
//! The first byte is the kind of the request, the second the endpoints and the policy. Then each pair
//! of bytes is what the driver says next and how it says it.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Consistency, Conversation, Error, Event, Exchange, Outcome, Policy, Purpose,
    Request, Route, Watch,
};

use super::driver::{Doing, Driver, event};

/// Talks a conversation through with a driver that says anything.
pub(crate) fn events(data: &[u8]) {
    let (head, says) = data.split_at(data.len().min(2));
    let (kind, setup) = (head.first().unwrap_or(&0), *head.get(1).unwrap_or(&0));
    let urls = ["http://a:1", "http://b:2", "http://c:3"];
    let route = Cluster::parse(&urls[..=usize::from(setup % 3)]).expect("endpoints").route();
    let mut policy = Policy::default();
    policy.at_least_once = setup & 4 != 0;
    policy.passes = [None, Some(1), Some(2), Some(3)][usize::from(setup >> 3) % 4];
    policy.require_leader = setup & 32 != 0;
    let consistencies = [Consistency::Local, Consistency::Monotonic, Consistency::Quorum];
    policy.consistency = consistencies[usize::from(setup >> 6) % 3];
    let once = !policy.at_least_once;
    let (policy, says) = (Arc::new(policy), says.chunks(2));
    match kind % 8 {
        0 => exchange(Get::new("/a"), route, policy, once, says),
        1 => exchange(Get::new("/a").quorum(), route, policy, once, says),
        2 => exchange(Set::new("/a", "v"), route, policy, once, says),
        3 => exchange(Set::new("/a", "v").if_index(7), route, policy, once, says),
        4 => exchange(Push::new("/a", "v"), route, policy, once, says),
        5 => exchange(Delete::new("/a"), route, policy, once, says),
        6 => exchange(Wait::new("/a"), route, policy, once, says),
        _ => {
            let mut wait = Wait::new("/a");
            if kind & 8 == 0 {
                wait = wait.after(3);
            }
            if kind & 16 != 0 {
                wait = wait.recursive();
            }
            if kind & 32 != 0 {
                wait = wait.stream();
            }
            watch(Watch::new(wait, route, policy, 1), says);
        }
    }
}

/// The longest deadline of the default policy, and more.
const LATE: Duration = Duration::from_secs(20);

fn exchange<'a, R: Request<Output: Debug>>(
    request: R,
    route: Route,
    policy: Arc<Policy>,
    once: bool,
    says: impl Iterator<Item = &'a [u8]>,
) {
    let purpose = request.encode_with(policy.consistency).expect("a request").purpose;
    let (writes, guarded) = (purpose.writes(), purpose == Purpose::GuardedWrite);
    let deadline = match purpose {
        Purpose::Wait => None,
        Purpose::Read | Purpose::Listing => policy.read_deadline,
        _ => policy.write_deadline,
    };
    let (leader, once) = (policy.require_leader, once && writes && !guarded);
    let mut exchange = Exchange::new(request, route, policy, 1, Duration::ZERO);
    let mut driver = Driver::default();
    let mut now = Duration::ZERO;
    // When there is nothing more to say, time passes.
    let late = std::iter::repeat_n(&[9, 255][..], 64);
    for (turn, says) in says.take(200).map(|says| (false, says)).chain(late.map(|s| (true, s))) {
        if turn {
            now = now.max(LATE);
        }
        let action = exchange.poll(now);
        if let Some(deadline) = deadline {
            let left = deadline.saturating_sub(now).max(Duration::from_millis(1));
            assert!(is_within(left, &action), "{action:?} with {left:?} left");
        }
        match action {
            Action::Send { request, .. } => {
                driver.send(&request);
                let again = once && driver.maybe_applied;
                assert!(!again, "a write is sent that may have been applied: {driver:?}");
                // Whether anybody answers at all is asked if nobody has answered yet.
                let vets = leader || (once && !driver.answered);
                assert!(!driver.vetting || vets, "nobody wants to know: {driver:?}");
            }
            Action::Read { .. } => driver.doing = Doing::Reading,
            Action::Wait(_) => driver.doing = Doing::Waiting,
            Action::Yield(_) => {
                assert!(driver.success && driver.complete, "an item from nothing: {driver:?}");
                return over(&mut exchange, now);
            }
            Action::Finish(Ok(())) => panic!("an end without a reason"),
            Action::Finish(Err(error)) => {
                tells_the_truth(&error, writes, &driver);
                let blamed = guarded && error.is_compare_failed() && driver.maybe_applied;
                assert!(!blamed, "its own work is taken for a rival's: {error:?}");
                return over(&mut exchange, now);
            }
        }
        let event = event(says, driver.doing, &mut now);
        driver.hear(event.as_ref());
        if let Some(event) = event {
            exchange.handle(now, event);
        }
        let _ = (exchange.detour(now), format!("{exchange:?}"));
    }
    panic!("no end, long after the deadline: {driver:?}");
}

/// Whether an action is over when this time has passed.
fn is_within<T>(left: Duration, action: &Action<T>) -> bool {
    match action {
        Action::Send { timing, .. } => [timing.connect, timing.handshake, timing.head]
            .into_iter()
            .all(|limit| limit.is_some_and(|limit| limit <= left)),
        Action::Read { timeout } => timeout.is_some_and(|timeout| timeout <= left),
        Action::Wait(pause) => *pause <= left,
        Action::Yield(_) | Action::Finish(_) => true,
    }
}

fn tells_the_truth(error: &Error, writes: bool, driver: &Driver) {
    assert!(!error.to_string().is_empty());
    if writes {
        let claims = error.outcome() >= Outcome::Unknown;
        assert_eq!(claims, driver.maybe_applied, "{error:?}: {driver:?}");
        assert_eq!(error.may_have_applied(), claims);
    } else {
        assert!(!error.may_have_applied());
    }
}

fn over(conversation: &mut impl Conversation, now: Duration) {
    for _ in 0..2 {
        assert!(matches!(conversation.poll(now), Action::Finish(Ok(()))), "no end after the end");
        conversation.handle(now, Event::Elapsed);
    }
}

fn watch<'a>(mut watch: Watch, says: impl Iterator<Item = &'a [u8]>) {
    let mut driver = Driver::default();
    let (mut now, mut from) = (Duration::ZERO, 0);
    // Up to where changes were told, and how many items there were since the driver last said something.
    let (mut told, mut items, mut streams) = (0, 0, false);
    for says in says.take(200) {
        match watch.poll(now) {
            Action::Send { request, .. } => {
                let query = request.uri().query().unwrap_or_default();
                let streamed = std::mem::replace(&mut streams, query.contains("stream=true"));
                // Whoever is redirected goes where the server says, and a read has no index.
                if let Some((_, index)) = query.rsplit_once("waitIndex=") {
                    let index: u64 = index.parse().expect("an index");
                    assert!(index >= from && index > told, "from {from} back to {index}");
                    // A watch that begins now is pinned by its first head, whatever becomes of the rest.
                    // What a stream tells and nobody asked for is skipped, too.
                    let cut = driver.begun && !driver.complete && from > 0 && !streamed;
                    assert!(!cut || index == from, "what was cut is skipped: {driver:?}");
                    from = index;
                }
                driver.send(&request);
            }
            Action::Read { .. } => driver.doing = Doing::Reading,
            Action::Wait(_) => driver.doing = Doing::Waiting,
            Action::Yield(Ok(change)) => {
                let whole = driver.complete || (streams && driver.begun);
                assert!(driver.success && whole, "a change from nothing: {driver:?}");
                let index = change.index().expect("a change has an index");
                assert!(index > told, "{index} is told after {told}");
                (told, items) = (index, items + 1);
                assert!(items < 4, "it does not stop to tell");
                (driver.begun, driver.complete) = (false, false);
                from = from.max(index + 1);
                continue;
            }
            Action::Yield(Err(error)) => {
                assert!(!error.may_have_applied(), "{error:?}");
                // After a gap it goes on elsewhere, and says where.
                if let Some(gap) = error.gap() {
                    (from, told) = (gap.to.saturating_add(1), gap.to);
                }
                items += 1;
                assert!(items < 4, "it does not stop to tell");
                continue;
            }
            Action::Finish(end) => {
                end.expect("a watch yields its errors");
                return over(&mut watch, now);
            }
        }
        items = 0;
        let event = event(says, driver.doing, &mut now);
        driver.hear(event.as_ref());
        if let Some(event) = event {
            watch.handle(now, event);
        }
        let _ = (watch.detour(now), watch.index(), format!("{watch:?}"));
    }
}
