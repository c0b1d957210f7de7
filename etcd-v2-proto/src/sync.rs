//! Finding out who the members are.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | asking for the members | answered | asking for the leader, or done |
//! | asking for the members | there is no such API | asking for the machines |
//! | asking for the machines | answered | asking for the leader, or done |
//! | asking for the leader | answered or failed | done |
//! | any | failed | failed |
//!
//! What members advertise is not to be trusted blindly: it is as often wrong as right behind NATs and in
//! containers, and whoever can write it could lead clients astray. So a URL is taken only if it is one,
//! without user information, leads somewhere (see [`Policy::local_urls`]) and is not a step down from
//! https to http. Link-local, multicast and metadata addresses and port 0 are taken only where the known
//! endpoints are of the same kind. If none can be used that is an error, and nothing changes.

use std::fmt;
use std::time::Duration;

use crate::cluster::{Detour, Route};
use crate::conversation::{Action, Conversation, Event};
use crate::endpoint::{Endpoint, Place};
use crate::error::{Error, ErrorKind};
use crate::exchange::Exchange;
use crate::members::{Leader, List, Member};
use crate::policy::Policy;
use crate::secrets::Secrets;
use crate::server::GetMachines;
use crate::start::Start;

/// Asks who the members are. Yields once, or finishes with an error.
pub struct Sync {
    start: Start,
    leader_wanted: bool,
    state: State,
}

/// Where the members are, as far as what they advertise can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// Where to reach them; never empty.
    pub endpoints: Vec<Endpoint>,
    /// Where to reach the leader, if it was asked for and is known.
    pub leader: Option<Endpoint>,
    /// The URLs that were not taken, each with the reason.
    pub refused: Vec<String>,
    /// How many times the seeds had been replaced when the members were asked for.
    pub(crate) generation: u64,
}

enum State {
    Members(Box<Exchange<List>>),
    Machines(Box<Exchange<GetMachines>>),
    Leader(Box<Exchange<Leader>>, Membership),
    Done(Result<Membership, Error>),
    Over,
}

impl Sync {
    /// Asks who the members are, and, if that is wanted, who leads them.
    #[must_use]
    pub fn new(mut start: Start, leader_wanted: bool) -> Self {
        let now = start.now;
        let state = State::Members(Box::new(start.exchange(List, now)));
        Self { start, leader_wanted, state }
    }

    fn listed(&mut self, now: Duration, members: Result<Vec<Member>, Error>) -> State {
        match members {
            Ok(members) => {
                let urls = members.into_iter().flat_map(|member| member.client_urls);
                self.judge(now, urls.collect())
            }
            // 0.4 has no members, and some proxies let nothing but keys through.
            Err(error) if is_missing(&error) => {
                State::Machines(Box::new(self.start.exchange(GetMachines, now)))
            }
            Err(error) => State::Done(Err(error)),
        }
    }

    fn judge(&mut self, now: Duration, urls: Vec<String>) -> State {
        let membership = match usable(&urls, &self.start.route, &self.start.policy) {
            Ok(membership) => membership,
            Err(refused) => {
                let mut kind = ErrorKind::NoUsableUrls(refused);
                Secrets::of_login(self.start.route.fixed_credentials()).redact(&mut kind);
                return State::Done(Err(kind.into()));
            }
        };
        if self.leader_wanted {
            let leader = Box::new(self.start.exchange(Leader, now));
            State::Leader(leader, membership)
        } else {
            State::Done(Ok(membership))
        }
    }

    fn led(&self, leader: Result<Member, Error>, mut membership: Membership) -> State {
        // A cluster that has no leader now will have one at the next sync.
        if let Ok(leader) = leader
            && let Ok(own) = usable(&leader.client_urls, &self.start.route, &self.start.policy)
        {
            let known = own.endpoints.into_iter().find(|own| membership.endpoints.contains(own));
            membership.leader = known;
        }
        State::Done(Ok(membership))
    }
}

impl Conversation for Sync {
    type Item = Membership;

