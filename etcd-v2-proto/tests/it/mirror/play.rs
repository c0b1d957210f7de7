//! Lets a mirror talk with the model, which is written to meanwhile. Shared with the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::http::{Response, StatusCode, Uri};
use etcd_v2_proto::mirror::{Mirror, Snapshot};
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Failure, Policy, Start};

use super::follower::{Follower, check};
use crate::model::{Scope, Server, Write};

/// The mirrored directory; `/r/p` is a neighbour whose name is but the beginning of it.
pub(super) const BASE: Scope = Scope::below("/r/pp");

/// For each step, a byte for what goes wrong, and two for what is written before.
pub(crate) fn mirror(data: &[u8]) {
    let step = |step: &[u8]| Step {
        writes: Write::some(step[1], step[2]).collect(),
        fault: match step[0] % 16 {
            1 => Fault::Refused,
            2 => Fault::Reset,
            3 => Fault::Cut,
            4 => Fault::Repeated,
            5 => Fault::Behind(usize::from(step[0] / 16) + 1),
            _ => Fault::None,
        },
    };
    let steps: Vec<Step> = data.chunks_exact(3).take(40).map(step).collect();
    if let Err(problem) = play(BASE, &steps) {
        panic!("{problem}: {steps:#?}");
    }
}

/// What happens before the mirror goes on, and what goes wrong then.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) writes: Vec<Write>,
    pub(super) fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// No connection.
    Refused,
    /// No head.
    Reset,
    /// Half an answer.
    Cut,
    /// A change that was told before.
    Repeated,
    /// The answer of a member that lacks so many steps, unless consensus was asked for.
    Behind(usize),
}

struct Play {
    server: Server,
    /// The server as it was after each step.
    past: Vec<Server>,
    mirror: Mirror,
    follower: Follower,
    now: Duration,
    /// What is left to read, the last first.
    body: Vec<Event>,
    /// The index from which an open wait is told changes.
    waiting: Option<u64>,
}

/// Plays all steps, and then goes on until the mirror has nothing left to do.
pub(super) fn play(base: Scope, steps: &[Step]) -> Result<(), String> {
    let route = Cluster::parse(["http://a:1"]).map_err(|error| error.to_string())?.route();
    let mut policy = Policy::default();
    policy.read_deadline = Some(Duration::from_millis(200));
    let start = Start::new(route, Arc::new(policy), 7, Duration::ZERO);
    let mut play = Play {
        server: Server::new(),
        past: Vec::new(),
        mirror: Mirror::new(base.key, start),
        follower: Follower::default(),
        now: Duration::ZERO,
        body: Vec::new(),
        waiting: None,
    };
    let mut steps = steps.iter();
    for _ in 0..2000 {
        let before = play.mirror.snapshot().index();
        let action = play.mirror.poll(play.now);
        let after = play.mirror.snapshot().index();
        check(before <= after, || format!("it went back from {before:?} to {after:?}"))?;
        if let Action::Yield(item) = action {
            if let Ok(update) = item {
                play.follower.follow(&update)?;
            }
            continue;
        }
        if play.follower.synced {
            // Nothing is being told, so whoever followed has it all.
            play.follower.compare(play.mirror.snapshot())?;
        }
        play.past.push(play.server.clone());
        let step = steps.next();
        let fault = step.map_or(Fault::None, |step| step.fault);
        for write in step.iter().flat_map(|step| &step.writes) {
            play.server.write(*write);
            play.notify(base);
        }
        match play.act(base, action, fault) {
            Some(event) => play.mirror.handle(play.now, event),
            None if step.is_none() => return same(base, &play.server, play.mirror.snapshot()),
            None => {}
        }
    }
    Err(format!("it does not come to rest: {:?}", play.mirror))
}

impl Play {
    /// Tells an open wait what it waits for, once that is there.
    fn notify(&mut self, base: Scope) {
        if let Some(told) = self.waiting.and_then(|from| self.server.live(base, from)) {
            self.body = vec![Event::End, Event::Chunk(told.to_owned().into())];
            self.waiting = None;
        }
    }

