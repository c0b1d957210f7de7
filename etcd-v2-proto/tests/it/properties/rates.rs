//! How many requests a watch and a mirror send to a server that gives any responses, again and again, each
//! within a millisecond. Time is virtual.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{Request, Response};
use etcd_v2_proto::keys::{Get, Wait};
use etcd_v2_proto::mirror::Update;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, Event, Failure, Mirror, Policy, Start, Watch,
};

/// How long the server is observed.
const TIME: Duration = Duration::from_secs(10);

/// The most requests in that time that bring no progress: the first pauses are short.
const MOST: usize = 250;

/// How many events of a kind that only a history has are skipped without a pause.
const HISTORY: usize = 1000;

/// How many kinds of responses there are.
pub(crate) const KINDS: u8 = 26;

/// What the server has done so far.
#[derive(Default)]
struct Server {
    requests: usize,
    /// Events that only a history has.
    skippable: usize,
}

enum Progress {
    Change,
    Nothing,
}

/// A watch, of which each byte says how the server responds to a request.
pub(crate) fn watch(script: &[u8]) {
    let wait = Wait::new("/a").after(5);
    let wait = if script[0] < 128 { wait.recursive() } else { wait };
    let wait = if script[0] & 64 != 0 { wait.stream() } else { wait };
    let watch = Watch::new(wait, start().route, start().policy, 1);
    run(watch, script, |item: Result<_, Error>| match item {
        Ok(_) => Progress::Change,
        Err(_) => Progress::Nothing,
    });
}

/// The same for a mirror.
pub(crate) fn mirror(script: &[u8]) {
    let mirror = Mirror::new(Get::new("/a"), start());
    run(mirror, script, |item: Result<Update, Error>| match item {
        Ok(Update::Upserted { .. } | Update::Removed { .. }) => Progress::Change,
        _ => Progress::Nothing,
    });
}

fn start() -> Start {
    let route = Cluster::parse(["http://a:1"]).expect("an endpoint").route();
    Start::new(route, Arc::new(Policy::default()), 1, Duration::ZERO)
}

fn run<C: Conversation>(mut talk: C, script: &[u8], judge: impl Fn(C::Item) -> Progress) {
    let (mut server, mut now, mut body) = (Server::default(), Duration::ZERO, Vec::new());
    let (mut progress, mut items) = (0, 0);
    while now < TIME {
        let event = match talk.poll(now) {
            Action::Send { request, .. } => {
                let kind = script[server.requests % script.len()] % KINDS;
                now += Duration::from_millis(1);
                let mut events = server.respond(&request, kind);
                events.reverse();
                body = events;
                items = 0;
                body.pop().expect("a response")
            }
            Action::Read { timeout } => body.pop().unwrap_or_else(|| {
                now += timeout.unwrap_or(TIME);
                Event::Elapsed
            }),
            Action::Wait(pause) => {
                now += pause;
                Event::Elapsed
            }
            Action::Yield(item) => {
                items += 1;
                assert!(items < 16, "it does not stop to yield");
                if matches!(judge(item), Progress::Change) {
                    progress += 1;
                }
                continue;
            }
            Action::Finish(_) => break,
        };
        talk.handle(now, event);
        let free = progress + server.skippable.min(HISTORY * (progress + 1));
        let most = MOST + 12 * free;
        let kinds: Vec<_> = script.iter().map(|kind| kind % KINDS).collect();
        assert!(server.requests <= most, "{kinds:?}: more than {most} requests in {now:?}");
    }
}

