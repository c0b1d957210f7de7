//! Events in any order at all, for exchanges and watches. Shared with the fuzz targets.
//!
//! The first byte is the kind of the request, the second the endpoints and the policy. Then each pair
//! of bytes is what the driver says next and how it says it.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{Response, StatusCode, header, response};
use etcd_v2_proto::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, Event, Exchange, Failure, Outcome, Policy, Purpose,
    Reason, Request, Route, Stage, Watch,
};

/// Talks a conversation through with a driver that says anything.
pub(crate) fn events(data: &[u8]) {
    let (head, says) = data.split_at(data.len().min(2));
    let (kind, setup) = (head.first().unwrap_or(&0), *head.get(1).unwrap_or(&0));
    let urls = ["http://a:1", "http://b:2", "http://c:3"];
    let route = Cluster::parse(&urls[..=usize::from(setup % 3)]).expect("endpoints").route();
    let mut policy = Policy::default();
    policy.at_least_once = setup & 4 != 0;
    policy.passes = [None, Some(1), Some(2), Some(3)][usize::from(setup >> 3) % 4];
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
        _ => watch(Watch::new(Wait::new("/a").after(3), route, policy, 1), says),
    }
}

/// What the driver of an exchange knows.
#[derive(Debug, Default)]
struct Driver {
    doing: Doing,
    /// Whether some attempt may have been, or may yet be, carried out.
    maybe_applied: bool,
    /// Whether the answer at hand is a success.
    success: bool,
    /// Whether some of that success was given.
    begun: bool,
    /// Whether all of the answer was given.
    complete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    Sending,
    Reading,
    Waiting,
}

impl Driver {
    fn send(&mut self) {
        self.doing = Doing::Sending;
        (self.success, self.begun, self.complete) = (false, false, false);
    }

    /// What follows from an event, or from none.
    fn hear(&mut self, event: Option<&Event>) {
        match (self.doing, event) {
            (Doing::Sending, Some(Event::Head(head))) => {
                let status = head.status;
                self.success = status.is_success();
                let tried = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
                self.maybe_applied |= self.success || tried;
                self.doing = Doing::Reading;
            }
            (Doing::Sending, Some(Event::Failed(failure))) => {
                self.maybe_applied |= failure.stage() == Stage::AfterSend;
            }
            // A limit, an event that makes no sense, or a request that was forgotten.
            (Doing::Sending, _) => self.maybe_applied = true,
            (Doing::Reading, Some(Event::Chunk(chunk))) => {
                self.begun |= self.success && !chunk.trim_ascii().is_empty();
            }
            (Doing::Reading, Some(Event::End)) => self.complete = true,
            _ => {}
        }
    }
}

/// The longest deadline of the default policy, and more.
const LATE: Duration = Duration::from_secs(20);

