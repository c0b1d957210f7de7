//! Reads what a transcript says about the request and what it is told.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::auth::users;
use etcd_v2_proto::http::{HeaderName, HeaderValue, Response, StatusCode};
use etcd_v2_proto::keys::{Delete, Get, KeysRequest, Mark, Push, Set, Wait};
use etcd_v2_proto::{
    AbandonReason, CheckRedirect, Cluster, Consistency, Credentials, Detour, Document, Encoded,
    Endpoint, ErrorKind, Event, Failure, Invalid, MapUrl, Policy, Reason, Request, Stage, members,
    server, stats,
};

use super::shown::Shown;

/// What holds for the requests that follow.
#[derive(Default)]
pub(super) struct Settings {
    endpoints: String,
    /// What an earlier request learned.
    pub(super) learned: Option<Detour>,
    user: Option<Credentials>,
    pub(super) policy: Arc<Policy>,
    pub(super) seed: u64,
}

impl Settings {
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "endpoints" => value.clone_into(&mut self.endpoints),
            "user" => {
                let (user, password) = value.split_once(' ').ok_or("a user has a password")?;
                self.user = Some(Credentials::new(user, password).map_err(|e| e.to_string())?);
            }
            "policy" => self.policy = Arc::new(policy(value)?),
            "seed" => self.seed = value.parse().map_err(|_| "not a seed")?,
            _ => return Err(format!("nothing to set: {name}")),
        }
        Ok(())
    }

    pub(super) fn cluster(&self) -> Result<Cluster, String> {
        let mut cluster = Cluster::parse(self.endpoints.split(' ')).map_err(|e| e.to_string())?;
        if let Some(detour) = &self.learned {
            cluster.follow(detour);
        }
        let Some(user) = self.user.clone() else { return Ok(cluster) };
        cluster.with_credentials(user).map_err(|e| e.to_string())
    }
}

/// The default, with some settings that differ: `passes=1 read_head=none`.
fn policy(text: &str) -> Result<Policy, String> {
    let mut policy = Policy::default();
    for setting in text.split(' ').filter(|setting| *setting != "default") {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let limit = || if value == "none" { Ok(None) } else { duration(value).map(Some) };
        let number = || value.parse::<u32>().map_err(|_| format!("not a number: {value}"));
        match name {
            "go_limits" => policy = Policy::go_limits(),
            "read_deadline" => policy.read_deadline = limit()?,
            "write_deadline" => policy.write_deadline = limit()?,
            "diagnosis_deadline" => policy.diagnosis_deadline = limit()?,
            "connect" => policy.connect = limit()?,
            "handshake" => policy.handshake = limit()?,
            "read_head" => policy.read_head = limit()?.map(Into::into),
            "listing_head" => policy.listing_head = limit()?.map(Into::into),
            "quorum_head" => policy.quorum_head = limit()?.map(Into::into),
            "guarded_head" => policy.guarded_head = limit()?.map(Into::into),
            "write_head" => policy.write_head = limit()?,
            "wait_head" => policy.wait_head = limit()?,
            "watch_idle" => policy.watch_idle = limit()?,
            "watch_pause" => policy.watch_pause = duration(value)?,
            "auth_allowance" => policy.auth_allowance = duration(value)?,
            "silence" => policy.silence = limit()?,
            "max_answer" => policy.max_answer = number()? as usize,
            "max_error_body" => policy.max_error_body = number()? as usize,
            "passes" => policy.passes = Some(number()?),
            "at_least_once" => policy.at_least_once = true,
            "consistency" => policy.consistency = consistency(value)?,
            "require_leader" => policy.require_leader = true,
            "max_redirects" => policy.max_redirects = number()?,
            "foreign_redirects" => policy.foreign_redirects = true,
            "any_cluster" => policy.any_cluster = true,
            "cluster_id" => {
                policy.cluster_id = Some(value.parse().map_err(|error| format!("{error}"))?);
            }
            "local_urls" => policy.local_urls = true,
            "map_url" => policy.map_url = Some(mapped(value)?),
            "check_redirect" => policy.check_redirect = Some(at_most(number()?)),
            _ => return Err(format!("not a policy: {setting}")),
        }
    }
    Ok(policy)
}

fn consistency(name: &str) -> Result<Consistency, String> {
    match name {
        "local" => Ok(Consistency::Local),
        "monotonic" => Ok(Consistency::Monotonic),
        "quorum" => Ok(Consistency::Quorum),
        _ => Err(format!("no consistency: {name}")),
    }
}

/// A check that is content with so many redirects.
fn at_most(most: u32) -> CheckRedirect {
    CheckRedirect::new(move |redirect| match redirect.followed {
        followed if followed < most => Ok(()),
        followed => Err(format!("{followed} are enough, says {}", redirect.status)),
    })
}

