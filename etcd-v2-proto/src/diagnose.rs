//! Finding out what is wrong with the endpoints, each by itself.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | asking for the version | nobody answers | done |
//! | asking for the version | answered, refused | asking for the leader |
//! | asking for the leader | answered, refused otherwise | asking for the health |
//! | asking for the leader | there is no such API | asking for the machines |
//! | asking for the leader | nobody answers | done |
//! | asking for the machines | answered: there is a v2 API; otherwise there is none | asking for the health |
//! | asking for the health | in whatever way | done |
//! | any | stopped | failed |
//!
//! A driver carries out one such conversation for each endpoint and makes a [`Diagnosis`] of the
//! reports. Nothing that is learned here moves the pin, and answers of other clusters are taken: which
//! endpoint is of which cluster is part of the question.

mod conclude;
mod finding;
mod report;

pub use finding::Finding;
pub use report::{Diagnosis, EndpointReport, V2};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

use crate::conversation::{Action, Conversation, Event};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Invalid};
use crate::exchange::Exchange;
use crate::judge;
use crate::members::Member;
use crate::request::{Document, Encoded, Purpose, Request};
use crate::server::{GetHealth, GetMachines, GetVersion, Health, Version};
use crate::start::Start;
use crate::sync::is_missing;
use crate::wire::decode;

/// Asks one endpoint for version, leader, cluster and health. Yields a report once, whatever happens,
/// unless it is stopped.
///
/// It takes no longer than [`Policy::diagnosis_deadline`](crate::Policy::diagnosis_deadline), sends
/// `GET /version`, `/v2/members/leader` and `/health` (and `/v2/machines` where there are no members),
/// and changes nothing. Credentials go with it, but are not judged: etcd says the same of a wrong
/// password and of a missing right.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use etcd_v2_proto::{Action, Cluster, Conversation, Diagnose, Policy, Start};
///
/// let cluster = Cluster::parse(["http://10.0.0.1:2379,http://10.0.0.2:2379"])?;
/// let policy = Arc::new(Policy::default());
/// let start = Start::new(cluster.route(), policy, 1, Duration::ZERO);
/// let mut diagnose = Diagnose::new(start, cluster.endpoints()[1].clone());
/// let Action::Send { request, .. } = diagnose.poll(Duration::ZERO) else { panic!("not sending") };
/// assert_eq!(request.uri(), "http://10.0.0.2:2379/version");
/// # Ok::<(), etcd_v2_proto::Error>(())
/// ```
pub struct Diagnose {
    start: Start,
    endpoint: Endpoint,
    /// When all has to be over.
    deadline: Option<Duration>,
    version: Option<Result<Version, Error>>,
    v2: Option<Result<V2, Error>>,
    health: Option<Result<Health, Error>>,
    first_answer: Option<Duration>,
    state: State,
}

enum State {
    Asking(Question, Box<Exchange<Question>>),
    Done,
    Stopped(Error),
    Over,
}

impl Diagnose {
    /// Asks this endpoint, be it one of the route or not, and nobody else.
    #[must_use]
    pub fn new(mut start: Start, endpoint: Endpoint) -> Self {
        start.route = start.route.only(endpoint.clone());
        let now = start.now;
        let deadline = start.policy.diagnosis_deadline.map(|limit| now.saturating_add(limit));
        let mut diagnose = Self {
            start,
            endpoint,
            deadline,
            version: None,
            v2: None,
            health: None,
            first_answer: None,
            state: State::Over,
        };
        diagnose.state = diagnose.ask(Question::Version, now);
        diagnose
    }

    fn ask(&mut self, question: Question, now: Duration) -> State {
        let left = self.deadline.map(|deadline| deadline.saturating_sub(now));
        let policy = Arc::make_mut(&mut self.start.policy);
        (policy.read_deadline, policy.write_deadline) = (left, left);
        // Who is late but answers is told from who does not.
        (policy.read_head, policy.quorum_head) = (None, None);
        (policy.passes, policy.any_cluster) = (Some(1), true);
        // A diagnosis does not change the health of endpoints.
        policy.late = None;
        State::Asking(question, Box::new(self.start.exchange(question, now)))
    }

