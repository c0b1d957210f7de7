//! Writes actions down, as they stand in a transcript.

use std::fmt::Write;
use std::time::Duration;

use etcd_v2_proto::auth::users::Written;
use etcd_v2_proto::auto_sync::Turn;
use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{Request, header};
use etcd_v2_proto::keys::{Change, ChangeKind, NodeRef};
use etcd_v2_proto::members::Member;
use etcd_v2_proto::mirror::Update;
use etcd_v2_proto::server::Health;
use etcd_v2_proto::stats::LeaderStats;
use etcd_v2_proto::{
    Action, Doubt, Endpoint, EndpointReport, Error, ErrorKind, Membership, Resolution, Timing,
};

use super::script;

/// The lines for an action. No transcript may show the password that some of them use.
pub(super) fn action(action: &Action<Vec<String>>) -> Result<Vec<String>, String> {
    let lines = match action {
        Action::Send { request, timing } => vec![send(request, timing)?],
        Action::Read { timeout: None } => vec!["> read without limit".to_owned()],
        Action::Read { timeout: Some(timeout) } => vec![format!("> read within {timeout:?}")],
        Action::Wait(pause) => vec![format!("> wait {pause:?}")],
        Action::Yield(lines) => lines.clone(),
        Action::Finish(Ok(())) => vec!["= over".to_owned()],
        Action::Finish(Err(error)) => failed("failed", error),
    };
    let mut all = format!("{action:?}\n{}", lines.join("\n"));
    if let Action::Finish(Err(error)) = action {
        let _ = write!(all, "{error} {}", error.detail());
    }
    match secret_in(&all) {
        Some(secret) => Err(format!("{secret} is shown:\n{all}")),
        None => Ok(lines),
    }
}

fn secret_in(text: &str) -> Option<&'static str> {
    ["hunter2", "cm9vdDpodW50ZXIy"].into_iter().find(|secret| text.contains(secret))
}

/// Whether a line is as expected. Pauses are random within bounds, `> wait 100ms to 125ms`, of which the
/// lower one may be left out; and so is the patience of a watch, `> read up to 30s`, of which no more than
/// a quarter is left to chance.
pub(super) fn matches(expected: &str, got: &str) -> bool {
    let read = expected.strip_prefix("> read up to ").zip(got.strip_prefix("> read within "));
    let wait = expected.strip_prefix("> wait ").zip(got.strip_prefix("> wait "));
    let (least, most, pause) = match (read, wait) {
        (Some((most, pause)), _) => (None, most, pause),
        (_, Some((bounds, pause))) => match bounds.split_once(" to ") {
            Some(("up", most)) => (Some("0s"), most, pause),
            Some((least, most)) => (Some(least), most, pause),
            None => return expected == got,
        },
        _ => return expected == got,
    };
    let Ok(most) = script::duration(most) else { return false };
    let least = least.map_or_else(
        || Ok(most * 3 / 4),
        |least| script::duration(least).map(|least| least + Duration::from_millis(2)),
    );
    let (number, factor) = match (pause.strip_suffix("ms"), pause.strip_suffix('s')) {
        (Some(millis), _) => (millis, 0.001),
        (None, seconds) => (seconds.unwrap_or_default(), 1.0),
    };
    let pause = number.parse::<f64>().map(|number| Duration::from_secs_f64(number * factor));
    pause.ok().zip(least.ok()).is_some_and(|(pause, least)| (least..=most).contains(&pause))
}

fn send(request: &Request<Bytes>, timing: &Timing) -> Result<String, String> {
    let (method, uri, body) = (request.method(), request.uri(), request.body());
    let mut line = format!("> {method} {}", folded(&uri.to_string()));
    if !body.is_empty() {
        let _ = write!(line, " {}", String::from_utf8_lossy(body));
    }
    let Timing { connect, handshake, head, response, .. } = *timing;
    let text = |limit: Option<Duration>| {
        limit.map_or_else(|| "any time".to_owned(), |limit| format!("{limit:?}"))
    };
    let _ = write!(line, ", connect {}", text(connect));
    if uri.scheme_str() != Some("http") {
        let _ = write!(line, ", handshake {}", text(handshake));
    }
    if let Some(response) = response {
        let _ = write!(line, ", response {response:?}");
    }
    // Beside an adaptive timeout, only what is shorter than it takes with connecting.
    let wanted = connect.zip(response).map(|(connect, response)| connect + response);
    if response.is_none() || wanted.zip(head).is_some_and(|(wanted, head)| head < wanted) {
        let _ = write!(line, ", head {}", text(head));
    }
    if request.headers().contains_key(header::AUTHORIZATION) {
        line.push_str(", authorized");
    }
    // The host always is the one that is connected to, so the lines need not show it.
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    match (host, uri.authority()) {
        (Some(host), Some(authority)) if host == authority.as_str() => Ok(line),
        _ => Err(format!("{uri} is asked as host {host:?}")),
    }
}