/// A mapping of hosts that begin with a letter to others, `n:b` say; those that begin with another one
/// are left out.
fn mapped(text: &str) -> Result<MapUrl, String> {
    let (from, to) = text.split_once(':').ok_or("not a mapping")?;
    let (from, to) = (format!("//{from}"), format!("//{to}"));
    Ok(MapUrl::new(move |url| url.contains(&from).then(|| url.replace(&from, &to))))
}

/// What a request line asks for.
pub(super) enum Asked {
    Call(Call),
    Watch(Wait),
    Mirror(Get),
    Sync { leader: bool },
    AutoSync { interval: Duration, leader: bool },
    Diagnose(Endpoint),
    AddUser(users::Put),
    ChangePassword(String, String),
}

/// A request in few words: a call, or what a longer conversation begins with.
pub(super) fn request(text: &str) -> Result<Asked, String> {
    let words: Vec<String> = text.split(' ').map(unfold).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let index = |text: &str| text.parse().map_err(|_| format!("not an index: {text}"));
    Ok(Asked::Call(match *words.as_slice() {
        ["get", key] => Call::new(Get::new(key)),
        ["get", "recursive", key] => Call::new(Get::new(key).recursive()),
        ["get", "quorum", key] => Call::new(Get::new(key).quorum()),
        ["get", "local", key] => Call::new(Get::new(key).local()),
        ["set", key, value] => Call::new(Set::new(key, value)),
        ["set", key, value, "if", old] => Call::new(Set::new(key, value).if_value(old)),
        ["set", key, value, "at", at] => Call::new(Set::new(key, value).if_index(index(at)?)),
        ["create", key, value] => Call::new(Set::create(key, value)),
        ["set", key, value, "at", at, "under", prefix] => {
            Call::new(Set::new(key, value).if_index(index(at)?).with_prefix(prefix))
        }
        ["update", key, value] => Call::new(Set::update(key, value)),
        ["update", key, value, "at", at] => Call::new(Set::update(key, value).if_index(index(at)?)),
        ["push", key, value] => Call::new(Push::new(key, value)),
        ["delete", key] => Call::new(Delete::new(key)),
        ["delete", key, "if", old] => Call::new(Delete::new(key).if_value(old)),
        ["delete", key, "at", at] => Call::new(Delete::new(key).if_index(index(at)?)),
        ["refresh", key, "at", at] => {
            Call::new(Set::refresh(key, Duration::from_secs(9)).if_index(index(at)?))
        }
        ["mkdir", key] => Call::new(Set::mkdir(key)),
        ["wait", key] => Call::new(Wait::new(key)),
        ["members"] => Call::new(members::List::default()),
        ["add", "member", url] => Call::new(members::Add::new([url])),
        ["remove", "member", id] => Call::new(members::Remove::new(id)),
        ["health"] => Call::new(server::GetHealth::default()),
        ["leader", "stats"] => Call::new(stats::OfLeader::default()),
        ["watch", key, ref rest @ ..] => {
            return Ok(Asked::Watch(watch(Wait::new(key), rest)?));
        }
        ["diagnose", endpoint] => {
            let endpoint = endpoint.parse().map_err(|error| format!("{error}"))?;
            return Ok(Asked::Diagnose(endpoint));
        }
        ["mirror", key] => return Ok(Asked::Mirror(Get::new(key))),
        ["mirror", "at", prefix, key] => {
            return Ok(Asked::Mirror(Get::new(key).with_prefix(prefix)));
        }
        ["sync"] => return Ok(Asked::Sync { leader: false }),
        ["sync", "with", "leader"] => return Ok(Asked::Sync { leader: true }),
        ["sync", "every", pause] => {
            return Ok(Asked::AutoSync { interval: duration(pause)?, leader: false });
        }
        ["sync", "every", pause, "with", "leader"] => {
            return Ok(Asked::AutoSync { interval: duration(pause)?, leader: true });
        }
        ["add", "user", user, password] => {
            return Ok(Asked::AddUser(users::Put::new(user, password)));
        }
        ["add", "user", user, password, "as", role] => {
            return Ok(Asked::AddUser(users::Put::new(user, password).roles([role])));
        }
        ["change", "password", user, password] => {
            return Ok(Asked::ChangePassword(user.to_owned(), password.to_owned()));
        }
        _ => return Err(format!("not a request: {text}")),
    }))
}