impl Server {
    fn respond(&mut self, request: &Request<Bytes>, kind: u8) -> Vec<Event> {
        self.requests += 1;
        let query = request.uri().query().unwrap_or_default();
        let from = query.split('&').find_map(|pair| pair.strip_prefix("waitIndex="));
        let from: u64 = from.and_then(|index| index.parse().ok()).unwrap_or(6);
        let waits = query.contains("wait=true");
        let far = self.requests as u64 * 1000;
        let cluster = if self.requests.is_multiple_of(2) { "a" } else { "b" };
        let event = |action: &str, key: &str, index: u64| {
            format!(
                r#"{{"action":"{action}","node":{{"key":"{key}","value":"{index}","modifiedIndex":{index},"createdIndex":{index}}}}}"#
            )
        };
        let cleared = |index: u64| {
            format!(r#"{{"errorCode":401,"message":"cleared","cause":"","index":{index}}}"#)
        };
        match (kind, waits) {
            // Of reads, and of waits the same.
            (0, _) => response(400, Some(6736), "", &cleared(6736)),
            (1, _) => response(400, Some(from + 10), "", &cleared(from + 10)),
            (2, _) => response(400, None, "", &cleared(0)),
            (3, _) => response(503, None, "", r#"{"message":"no leader"}"#),
            (4, _) => vec![Event::Failed(Failure::before_send("refused"))],
            (5, _) => vec![Event::Failed(Failure::after_send("reset"))],
            (6, _) => response(200, Some(40), "", ""),
            (7, _) => response(200, Some(40), "", "<html>"),
            (8, _) => response(307, None, "", ""),
            (9, _) => {
                response(404, Some(far), cluster, r#"{"errorCode":100,"message":"","index":7}"#)
            }
            (_, false) => {
                let cluster = if kind == 10 { cluster } else { "a" };
                response(200, Some(from.max(far)), cluster, &event("get", "/a", 3))
            }
            // Events about other keys.
            (10 | 11, _) => response(200, Some(from), "a", &event("set", "/other", from)),
            (12, _) => response(200, Some(from), "", &event("set", "/ab", from + 100)),
            (13, _) => response(200, Some(from), "", &event("create", "/", from)),
            // Clusters in turn.
            (14, _) => response(200, Some(far), cluster, &event("set", "/a", far + 1)),
            (15, _) => response(200, Some(40), cluster, ""),
            // What comes from before.
            (16, _) => response(200, Some(from), "", &event("set", "/a", 3)),
            (17, _) => response(200, Some(2), "", &event("get", "/a", from)),
            // What only a history has.
            (18, _) => {
                self.skippable += 1;
                response(200, Some(from), "", &event("set", "/a/_hidden", from))
            }
            (19, _) => {
                self.skippable += 1;
                response(200, Some(from), "", &event("delete", "/a", from).replace("/a", "/"))
            }
            // Changes.
            (20, _) => response(200, Some(from), "a", &event("set", "/a", from)),
            (21, _) => {
                let mut events = response(200, Some(from), "a", &event("set", "/a", from + 9));
                if let Some(Event::Head(head)) = events.first_mut() {
                    let term = self.requests.to_string().parse().expect("a number");
                    head.headers.insert("x-raft-term", term);
                    head.headers.insert("x-raft-index", "7".parse().expect("a number"));
                }
                events
            }
            // Responses that end early.
            (22, _) => {
                let mut events = response(200, Some(from), "", &event("set", "/a", from));
                events.truncate(1);
                events.push(Event::Failed(Failure::after_send("reset")));
                events
            }
            (23, _) => response(200, Some(u64::MAX), "", ""),
            (24, _) => response(200, None, "", &event("set", "/other", u64::MAX)),
            _ => response(502, None, "", "<html>"),
        }
    }
}

fn response(status: u16, index: Option<u64>, cluster: &str, body: &str) -> Vec<Event> {
    let mut head = Response::builder().status(status);
    if let Some(index) = index {
        head = head.header("X-Etcd-Index", index);
    }
    if !cluster.is_empty() {
        head = head.header("X-Etcd-Cluster-Id", cluster);
    }
    if status == 307 {
        head = head.header("Location", "http://a:1/v2/keys/a");
    }
    let mut events = vec![Event::Head(head.body(()).expect("a head").into_parts().0)];
    if !body.is_empty() {
        events.push(Event::Chunk(body.to_owned().into()));
    }
    events.push(Event::End);
    events
}
