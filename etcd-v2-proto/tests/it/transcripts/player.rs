//! Replays a transcript: a plain text file that is read from top to bottom.
//!
//! | line | meaning |
//! |---|---|
//! | `# …` | for people |
//! | `endpoints:`, `user:`, `policy:`, `seed:` | hold from the next request on |
//! | `request: …` | begins a conversation, at 0 ms |
//! | `call: …`, `modify: …` | the same for a whole call, and for a value to which `+` is put |
//! | `resolve: the last error` | the same for what became of a write |
//! | `> …` | what it asks for |
//! | `< …` | what it is told |
//! | `= …` | what it yields, or how it ends; `= detour`, what it would advise, and the index that it knows |
//! | `@ 150ms` | what time it is |
//! | `! reroute …` | what the caller does with a watch or an automatic sync |
//! | `! learn` | the caller's cluster follows the advice, from the next request on |
//!
//! Nothing is left out: whatever stands between two `<` or `@` lines is all that was asked for.

use std::collections::VecDeque;
use std::time::Duration;

use etcd_v2_proto::auth::{AddUser, ChangePassword};
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::{
    Action, AutoSync, Call as WholeCall, Conversation, Detour, Diagnose, Error, Event, Exchange,
    Mirror, Modify, Resolve, Start, Sync, Watch,
};

use super::script::{self, Asked, Call, Settings};
use super::shown::{self, Shown};

/// Replays a transcript, and panics at the first line that tells something else than happens.
pub(super) fn play(name: &str, text: &str) {
    let mut player = Player::default();
    for (number, line) in text.lines().enumerate() {
        if let Err(problem) = player.line(line) {
            panic!("tests/transcripts/{name}.txt:{}:\n{problem}", number + 1);
        }
    }
    if let Err(problem) = player.nothing_left() {
        panic!("tests/transcripts/{name}.txt: at its end:\n{problem}");
    }
}

#[derive(Default)]
struct Player {
    settings: Settings,
    talk: Option<Talk>,
    now: Duration,
    /// Lines that were asked for and are still to be told.
    left: VecDeque<String>,
    /// With what the last conversation failed.
    failed: Option<Error>,
}

enum Talk {
    Exchange(Box<Exchange<Call>>),
    Call(Box<WholeCall<Call>>),
    Modify(Box<Modify<script::Modification>>),
    Resolve(Box<Resolve>),
    Watch(Box<Watch>),
    Mirror(Box<Mirror>),
    Sync(Box<Sync>),
    AutoSync(Box<AutoSync>),
    Diagnose(Box<Diagnose>),
    AddUser(Box<AddUser>),
    ChangePassword(Box<ChangePassword>),
}

/// Runs the same on whichever conversation it is.
macro_rules! whichever {
    ($talk:expr, $it:ident => $what:expr) => {
        match $talk {
            Talk::Exchange($it) => $what,
            Talk::Call($it) => $what,
            Talk::Modify($it) => $what,
            Talk::Resolve($it) => $what,
            Talk::Watch($it) => $what,
            Talk::Mirror($it) => $what,
            Talk::Sync($it) => $what,
            Talk::AutoSync($it) => $what,
            Talk::Diagnose($it) => $what,
            Talk::AddUser($it) => $what,
            Talk::ChangePassword($it) => $what,
        }
    };
}