    /// What is next after a question was answered, or was not.
    fn after(&mut self, now: Duration, question: Question, answer: Result<Answer, Error>) -> State {
        let has_answered = answer.as_ref().err().is_none_or(|error| !is_unanswered(error));
        if has_answered && self.first_answer.is_none() {
            self.first_answer = Some(now.saturating_sub(self.start.now));
        }
        let next = match answer {
            Ok(Answer::Version(version)) => {
                self.version = Some(Ok(version));
                Some(Question::Leader)
            }
            Ok(Answer::V2(v2)) => {
                self.v2 = Some(Ok(v2));
                Some(Question::Health)
            }
            Ok(Answer::Machines) => {
                self.v2 = Some(Ok(V2::default()));
                Some(Question::Health)
            }
            Ok(Answer::Health(health)) => {
                self.health = Some(Ok(health));
                None
            }
            Err(error) if error.is_stopped() => return State::Stopped(error),
            Err(error) => match question {
                Question::Version => {
                    self.version = Some(Err(error));
                    has_answered.then_some(Question::Leader)
                }
                Question::Leader => {
                    let instead =
                        if is_missing(&error) { Question::Machines } else { Question::Health };
                    self.v2 = Some(Err(error));
                    has_answered.then_some(instead)
                }
                Question::Machines => Some(Question::Health),
                Question::Health => {
                    self.health = Some(Err(error));
                    None
                }
            },
        };
        match next {
            Some(question) => self.ask(question, now),
            None => State::Done,
        }
    }

    fn report(&mut self, now: Duration) -> EndpointReport {
        EndpointReport {
            endpoint: self.endpoint.clone(),
            version: self.version.take().unwrap_or_else(|| Err(Error::nobody())),
            v2: self.v2.take(),
            health: self.health.take(),
            first_answer: self.first_answer,
            took: now.saturating_sub(self.start.now),
        }
    }
}

impl Conversation for Diagnose {
    type Item = EndpointReport;

    fn poll(&mut self, now: Duration) -> Action<EndpointReport> {
        loop {
            match &mut self.state {
                State::Asking(question, exchange) => {
                    let question = *question;
                    match exchange.poll(now).ended() {
                        Ok(answer) => self.state = self.after(now, question, answer),
                        Err(action) => return action,
                    }
                }
                State::Done => {
                    self.state = State::Over;
                    return Action::Yield(self.report(now));
                }
                state => {
                    return Action::Finish(match std::mem::replace(state, State::Over) {
                        State::Stopped(error) => Err(error),
                        _ => Ok(()),
                    });
                }
            }
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        if let State::Asking(_, exchange) = &mut self.state {
            exchange.handle(now, event);
        }
    }
}

impl fmt::Debug for Diagnose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diagnose").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// One of the requests, so that there is one kind of exchange.
#[derive(Clone, Copy, Debug)]
enum Question {
    Version,
    Leader,
    Machines,
    Health,
}

enum Answer {
    Version(Version),
    V2(V2),
    Machines,
    Health(Health),
}

impl Request for Question {
    type Output = Answer;

    fn encode(&self) -> Result<Encoded, Invalid> {
        match self {
            Self::Version => GetVersion.encode(),
            Self::Leader => Encoded::new(Method::GET, "/v2/members/leader", Purpose::Read),
            Self::Machines => GetMachines.encode(),
            Self::Health => GetHealth.encode(),
        }
    }

    fn accepts(&self, status: StatusCode) -> bool {
        match self {
            Self::Version => GetVersion.accepts(status),
            // That there is none is an answer, and says which cluster has none.
            Self::Leader => status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE,
            Self::Machines => GetMachines.accepts(status),
            Self::Health => GetHealth.accepts(status),
        }
    }

    fn decode(&self, document: Document) -> Result<Answer, ErrorKind> {
        match self {
            Self::Version => GetVersion.decode(document).map(Answer::Version),
            Self::Leader => leader(&document).map(Answer::V2),
            Self::Machines => machines(&document),
            Self::Health => GetHealth.decode(document).map(Answer::Health),
        }
    }
}

fn leader(document: &Document) -> Result<V2, ErrorKind> {
    let cluster_id = document.meta.cluster_id;
    if document.status.is_success() {
        let leader = decode::<Member>(document)?;
        return Ok(V2 { cluster_id, leader: Some(leader), is_electing: false });
    }
    match judge::read(document.status, "no content type", &document.body) {
        ErrorKind::Api(refusal) if refusal.message.contains("election") => {
            Ok(V2 { cluster_id, leader: None, is_electing: true })
        }
        kind => Err(kind),
    }
}

/// Any text could be a list of machines, so look at what it lists.
fn machines(document: &Document) -> Result<Answer, ErrorKind> {
    let urls = GetMachines.decode(document.clone())?;
    if !urls.is_empty() && urls.iter().all(|url| url.parse::<Endpoint>().is_ok()) {
        Ok(Answer::Machines)
    } else {
        Err(judge::read(document.status, "no content type", &document.body))
    }
}

/// Whether the endpoint said nothing at all that time.
fn is_unanswered(error: &Error) -> bool {
    matches!(error.last(), ErrorKind::Failed(_) | ErrorKind::TimedOut)
}