/// A text with long runs of one letter cut short.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.trim_start_matches(first);
        let run = rest.len() - after.len();
        match run / first.len_utf8() {
            times @ 100.. => folded.push_str(&format!("{first}*{times}")),
            _ => folded.push_str(&rest[..run]),
        }
        rest = after;
    }
    folded
}

/// What a conversation yields, as the lines of a transcript.
pub(super) trait Shown {
    fn lines(&self) -> Vec<String>;
}

impl Shown for Vec<String> {
    fn lines(&self) -> Vec<String> {
        self.clone()
    }
}

impl Shown for Change {
    fn lines(&self) -> Vec<String> {
        let (key, value) = (self.key().unwrap_or("no node"), self.value().unwrap_or("no value"));
        let index = self.index().map_or_else(|| "none".to_owned(), |index| index.to_string());
        vec![format!("= {} {key} {value} @{index}", self.kind())]
    }
}

/// What a watch yields.
impl<T: Shown> Shown for Result<T, Error> {
    fn lines(&self) -> Vec<String> {
        match self {
            Ok(change) => change.lines(),
            Err(error) => {
                let mut lines = failed("error", error);
                // For the search for secrets only: a transcript would have it as another line.
                if let Some(secret) = secret_in(&format!("{error:?} {error} {}", error.detail())) {
                    lines.push(format!("{secret} is shown"));
                }
                lines
            }
        }
    }
}

/// What an automatic sync yields.
impl Shown for Turn {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Begins => vec!["= begins".to_owned()],
            Self::Ended(Ok(membership)) => membership.lines(),
            Self::Ended(Err(error)) => failed("error", error),
        }
    }
}

/// What a mirror yields.
impl Shown for Update {
    fn lines(&self) -> Vec<String> {
        let key = self.key().unwrap_or_default();
        let of = |kind: &Option<ChangeKind>| {
            kind.as_ref().map_or_else(|| "found".to_owned(), ChangeKind::to_string)
        };
        let index = self.index();
        vec![match self {
            Self::Upserted { node, before, kind, .. } => {
                let value = |node: &NodeRef| node.node().value().unwrap_or("dir").to_owned();
                let before = before.as_ref().map_or_else(|| "nothing".to_owned(), value);
                format!("= {} {key} {} after {before} @{index}", of(kind), value(node))
            }
            Self::Removed { kind, .. } => format!("= {} {key} gone @{index}", of(kind)),
            Self::Resynced { gap: None, .. } => format!("= synced @{index}"),
            Self::Resynced { gap: Some(gap), .. } => {
                format!("= resynced @{index}, {} to {}, {:?}", gap.from, gap.to, gap.reason)
            }
            other => format!("= unknown {other:?}"),
        }]
    }
}

impl Shown for Option<Change> {
    fn lines(&self) -> Vec<String> {
        self.as_ref().map_or_else(|| vec!["= unchanged".to_owned()], Shown::lines)
    }
}

impl Shown for Resolution {
    fn lines(&self) -> Vec<String> {
        let (what, change) = match self {
            Self::Applied(change) => ("applied", change.as_ref()),
            Self::NotApplied(change) => ("not applied", change.as_ref()),
            Self::Unknown(Doubt::Ambiguous(change)) => ("ambiguous", Some(change)),
            Self::Unknown(Doubt::NotYet) => ("not yet", None),
            Self::Unknown(Doubt::HistoryGone) => ("history gone", None),
            Self::Unknown(doubt) => return vec![format!("= unknown: {doubt:?}")],
        };
        std::iter::once(format!("= {what}"))
            .chain(change.into_iter().flat_map(Shown::lines))
            .collect()
    }
}

impl Shown for () {
    fn lines(&self) -> Vec<String> {
        vec!["= done".to_owned()]
    }
}

impl Shown for Vec<Member> {
    fn lines(&self) -> Vec<String> {
        self.iter().flat_map(Shown::lines).collect()
    }
}

impl Shown for Member {
    fn lines(&self) -> Vec<String> {
        let name = if self.has_started() { &self.name } else { "not started" };
        vec![format!("= member {}, {name}", self.id)]
    }
}

impl Shown for Membership {
    fn lines(&self) -> Vec<String> {
        let endpoints: Vec<_> = self.endpoints.iter().map(Endpoint::to_string).collect();
        let mut first = format!("= endpoints {}", endpoints.join(" "));
        if let Some(leader) = &self.leader {
            let _ = write!(first, ", leader {leader}");
        }
        let refused = self.refused.iter().map(|reason| format!("=   refused: {reason}"));
        std::iter::once(first).chain(refused).collect()
    }
}