/// A wait with the words that follow the key: `recursive`, `stream`, `after 5`.
fn watch(wait: Wait, words: &[&str]) -> Result<Wait, String> {
    match *words {
        [] => Ok(wait),
        ["recursive", ref rest @ ..] => watch(wait.recursive(), rest),
        ["stream", ref rest @ ..] => watch(wait.stream(), rest),
        ["after", index, ref rest @ ..] => {
            let index = index.parse().map_err(|_| format!("not an index: {index}"))?;
            watch(wait.after(index), rest)
        }
        _ => Err(format!("not a watch: {words:?}")),
    }
}

/// What becomes of a value.
pub(super) type Modification = fn(Option<&str>) -> Option<String>;

/// What a value is modified to: one with a plus, unless it has three.
pub(super) fn one_more(old: Option<&str>) -> Option<String> {
    let old = old.unwrap_or_default();
    (!old.ends_with("+++")).then(|| format!("{old}+"))
}

/// `k*4000` stands for so many of that letter at the end of a word.
fn unfold(word: &str) -> String {
    let folded = word.split_once('*').and_then(|(word, times)| Some((word, times.parse().ok()?)));
    let Some((word, times)) = folded else { return word.to_owned() };
    let (start, last) = word.split_at(word.len().saturating_sub(1));
    start.to_owned() + &last.repeat(times)
}

/// What a driver has to tell. A status and a body stand for a whole answer.
pub(super) fn events(line: &str) -> Result<Vec<Event>, String> {
    let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
    let stage = if rest == "before sending" { Stage::BeforeSend } else { Stage::AfterSend };
    Ok(vec![match what {
        "head" => head(rest)?,
        "chunk" => Event::Chunk(rest.to_owned().into()),
        "end" => Event::End,
        "elapsed" => Event::Elapsed,
        "refused" => Event::Failed(Failure::before_send("connection refused")),
        "reset" => Event::Failed(Failure::after_send("connection reset")),
        "timeout" => Event::Failed(Failure::timed_out(stage)),
        "stopped" => Event::Failed(Failure::interrupted(stage, Reason::Stopped)),
        "left" => {
            let why = match rest {
                "without-leader" => AbandonReason::NoLeader { waited: Duration::from_secs(3) },
                "leader-changed" => AbandonReason::LeaderChanged,
                "other-leader" => AbandonReason::OtherLeader,
                _ => AbandonReason::Unresponsive,
            };
            Event::Failed(Failure::interrupted(stage, Reason::Leave(why)))
        }
        status => {
            return Ok(vec![head(status)?, Event::Chunk(rest.to_owned().into()), Event::End]);
        }
    }])
}

/// A status, and headers such as `Location: /x | Content-Type: text/html`.
fn head(text: &str) -> Result<Event, String> {
    let (status, headers) = text.split_once(' ').unwrap_or((text, ""));
    let mut response = Response::new(());
    let unknown = |_| format!("nothing that can happen: {text}");
    *response.status_mut() = status.parse().map_err(unknown)?;
    for header in headers.split(" | ").filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(": ").ok_or("not a header")?;
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        response.headers_mut().append(name, value);
    }
    Ok(Event::Head(response.into_parts().0))
}

/// A duration in whole seconds or milliseconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let millis = text.strip_suffix("ms").map(|millis| (millis, 1));
    let (number, factor) =
        millis.or_else(|| Some((text.strip_suffix('s')?, 1000))).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| format!("not a duration: {text}"))?;
    Ok(Duration::from_millis(number * factor))
}

/// Any request, its answer as the lines of a transcript.
pub(super) struct Call(Box<dyn Request<Output = Vec<String>>>);

impl Call {
    fn new(request: impl Request<Output: Shown> + 'static) -> Self {
        Self(Box::new(Showing(request)))
    }
}

impl Request for Call {
    type Output = Vec<String>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.0.encode()
    }

    fn encode_with(&self, consistency: Consistency) -> Result<Encoded, Invalid> {
        self.0.encode_with(consistency)
    }

    fn accepts(&self, status: StatusCode) -> bool {
        self.0.accepts(status)
    }

    fn decode(&self, document: Document) -> Result<Vec<String>, ErrorKind> {
        self.0.decode(document)
    }

    fn mark(&self) -> Option<Mark> {
        self.0.mark()
    }
}

struct Showing<R>(R);

impl<R: Request<Output: Shown>> Request for Showing<R> {
    type Output = Vec<String>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.0.encode()
    }

    fn encode_with(&self, consistency: Consistency) -> Result<Encoded, Invalid> {
        self.0.encode_with(consistency)
    }

    fn accepts(&self, status: StatusCode) -> bool {
        self.0.accepts(status)
    }

    fn decode(&self, document: Document) -> Result<Vec<String>, ErrorKind> {
        self.0.decode(document).map(|item| item.lines())
    }

    fn mark(&self) -> Option<Mark> {
        self.0.mark()
    }
}