fn exchange<'a, R: Request>(
    request: R,
    route: Route,
    policy: Arc<Policy>,
    once: bool,
    says: impl Iterator<Item = &'a [u8]>,
) {
    let purpose = request.encode().expect("a request").purpose;
    let (writes, guarded) = (purpose.writes(), purpose == Purpose::GuardedWrite);
    let mut exchange = Exchange::new(request, route, policy, 1, Duration::ZERO);
    let mut driver = Driver::default();
    let mut now = Duration::ZERO;
    // When there is nothing more to say, time passes.
    let late = std::iter::repeat_n(&[9, 255][..], 64);
    for (turn, says) in says.take(200).map(|says| (false, says)).chain(late.map(|s| (true, s))) {
        if turn {
            now = now.max(LATE);
        }
        match exchange.poll(now) {
            Action::Send { .. } => {
                let again = once && writes && !guarded && driver.maybe_applied;
                assert!(!again, "a write is sent that may have been applied: {driver:?}");
                driver.send();
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
    for says in says.take(200) {
        match watch.poll(now) {
            Action::Send { request, .. } => {
                // Whoever is redirected goes where the server says, and a read has no index.
                let query = request.uri().query().unwrap_or_default();
                let Some((_, index)) = query.rsplit_once("waitIndex=") else {
                    driver.send();
                    let event = event(says, driver.doing, &mut now);
                    driver.hear(event.as_ref());
                    if let Some(event) = event {
                        watch.handle(now, event);
                    }
                    continue;
                };
                let index: u64 = index.parse().expect("an index");
                let redirected = false;
                assert!(redirected || index >= from, "from {from} back to {index}");
                // A watch that begins now is pinned by its first head, whatever becomes of the rest.
                let cut = driver.begun && !driver.complete && from > 0;
                assert!(!cut || redirected || index == from, "what was cut is skipped: {driver:?}");
                from = from.max(index);
                driver.send();
            }
            Action::Read { .. } => driver.doing = Doing::Reading,
            Action::Wait(_) => driver.doing = Doing::Waiting,
            Action::Yield(Ok(change)) => {
                assert!(driver.success && driver.complete, "a change from nothing: {driver:?}");
                assert!(change.node().is_some());
                (driver.begun, driver.complete) = (false, false);
                continue;
            }
            Action::Yield(Err(error)) => {
                assert!(!error.may_have_applied(), "{error:?}");
                // After a gap it goes on elsewhere, and says where.
                from = error.gap().map_or(from, |gap| gap.to.saturating_add(1));
                continue;
            }
            Action::Finish(end) => {
                end.expect("a watch yields its errors");
                return over(&mut watch, now);
            }
        }
        let event = event(says, driver.doing, &mut now);
        driver.hear(event.as_ref());
        if let Some(event) = event {
            watch.handle(now, event);
        }
        let _ = (watch.detour(now), watch.index(), format!("{watch:?}"));
    }
}

const STATUSES: [u16; 16] =
    [200, 200, 201, 204, 301, 303, 307, 400, 401, 404, 412, 421, 500, 501, 503, 200];

const CHUNKS: [&str; 8] = [
    r#"{"action":"set","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#,
    r#"{"action":"get","node":{"key":"/a","#,
    r#""value":"v","modifiedIndex":9,"createdIndex":7}}"#,
    r#"{"errorCode":300,"message":"Raft Internal Error","index":0}"#,
    r#"{"errorCode":401,"message":"outdated","index":2000}"#,
    "404 page not found\n",
    "\n",
    "",
];

/// What the driver says, if anything; time may pass meanwhile.
fn event(says: &[u8], doing: Doing, now: &mut Duration) -> Option<Event> {
    let (what, how) = (says[0], *says.get(1).unwrap_or(&0));
    // A pause is no request: nothing of it can have left.
    let late = how & 1 == 1 && doing != Doing::Waiting;
    let stage = if late { Stage::AfterSend } else { Stage::BeforeSend };
    Some(match what % 10 {
        0 => {
            *now += Duration::from_millis(u64::from(how) * 20);
            return None;
        }
        1 | 2 => Event::Head(head(how)),
        3 | 4 => Event::Chunk(Bytes::from_static(CHUNKS[usize::from(how) % 8].as_bytes())),
        5 => Event::End,
        6 if stage == Stage::BeforeSend => Event::Failed(Failure::before_send("refused")),
        6 => Event::Failed(Failure::after_send("reset")),
        7 => Event::Failed(Failure::timed_out(stage)),
        8 => {
            let reason = if how & 2 == 0 { Reason::Stopped } else { Reason::Leave };
            Event::Failed(Failure::interrupted(stage, reason))
        }
        _ => {
            *now += Duration::from_millis(u64::from(how) * 4);
            Event::Elapsed
        }
    })
}

fn head(how: u8) -> response::Parts {
    let status = STATUSES[usize::from(how) % 16];
    let targets =
        ["/v2/keys/b", "http://b:2/v2/keys/a", "https://elsewhere/", "//", "http://[", ""];
    let target = targets[usize::from(how >> 4) % targets.len()];
    let answer = Response::builder().status(status).header("X-Etcd-Index", u64::from(how));
    let answer = if target.is_empty() { answer } else { answer.header(header::LOCATION, target) };
    answer.body(()).expect("a head").into_parts().0
}