/// The finding, too, since the report is what it is drawn from.
impl Shown for EndpointReport {
    fn lines(&self) -> Vec<String> {
        let version = match &self.version {
            Ok(version) => format!("version {}", version.server),
            Err(_) => "no version".to_owned(),
        };
        let mut first = format!("= {}: {version}", self.endpoint);
        if self.speaks_v2() {
            first.push_str(", v2");
        }
        if let Some(id) = self.cluster_id() {
            let _ = write!(first, ", cluster {id}");
        }
        if let Some(leader) = self.leader() {
            let _ = write!(first, ", leader {}", leader.name);
        }
        if let Some(healthy) = self.is_healthy() {
            first.push_str(if healthy { ", healthy" } else { ", unhealthy" });
        }
        if let Some(time) = self.first_answer {
            let _ = write!(first, ", first answer after {time:?}");
        }
        let _ = write!(first, ", took {:?}", self.took);
        let finding = self.finding().map(|finding| format!("=   {finding}"));
        std::iter::once(first).chain(finding).collect()
    }
}

impl Shown for Written {
    fn lines(&self) -> Vec<String> {
        let created = if self.created { ", created" } else { "" };
        vec![format!("= user {} {:?}{created}", self.user.user, self.user.roles)]
    }
}

impl Shown for Health {
    fn lines(&self) -> Vec<String> {
        vec![format!("= {}", if self.healthy { "healthy" } else { "unwell" })]
    }
}

impl Shown for LeaderStats {
    fn lines(&self) -> Vec<String> {
        vec![format!("= leader {} of {} followers", self.leader, self.followers.len())]
    }
}

fn failed(word: &str, error: &Error) -> Vec<String> {
    let mut first = format!("= {word}: {}", kind(error.kind()));
    for (holds, name) in [
        (error.is_key_not_found(), "key not found"),
        (error.is_compare_failed(), "compare failed"),
        (error.is_already_exists(), "already exists"),
        (error.is_history_cleared(), "history cleared"),
        (error.is_unauthorized(), "unauthorized"),
        (error.is_timeout(), "timeout"),
        (error.is_stale(), "stale"),
        (error.is_no_leader() && error.api().is_none(), "no leader"),
        (error.is_conflict(), "conflict"),
        (error.is_not_leader(), "not leader"),
        (error.is_gone(), "gone"),
        (error.is_member_not_found(), "member not found"),
        (error.is_user_not_found(), "user not found"),
        (error.is_role_not_found(), "role not found"),
    ] {
        if holds {
            let _ = write!(first, ", {name}");
        }
    }
    let mut second = format!("=   {}", error.outcome());
    if error.may_have_applied() {
        second.push_str(", may have applied");
    }
    if let Some(endpoint) = error.endpoint() {
        let _ = write!(second, ", at {endpoint}");
    }
    let mut lines = vec![first, second];
    for attempt in error.attempts() {
        let (endpoint, at, outcome) = (&attempt.endpoint, attempt.at, attempt.outcome);
        let kind = kind(&attempt.kind);
        lines.push(format!("=   attempt: {endpoint} after {at:?}: {kind}, {outcome}"));
    }
    lines
}

fn kind(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Invalid(invalid) => format!("invalid {}", invalid.field),
        ErrorKind::Etcd(refusal) => {
            format!("etcd {} with status {}", refusal.code, refusal.status.as_u16())
        }
        ErrorKind::Api(refusal) => {
            format!("{:?} with status {}", refusal.message, refusal.status.as_u16())
        }
        ErrorKind::V2Disabled => "v2 disabled".to_owned(),
        ErrorKind::Unexpected(answer) => {
            format!("unexpected status {}, {}", answer.status.as_u16(), answer.content_type)
        }
        ErrorKind::Redirect(refusal) => format!("redirect: {refusal:?}"),
        ErrorKind::EmptyBody => "empty body".to_owned(),
        ErrorKind::Malformed(_) => "malformed".to_owned(),
        ErrorKind::TooLarge { limit } => format!("larger than {limit} bytes"),
        ErrorKind::RequestLineTooLong { length, .. } => {
            format!("request line too long, {length} bytes")
        }
        ErrorKind::Unresolved(refusal) => format!("unresolved {}", refusal.code),
        ErrorKind::TimedOut => "deadline passed".to_owned(),
        ErrorKind::Gap(gap) => format!("gap {} to {}, {:?}", gap.from, gap.to, gap.reason),
        other => other.to_string(),
    }
}