impl Player {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.split_at_checked(1).unwrap_or(("", line)) {
            ("" | "#", _) => Ok(()),
            (">" | "=", rest) if !rest.starts_with(" detour") => self.told(line),
            (sign, rest) => {
                self.nothing_left()?;
                match (sign, rest.trim_start()) {
                    ("=", _) => self.detour(line),
                    ("<", rest) => self.happens(rest),
                    ("@", rest) => script::duration(rest).map(|now| self.now = now),
                    ("!", rest) => self.caller(rest),
                    _ => self.header(line),
                }
            }
        }
    }

    /// A line that the conversation has to bring forth itself.
    fn told(&mut self, expected: &str) -> Result<(), String> {
        if self.left.is_empty() {
            let now = self.now;
            let action = self.talk()?.poll(now);
            self.left = shown::action(&action)?.into();
            if let Action::Finish(Err(error)) = action {
                self.failed = Some(error);
            }
        }
        let got = self.left.pop_front().unwrap_or_default();
        if shown::matches(expected, &got) { Ok(()) } else { differs(expected, &got) }
    }

    fn nothing_left(&self) -> Result<(), String> {
        self.left.front().map_or(Ok(()), |got| differs("nothing more", got))
    }

    fn talk(&mut self) -> Result<&mut Talk, String> {
        self.talk.as_mut().ok_or_else(|| "there is no request yet".to_owned())
    }

    fn header(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once(": ").ok_or("not a line of a transcript")?;
        if !matches!(name, "request" | "call" | "modify" | "resolve") {
            return self.settings.set(name, value);
        }
        let Settings { policy, seed, .. } = &self.settings;
        let (route, policy) = (self.settings.cluster()?.route(), policy.clone());
        self.now = Duration::ZERO;
        let mut start = Start::new(route, policy, *seed, self.now);
        if name == "resolve" {
            let error = self.failed.as_ref().ok_or("nothing has failed")?;
            self.talk = Some(Talk::Resolve(Box::new(Resolve::new(error, start))));
            return Ok(());
        }
        if name == "modify" {
            let change: script::Modification = script::one_more;
            let talk = Modify::new(Get::new(value), change, start);
            self.talk = Some(Talk::Modify(Box::new(talk)));
            return Ok(());
        }
        self.talk = Some(match script::request(value)? {
            Asked::Call(call) if name == "call" => {
                Talk::Call(Box::new(WholeCall::new(call, start)))
            }
            Asked::Watch(wait) => {
                let Start { route, policy, .. } = start;
                Talk::Watch(Box::new(Watch::new(wait, route, policy, *seed)))
            }
            Asked::Mirror(get) => Talk::Mirror(Box::new(Mirror::new(get, start))),
            Asked::Call(call) => Talk::Exchange(Box::new(start.exchange(call, self.now))),
            Asked::Sync { leader } => Talk::Sync(Box::new(Sync::new(start, leader))),
            Asked::AutoSync { interval, leader } => {
                let talk = AutoSync::new(start, interval, leader).map_err(|e| e.to_string())?;
                Talk::AutoSync(Box::new(talk))
            }
            Asked::Diagnose(endpoint) => Talk::Diagnose(Box::new(Diagnose::new(start, endpoint))),
            Asked::AddUser(put) => Talk::AddUser(Box::new(AddUser::new(put, start))),
            Asked::ChangePassword(user, password) => {
                Talk::ChangePassword(Box::new(ChangePassword::new(user, password, start)))
            }
        });
        Ok(())
    }

    /// Tells the conversation how an action went; within a whole answer, it has to read on.
    fn happens(&mut self, line: &str) -> Result<(), String> {
        let now = self.now;
        let mut events = script::events(line)?.into_iter().peekable();
        while let Some(event) = events.next() {
            self.talk()?.handle(now, event);
            if events.peek().is_some() && !matches!(self.talk()?.poll(now), Action::Read { .. }) {
                return Err("it does not read the answer to its end".to_owned());
            }
        }
        Ok(())
    }

    fn detour(&mut self, expected: &str) -> Result<(), String> {
        let mut cluster = self.settings.cluster()?;
        let now = self.now;
        let got = match self.talk()?.detour(now) {
            None => "= detour none".to_owned(),
            Some(detour) if cluster.follow(&detour) => match cluster.index() {
                Some(index) => format!("= detour {}, index {index}", cluster.pinned()),
                None => format!("= detour {}", cluster.pinned()),
            },
            Some(detour) => format!("= detour of another cluster: {detour:?}"),
        };
        if expected == got { Ok(()) } else { differs(expected, &got) }
    }

    fn caller(&mut self, line: &str) -> Result<(), String> {
        if line == "learn" {
            let now = self.now;
            self.settings.learned = self.talk()?.detour(now);
            return Ok(());
        }
        let endpoints = line.strip_prefix("reroute ").ok_or("nothing that a caller does")?;
        self.settings.set("endpoints", endpoints)?;
        let route = self.settings.cluster()?.route();
        match self.talk()? {
            Talk::Watch(watch) => watch.reroute(route),
            Talk::AutoSync(sync) => sync.reroute(route),
            _ => return Err("it takes no other route".to_owned()),
        }
        Ok(())
    }
}

fn differs(expected: &str, got: &str) -> Result<(), String> {
    Err(format!("expected  {expected}\n     got  {got}"))
}

impl Talk {
    /// What it asks for, with the lines for what it yields.
    fn poll(&mut self, now: Duration) -> Action<Vec<String>> {
        whichever!(self, it => match it.poll(now) {
            Action::Send { request, timing } => Action::Send { request, timing },
            Action::Read { timeout } => Action::Read { timeout },
            Action::Wait(pause) => Action::Wait(pause),
            Action::Yield(item) => Action::Yield(item.lines()),
            Action::Finish(end) => Action::Finish(end),
        })
    }

    fn handle(&mut self, now: Duration, event: Event) {
        whichever!(self, it => it.handle(now, event));
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        whichever!(self, it => it.detour(now))
    }
}