    fn poll(&mut self, now: Duration) -> Action<Membership> {
        loop {
            let step = match &mut self.state {
                State::Members(exchange) => exchange.poll(now).ended().map(Answer::Members),
                State::Machines(exchange) => exchange.poll(now).ended().map(Answer::Machines),
                State::Leader(exchange, _) => exchange.poll(now).ended().map(Answer::Leader),
                State::Done(_) | State::Over => {
                    return match std::mem::replace(&mut self.state, State::Over) {
                        State::Done(Ok(membership)) => Action::Yield(membership),
                        State::Done(Err(error)) => Action::Finish(Err(error)),
                        _ => Action::Finish(Ok(())),
                    };
                }
            };
            let answer = match step {
                Ok(answer) => answer,
                Err(action) => return action,
            };
            match &self.state {
                State::Members(exchange) => self.start.follow(exchange, now),
                State::Machines(exchange) => self.start.follow(exchange, now),
                State::Leader(exchange, _) => self.start.follow(exchange, now),
                State::Done(_) | State::Over => {}
            }
            self.state = match (std::mem::replace(&mut self.state, State::Over), answer) {
                (_, Answer::Members(members)) => self.listed(now, members),
                (_, Answer::Machines(Ok(urls))) => self.judge(now, urls),
                (_, Answer::Machines(Err(error))) => State::Done(Err(error)),
                (State::Leader(_, membership), Answer::Leader(leader)) => {
                    self.led(leader, membership)
                }
                (state, Answer::Leader(_)) => state,
            };
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Members(exchange) => exchange.handle(now, event),
            State::Machines(exchange) => exchange.handle(now, event),
            State::Leader(exchange, _) => exchange.handle(now, event),
            State::Done(_) | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Members(exchange) => exchange.detour(now),
            State::Machines(exchange) => exchange.detour(now),
            State::Leader(exchange, _) => exchange.detour(now),
            State::Done(_) | State::Over => None,
        }
    }
}

impl fmt::Debug for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sync").field("start", &self.start).finish_non_exhaustive()
    }
}

/// What one of the exchanges came to.
enum Answer {
    Members(Result<Vec<Member>, Error>),
    Machines(Result<Vec<String>, Error>),
    Leader(Result<Member, Error>),
}

/// Whether a server does not know what it was asked for: the one that ended the call, or one of several
/// of which none had an answer.
pub(crate) fn is_missing(error: &Error) -> bool {
    let mut kinds = error.attempts().iter().map(|attempt| &attempt.kind);
    match error.kind() {
        ErrorKind::Unavailable => kinds.any(is_unknown),
        kind => is_unknown(kind),
    }
}

fn is_unknown(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::V2Disabled | ErrorKind::ApiNotFound { .. } => true,
        ErrorKind::Unexpected(answer) => answer.status.is_client_error(),
        ErrorKind::Api(refusal) => refusal.status == http::StatusCode::NOT_FOUND,
        _ => false,
    }
}

/// The endpoints among what is advertised; without any, the reasons. The route begins with who told them.
fn usable(urls: &[String], route: &Route, policy: &Policy) -> Result<Membership, Vec<String>> {
    /// More members than that no cluster has, with several URLs each.
    const MOST: usize = 512;
    let (endpoints, leader, refused) = (Vec::new(), None, Vec::new());
    let generation = route.generation();
    let mut membership = Membership { endpoints, leader, refused, generation };
    for url in urls.iter().take(MOST) {
        let mapped = match &policy.map_url {
            Some(map) => map.map(url),
            None => Some(url.clone()),
        };
        match mapped.as_deref().map(|url| judge(url, route, policy)) {
            Some(Ok(endpoint)) if membership.endpoints.contains(&endpoint) => {}
            Some(Ok(endpoint)) => membership.endpoints.push(endpoint),
            Some(Err(reason)) => membership.refused.push(reason),
            // It may have user information, which only an endpoint hides.
            None => membership.refused.push(match url.parse::<Endpoint>() {
                Ok(endpoint) => format!("{endpoint} is left out by the policy"),
                Err(error) => format!("left out by the policy: {error}"),
            }),
        }
    }
    if let more @ 1.. = urls.len().saturating_sub(MOST) {
        membership.refused.push(format!("{more} more URLs are too many: {MOST} are looked at"));
    }
    match (membership.endpoints.is_empty(), membership.refused.is_empty()) {
        (false, _) => Ok(membership),
        (true, false) => Err(membership.refused),
        (true, true) => Err(vec!["there are none".to_owned()]),
    }
}