    /// What comes of an action; none while a wait waits.
    fn act<T>(&mut self, base: Scope, action: Action<T>, fault: Fault) -> Option<Event> {
        self.now += Duration::from_millis(10);
        match action {
            Action::Wait(pause) => {
                self.now += pause;
                Some(Event::Elapsed)
            }
            Action::Send { .. } if fault == Fault::Refused => {
                Some(Event::Failed(Failure::before_send("refused")))
            }
            Action::Send { .. } if fault == Fault::Reset => {
                Some(Event::Failed(Failure::after_send("reset")))
            }
            Action::Send { request, .. } => Some(self.answer(base, request.uri(), fault)),
            Action::Read { .. } if fault == Fault::Reset => {
                self.waiting = None;
                Some(Event::Failed(Failure::after_send("reset")))
            }
            Action::Read { .. } => self.body.pop(),
            Action::Yield(_) | Action::Finish(_) => None,
        }
    }

    fn answer(&mut self, base: Scope, uri: &Uri, fault: Fault) -> Event {
        let query = uri.query().unwrap_or_default();
        let wait = query.split('&').find_map(|pair| pair.strip_prefix("waitIndex="));
        let wait = wait.map(|index| index.parse::<u64>().unwrap_or_default());
        let server = match fault {
            Fault::Behind(steps) if wait.is_none() && !query.contains("quorum=true") => {
                self.past.iter().rev().nth(steps).unwrap_or(&self.server)
            }
            _ => &self.server,
        };
        self.waiting = None;
        let (status, body) = match wait {
            None => {
                let (status, body) = server.list(base.key);
                (status, Some(body))
            }
            Some(from) if fault == Fault::Repeated && server.earlier(from).is_some() => {
                (StatusCode::OK, server.earlier(from).map(str::to_owned))
            }
            Some(from) => match server.scan(base, from) {
                Ok(told) => (StatusCode::OK, told.map(str::to_owned)),
                Err(refusal) => (StatusCode::BAD_REQUEST, Some(refusal)),
            },
        };
        let mut head = Response::new(());
        *head.status_mut() = status;
        head.headers_mut().insert("x-etcd-index", server.index.into());
        self.body = match body {
            Some(body) if fault == Fault::Cut => {
                let half = body[..body.len() / 2].to_owned();
                vec![Event::Failed(Failure::after_send("cut")), Event::Chunk(half.into())]
            }
            Some(body) => vec![Event::End, Event::Chunk(body.into())],
            None => {
                self.waiting = wait;
                Vec::new()
            }
        };
        Event::Head(head.into_parts().0)
    }
}

/// Whether the mirror has what the server has. What only a refresh has changed may be missing.
fn same(base: Scope, server: &Server, snapshot: &Snapshot) -> Result<(), String> {
    let show = |key: &str, dir, value: Option<&str>, created, modified, expires: bool| {
        let modified = if expires { 0 } else { modified };
        format!("{key} {dir} {value:?} {created} {modified}")
    };
    let mut expected: Vec<_> = server
        .visible(base.key)
        .filter(|(_, node)| !node.unseen)
        .map(|(key, node)| {
            let (value, expires) = (node.value.as_deref(), node.expires.is_some());
            show(key, value.is_none(), value, node.created, node.modified, expires)
        })
        .collect();
    let refreshed = |key: &str| server.nodes.get(key).is_some_and(|node| node.expires.is_some());
    let unseen = |key: &str| server.nodes.get(key).is_some_and(|node| node.unseen);
    let mut got: Vec<_> = snapshot
        .iter()
        .filter(|node| !unseen(node.key()))
        .map(|node| {
            let (created, modified) = (node.created_index(), node.modified_index());
            let (created, modified) = (created.unwrap_or_default(), modified.unwrap_or_default());
            show(node.key(), node.is_dir(), node.value(), created, modified, refreshed(node.key()))
        })
        .collect();
    expected.sort();
    got.sort();
    check(expected == got, || format!("the server has {expected:#?}\nthe mirror {got:#?}"))
}
