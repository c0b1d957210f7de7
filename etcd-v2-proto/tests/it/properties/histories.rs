//! A watch of a server that is written to while connections break, members lag behind and the history is
//! short: every change is told once and in order, or a gap says that it may be missing. Shared with the
//! fuzz targets.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::http::{Response, StatusCode, Uri};
use etcd_v2_proto::keys::Wait;
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Failure, Policy, Watch};

use super::witness::Witness;
use crate::model::{Scope, Server, Write};

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// No connection.
    Refused,
    /// No head, or nothing more of a body.
    Reset,
    /// Half an answer.
    Cut,
    /// A change that was told before.
    Repeated,
    /// The answer of a member that lacks so many steps.
    Behind(usize),
    /// Nothing for a long time, if there is nothing to tell.
    Silence,
    /// An answer without a body.
    Empty,
    /// An open wait is not told of what a copy of the store changed at its member.
    Copied,
    /// Another cluster in place of this one.
    Replaced,
    /// A stream of which its server lets go without a word.
    Dropped,
    /// The driver asks again.
    Again,
}

impl Fault {
    fn any(byte: u8) -> Self {
        match byte % 24 {
            1 => Self::Refused,
            2 | 3 => Self::Reset,
            4 | 5 => Self::Cut,
            6 => Self::Repeated,
            7 | 8 => Self::Behind(usize::from(byte / 24) + 1),
            9..=11 => Self::Silence,
            12 => Self::Empty,
            13 => Self::Copied,
            14 => Self::Replaced,
            15 => Self::Dropped,
            16 => Self::Again,
            _ => Self::None,
        }
    }
}

/// One server after the other: clusters that took each other's place.
struct Play {
    scope: Scope,
    clusters: Vec<Server>,
    /// The server as it was before the last steps, the last one first.
    past: VecDeque<Server>,
    /// The log and its term.
    raft: (u64, u64),
    now: Duration,
    /// What is left to read.
    body: VecDeque<Event>,
    /// The index from which an open wait is told changes.
    waiting: Option<u64>,
    streams: bool,
    /// Whether that wait was not told of something, and will find out when it looks again.
    is_owed: bool,
    witness: Witness,
}

/// A byte that says what is watched. Then, for each step, a byte for what goes wrong, and two that say what
/// is written.
pub(crate) fn watch(data: &[u8]) {
    let (setup, steps) = data.split_first().unwrap_or((&0, &[]));
    let scope = match setup % 4 {
        0 | 1 => Scope::below("/r/pp"),
        2 => Scope { key: "/r/pp/a", recursive: false },
        _ => Scope { key: "/r/pp", recursive: false },
    };
    let mut wait = Wait::new(scope.key);
    if scope.recursive {
        wait = wait.recursive();
    }
    if setup & 4 != 0 {
        wait = wait.stream();
    }
    let after = (setup & 8 != 0).then_some(3);
    if let Some(after) = after {
        wait = wait.after(after);
    }
    let mut play = Play {
        scope,
        clusters: vec![Server::new()],
        past: VecDeque::new(),
        raft: (10, 2),
        now: Duration::ZERO,
        body: VecDeque::new(),
        waiting: None,
        streams: false,
        is_owed: false,
        witness: Witness::new(after),
    };
    let route = Cluster::parse(["http://a:1"]).expect("an endpoint").route();
    let mut policy = Policy::default();
    policy.read_deadline = Some(Duration::from_millis(200));
    play.run(&mut Watch::new(wait, route, Arc::new(policy), 7), steps);
}

impl Play {
    /// Plays all steps, and then goes on until the watch waits for what has not happened yet.
    fn run(&mut self, watch: &mut Watch, steps: &[u8]) {
        let (mut steps, mut items) = (steps.chunks_exact(3).take(60), 0);
        let mut last = None;
        for _ in 0..2000 {
            let action = match watch.poll(self.now) {
                Action::Yield(item) => {
                    match item {
                        Ok(change) => {
                            self.witness.told(&self.clusters, self.scope, change.index());
                        }
                        Err(error) => match error.gap() {
                            Some(gap) => self.witness.warned(&self.clusters, self.scope, gap),
                            None => last = Some(error),
                        },
                    }
                    items += 1;
                    assert!(items < 16, "it does not stop to tell");
                    continue;
                }
                Action::Finish(_) => panic!("it ends: {last:?}"),
                action => action,
            };
            items = 0;
            let step = steps.next();
            let is_owed = self.is_owed || self.witness.is_owed();
            let left = if is_owed { Fault::Silence } else { Fault::None };
            let fault = step.map_or(left, |step| Fault::any(step[0]));
            let present = self.server().clone();
            self.past.push_front(present);
            self.past.truncate(12);
            if fault == Fault::Copied {
                // It comes only of a log that has moved far, or of an election.
                self.raft = (self.raft.0 + 6000, self.raft.1);
            }
            if let Some(step) = step {
                self.write(step[1], step[2], fault);
            }
            match self.act(action, fault) {
                Some(event) => watch.handle(self.now, event),
                None if step.is_none() => {
                    return self.witness.has_seen_all(&self.clusters, self.scope);
                }
                None => {}
            }
        }
        panic!("it does not come to rest: {watch:?}");
    }

    fn server(&mut self) -> &mut Server {
        self.clusters.last_mut().expect("a server")
    }