fn judge(url: &str, route: &Route, policy: &Policy) -> Result<Endpoint, String> {
    let endpoint: Endpoint = url.parse().map_err(|error| format!("{error}"))?;
    if endpoint.credentials().is_some() {
        return Err(format!("{endpoint} comes with user information"));
    }
    let all_https = route.endpoints().iter().all(Endpoint::is_https);
    if all_https && !endpoint.is_https() {
        return Err(format!("{endpoint} is not encrypted, while all known endpoints are"));
    }
    // Another machine's loopback address is not this one's, whoever else is known.
    let told_by = route.endpoint(0);
    let knows = |is_such: &dyn Fn(&Endpoint) -> bool| route.endpoints().iter().any(is_such);
    if endpoint.is_port_0() && !knows(&Endpoint::is_port_0) {
        return Err(format!("{endpoint} has port 0, at which no server can listen"));
    }
    let place = endpoint.place();
    let odd = match place {
        Place::LinkLocal => Some("link-local"),
        Place::Multicast => Some("multicast"),
        Place::Metadata => Some("metadata"),
        Place::Nowhere | Place::Here | Place::Elsewhere => None,
    };
    if let Some(odd) = odd.filter(|_| !knows(&|own| own.place() == place)) {
        return Err(format!("{endpoint} is a {odd} address, and no known endpoint is one"));
    }
    match place {
        _ if policy.local_urls => Ok(endpoint),
        Place::Nowhere => Err(format!("{endpoint} is an unspecified address")),
        Place::Here if told_by.place() != Place::Here => Err(format!(
            "{endpoint} is a loopback address, while {told_by}, which told it, is none"
        )),
        _ => Ok(endpoint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;

    /// Hosts that no member can be reached at, by kind, and the word for the kind.
    const ODD: [(&str, &[&str]); 4] = [
        (
            "link-local",
            &[
                "169.254.0.1",
                "169.254.255.254",
                "[fe80::1]",
                "[febf::1]",
                "[::ffff:169.254.1.1]",
                "0xa9fe0102",
            ],
        ),
        (
            "multicast",
            &[
                "224.0.0.1",
                "239.255.255.250",
                "255.255.255.255",
                "[ff02::1]",
                "[ff0e::2]",
                "[::ffff:224.0.0.1]",
            ],
        ),
        (
            "metadata",
            &[
                "169.254.169.254",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "[fd00:ec2::254]",
                "[fd20:ce::254]",
                "[::ffff:169.254.169.254]",
                "[::ffff:a9fe:a9fe]",
                "0xa9fea9fe",
                "2852039166",
                "0251.0376.0251.0376",
            ],
        ),
        ("port 0", &["10.0.0.1:0", "name:0", "[2001:db8::1]:0"]),
    ];

    #[test]
    fn takes_odd_addresses_only_where_such_ones_are_known() {
        let url = |host: &str, kind: &str| {
            format!("http://{host}{}", if kind == "port 0" { "" } else { ":2379" })
        };
        for local_urls in [false, true] {
            let policy = Policy { local_urls, ..Policy::default() };
            for (kind, hosts) in ODD {
                for host in hosts {
                    let urls = [url(host, kind), "http://10.0.0.2:2379".to_owned()];
                    for (other, known) in
                        ODD.iter().map(|(other, hosts)| (*other, url(hosts[0], other)))
                    {
                        let route =
                            Cluster::parse(["http://10.0.0.1:2379", &known]).unwrap().route();
                        let told = usable(&urls, &route, &policy).unwrap();
                        let taken = other == kind;
                        assert_eq!(told.endpoints.len(), 1 + usize::from(taken), "{host} {known}");
                        assert_eq!(told.refused.len(), usize::from(!taken), "{host} {known}");
                        assert!(taken || told.refused[0].contains(kind), "{:?}", told.refused);
                    }
                }
            }
            let route = Cluster::parse(["http://10.0.0.1:2379"]).unwrap().route();
            for near in [
                "169.253.255.255",
                "169.255.0.1",
                "223.255.255.255",
                "240.0.0.1",
                "100.100.100.201",
                "[fec0::1]",
                "[fd00:ec2::255]",
                "[fe7f::1]",
            ] {
                let told = usable(&[url(near, "")], &route, &policy).unwrap();
                assert_eq!(told.endpoints.len(), 1, "{near}");
            }
        }
    }

    #[test]
    fn urls_that_are_too_many_are_told() {
        let route = Cluster::parse(["http://a:1"]).unwrap().route();
        let urls = |count: u16| -> Vec<String> {
            (1..=count).map(|port| format!("http://b:{port}")).collect()
        };
        let all = usable(&urls(512), &route, &Policy::default()).unwrap();
        assert_eq!((all.endpoints.len(), all.refused.len()), (512, 0));
        let more = usable(&urls(515), &route, &Policy::default()).unwrap();
        assert_eq!(more.endpoints, all.endpoints);
        assert_eq!(more.refused, ["3 more URLs are too many: 512 are looked at"]);
    }
}
