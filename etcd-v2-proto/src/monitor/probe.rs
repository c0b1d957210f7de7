//! One look at one endpoint.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::cluster::Route;
use crate::conversation::{Action, Cause, Conversation, Event, Failure, Stage};
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Invalid};
use crate::exchange::Exchange;
use crate::members::Leader;
use crate::policy::Policy;
use crate::request::{ClusterId, Document, Encoded, Request};

/// What a probe finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fifth possibility")]
pub enum Liveness {
    /// It answers.
    Alive {
        /// The identity of the member that it takes for the leader, if it says so.
        leader: Option<String>,
        /// The cluster that the response is from, if it says so.
        cluster: Option<ClusterId>,
    },
    /// It answers that it has no leader.
    NoLeader,
    /// It does not answer, or nobody takes the connection.
    Dead,
    /// Nothing can be concluded: the fault may be on our side.
    Unclear,
}

/// Looks whether an endpoint is alive, by `GET /v2/members/leader` without credentials, which costs the
/// server next to nothing and the cluster nothing. Yields once, whatever happens.
///
/// ```
/// use std::time::Duration;
/// use etcd_v2_proto::monitor::{Liveness, Probe};
/// use etcd_v2_proto::{Action, Cluster, Conversation, Event, Failure, Policy, Stage};
///
/// let (now, limit) = (Duration::ZERO, Duration::from_millis(250));
/// let cluster = Cluster::parse(["http://10.0.0.1:2379"])?;
/// let (route, endpoint) = (cluster.route(), cluster.pinned().clone());
/// let mut probe = Probe::new(&route, endpoint, limit, &Policy::default(), now);
/// let Action::Send { request, .. } = probe.poll(now) else { panic!("not sending") };
/// assert_eq!(request.uri(), "http://10.0.0.1:2379/v2/members/leader");
///
/// probe.handle(limit, Event::Failed(Failure::timed_out(Stage::AfterSend)));
/// let Action::Yield(found) = probe.poll(limit) else { panic!("not over") };
/// assert_eq!(found, Liveness::Dead);
/// # Ok::<(), etcd_v2_proto::Error>(())
/// ```
pub struct Probe {
    exchange: Exchange<Question>,
    is_over: bool,
}

impl Probe {
    /// A look at this endpoint that begins `now` and takes no longer than `limit`. Of the policy, only
    /// the name of the client and the size of what is read of an answer count. If the endpoint is one of `route`, the
    /// response time is added to its estimates.
    #[must_use]
    pub fn new(
        route: &Route,
        endpoint: Endpoint,
        limit: Duration,
        policy: &Policy,
        now: Duration,
    ) -> Self {
        let policy = Policy {
            read_deadline: Some(limit),
            read_head: None,
            connect: None,
            handshake: None,
            passes: Some(1),
            // The monitor decides what a timeout of a probe means.
            late: None,
            max_redirects: 0,
            any_cluster: true,
            max_answer: policy.max_error_body,
            user_agent: policy.user_agent.clone(),
            ..Policy::default()
        };
        let route = route.anonymous(endpoint);
        let exchange = Exchange::new(Question, route, Arc::new(policy), 0, now).of_network();
        Self { exchange, is_over: false }
    }
}

impl Conversation for Probe {
    type Item = Liveness;

    fn poll(&mut self, now: Duration) -> Action<Liveness> {
        if self.is_over {
            return Action::Finish(Ok(()));
        }
        match self.exchange.poll(now).ended() {
            Err(action) => action,
            Ok(end) => {
                self.is_over = true;
                Action::Yield(end.unwrap_or_else(|error| judge(&error)))
            }
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        self.exchange.handle(now, event);
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// Who leads, be it nobody.
#[derive(Clone, Copy, Debug)]
struct Question;

impl Request for Question {
    type Output = Liveness;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Leader.encode()
    }

    /// Whoever answers is alive, whatever it says.
    fn accepts(&self, _status: StatusCode) -> bool {
        true
    }

    fn decode(&self, document: Document) -> Result<Liveness, ErrorKind> {
        Ok(match document.status {
            StatusCode::SERVICE_UNAVAILABLE => Liveness::NoLeader,
            _ => Liveness::Alive {
                cluster: document.meta.cluster_id,
                leader: Leader.decode(document).ok().map(|leader| leader.id),
            },
        })
    }
}

/// What it means that there is no answer, or none that could be taken.
fn judge(error: &Error) -> Liveness {
    match error.last() {
        ErrorKind::Failed(failure) => match (failure.cause(), failure.stage()) {
            (Cause::TimedOut, _) | (Cause::Broken, Stage::AfterSend) => Liveness::Dead,
            (Cause::Broken, Stage::BeforeSend) if is_turned_away(failure) => Liveness::Dead,
            _ => Liveness::Unclear,
        },
        ErrorKind::TimedOut => Liveness::Dead,
        ErrorKind::Stopped | ErrorKind::Invalid(_) => Liveness::Unclear,
        _ => Liveness::Alive { leader: None, cluster: None },
    }
}

/// Whether it was the server or the network that refused the connection; and not that a name could not
/// be resolved or a certificate not be trusted, which says nothing of connections that are open.
fn is_turned_away(failure: &Failure) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
        TimedOut,
    };

    let mut source = failure.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let refusals = [
                ConnectionRefused,
                ConnectionReset,
                ConnectionAborted,
                HostUnreachable,
                NetworkUnreachable,
                TimedOut,
            ];
            if refusals.contains(&error.kind()) {
                return true;
            }
        }
        source = error.source();
    }
    false
}