    fn write(&mut self, kind: u8, key: u8, fault: Fault) {
        if fault == Fault::Replaced {
            self.clusters.push(Server::new());
            self.witness.copied.clear();
            self.past.clear();
            (self.waiting, self.streams) = (None, false);
            self.body = VecDeque::from([Event::Failed(Failure::after_send("gone"))]);
        }
        let before = self.server().index;
        for write in Write::some(kind, key) {
            self.server().write(write);
            self.raft.0 += 1;
            if fault != Fault::Copied {
                self.notify();
            }
        }
        if fault == Fault::Copied {
            // It goes on with what comes after the copy.
            let next = self.server().index + 1;
            self.waiting = self.waiting.map(|_| next);
            self.is_owed = true;
            self.witness.copied.push(before + 1..next);
        }
    }

    /// Tells an open wait what it waits for, as soon as that is there.
    fn notify(&mut self) {
        let scope = self.scope;
        while let Some(from) = self.waiting {
            let Some((index, told)) = self.server().all(scope, from).next() else { return };
            let chunk = Event::Chunk(told.to_owned().into());
            self.body.push_back(chunk);
            if self.streams {
                self.waiting = Some(index + 1);
            } else {
                self.body.push_back(Event::End);
                self.waiting = None;
            }
        }
    }

    /// What comes of an action; none while there is nothing to tell.
    fn act<T>(&mut self, action: Action<T>, fault: Fault) -> Option<Event> {
        const LONG: Duration = Duration::from_secs(40);
        // Either nothing happens, or a stream is one that its server has left alone.
        let quiet = self.body.is_empty() && (fault == Fault::Silence || self.waiting.is_none());
        match action {
            _ if fault == Fault::Again => None,
            Action::Wait(pause) => {
                self.now += pause;
                Some(Event::Elapsed)
            }
            Action::Read { .. } if quiet => {
                self.now += LONG;
                Some(Event::Elapsed)
            }
            action => {
                self.now += Duration::from_millis(10);
                self.talk(action, fault)
            }
        }
    }

    fn talk<T>(&mut self, action: Action<T>, fault: Fault) -> Option<Event> {
        match (action, fault) {
            (Action::Send { .. }, Fault::Refused) => {
                Some(Event::Failed(Failure::before_send("refused")))
            }
            (Action::Send { .. }, Fault::Reset) => {
                Some(Event::Failed(Failure::after_send("reset")))
            }
            (Action::Send { request, .. }, _) => Some(self.answer(request.uri(), fault)),
            (Action::Read { .. }, Fault::Reset) => {
                self.waiting = None;
                Some(Event::Failed(Failure::after_send("reset")))
            }
            (Action::Read { .. }, Fault::Cut) => {
                self.waiting = None;
                let chunk = match self.body.pop_front() {
                    Some(Event::Chunk(chunk)) => chunk,
                    other => return other.or_else(|| Some(cut())),
                };
                self.body = VecDeque::from([cut()]);
                Some(Event::Chunk(chunk.slice(..chunk.len() / 2)))
            }
            (Action::Read { .. }, _) => {
                if fault == Fault::Dropped && self.streams {
                    self.waiting = None;
                }
                self.body.pop_front()
            }
            _ => None,
        }
    }

    fn answer(&mut self, uri: &Uri, fault: Fault) -> Event {
        let query = uri.query().unwrap_or_default();
        let (scope, cluster) = (self.scope, self.clusters.len() - 1);
        let (waits, streams) = (query.contains("wait=true"), query.contains("stream=true"));
        let server = match fault {
            Fault::Behind(steps) if !query.contains("quorum=true") => {
                self.past.get(steps).unwrap_or(&self.clusters[cluster])
            }
            _ => &self.clusters[cluster],
        };
        let from = query.split('&').find_map(|pair| pair.strip_prefix("waitIndex="));
        let from = from.map_or(server.index + 1, |index| index.parse().expect("an index"));
        let (status, body) = if !waits {
            let (status, body) = server.list(scope.key);
            (status, Some(body))
        } else if fault == Fault::Repeated && !streams && server.earlier(from).is_some() {
            (StatusCode::OK, server.earlier(from).map(str::to_owned))
        } else if fault == Fault::Empty {
            (StatusCode::OK, Some(String::new()))
        } else {
            match server.scan(scope, from) {
                Ok(told) => (StatusCode::OK, told.map(str::to_owned)),
                Err(refusal) => (StatusCode::BAD_REQUEST, Some(refusal)),
            }
        };
        let head = Response::builder()
            .status(status)
            .header("x-etcd-index", server.index)
            .header("x-raft-index", self.raft.0)
            .header("x-raft-term", self.raft.1)
            .header("x-etcd-cluster-id", format!("{:x}", 0xc0 + cluster));
        self.streams = streams;
        (self.waiting, self.is_owed) = (None, false);
        self.body.clear();
        match body {
            Some(body) if fault == Fault::Cut => {
                let half = body[..body.len() / 2].to_owned();
                self.body.push_back(Event::Chunk(half.into()));
                self.body.push_back(cut());
            }
            Some(body) => {
                if !body.is_empty() {
                    self.body.push_back(Event::Chunk(body.into()));
                }
                // A stream that begins with the history has nothing to say after it.
                if !self.streams || fault == Fault::Empty {
                    self.body.push_back(Event::End);
                }
            }
            None => {
                self.waiting = Some(from);
                // One that lags behind catches up.
                self.notify();
            }
        }
        self.witness.answered(cluster, waits.then_some(from - 1));
        Event::Head(head.body(()).expect("a head").into_parts().0)
    }
}

fn cut() -> Event {
    Event::Failed(Failure::after_send("cut"))
}
