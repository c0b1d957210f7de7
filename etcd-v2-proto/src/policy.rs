//! How patient to be, how much to take, and where to stop.

mod consistency;
mod map_url;
mod redirect;
mod timeout;

pub use consistency::Consistency;
pub use map_url::MapUrl;
pub use redirect::{CheckRedirect, Redirect};
pub use timeout::Timeout;

use std::time::Duration;

use crate::error::Outcome;
use crate::request::{ClusterId, Purpose};
use crate::user_agent::UserAgent;

/// How patient a call is and how much it takes.
///
/// Reads are impatient, because asking somebody else costs nothing; writes are patient, because
/// giving up on one leaves its outcome unknown. `None` means no limit. The size of the headers of an
/// answer is limited by the transport.
///
/// ```
/// use std::time::Duration;
/// use etcd_v2_proto::Policy;
///
/// let mut policy = Policy::default();
/// policy.read_deadline = Some(Duration::from_secs(1));
/// policy.passes = Some(1); // as the Go client does
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// The longest that a read takes in all, redirects and other endpoints included. 5 seconds, as
    /// Go's `DefaultRequestTimeout`. A wait has none; see [`wait_head`](Self::wait_head).
    pub read_deadline: Option<Duration>,
    /// The longest that a write or a quorum read takes in all. 8 seconds: the server itself gives up
    /// after 5 seconds and two elections, which are 7 by default.
    pub write_deadline: Option<Duration>,
    /// The longest that one attempt spends on resolving and connecting. 1 second.
    pub connect: Option<Duration>,
    /// The longest that one attempt spends on the TLS handshake after that. 3 seconds.
    pub handshake: Option<Duration>,
    /// How long an attempt waits for the head of a local read of one key in the first pass over the endpoints; each
    /// later pass has four times as much. Adaptive, at least 100 milliseconds and at most 2 seconds: so a member that
    /// stops costs 100 milliseconds on a LAN, and a little more than a round trip if it is farther away. It is half a
    /// second at an endpoint that has not responded yet.
    ///
    /// Whatever the timeouts say, the deadline is shared: where it does not suffice for all endpoints
    /// in the first pass, each has an equal part of what is left.
    pub read_head: Option<Timeout>,
    /// The same for a recursive listing, which the server has to put together first. Adaptive, at least 1 second
    /// and at most 5 seconds.
    pub listing_head: Option<Timeout>,
    /// The same for a quorum read. Adaptive, at least 100 milliseconds and at most 2 seconds, but 1 second before the
    /// first response to a quorum read, because the distance between the members is not known. It is five times as much
    /// in later passes: a read that was proposed to a leader which is gone is lost and has to be proposed again. It is as
    /// much as for a [write](Self::write_head) when the call has taken 2.5 seconds, after which any election should be
    /// over. A recursive quorum read has the timeout of a [listing](Self::listing_head) in addition.
    pub quorum_head: Option<Timeout>,
    /// The same for a write that is conditional on `prevIndex`, which may be sent again because a second copy of it
    /// can only fail. Adaptive, at least 1 second and at most 7 seconds, twice as much in each later pass, and 10
    /// milliseconds more for each KiB of the body. Without that, never more than [`write_head`](Self::write_head).
    pub guarded_head: Option<Timeout>,
    /// The longest to wait for the head of any other write, connecting included. 7 seconds: giving up before the
    /// server does makes outcomes unknown that need not be. It does not adapt, because such a write is not sent again.
    pub write_head: Option<Duration>,
    /// The longest to wait for the head of a wait, at each endpoint. 5 seconds: real servers send it at
    /// once. A [watch](crate::Watch) goes on behind a proxy that holds it back until the first change, as etcd's own
    /// v2 proxy does, as long as reads are answered.
    pub wait_head: Option<Duration>,
    /// The longest that a [diagnosis](crate::Diagnose) takes at each endpoint, all of which are asked at
    /// the same time. 3 seconds: a member without a leader needs one to find that it is unwell.
    pub diagnosis_deadline: Option<Duration>,
    /// How long a watch is content with silence before it asks anew, which is how it notices a member
    /// that hangs or is gone, and how the history that it may need stays within reach. 30 seconds; less
    /// where the store is written to so much that its history of 1000 changes would be at risk, though
    /// not below a second for that. Up to a quarter is cut off at random. With `None`, silence means
    /// nothing, and a watch may wait for ever for a member that is gone. Less than half a second trusts
    /// the network never to hold a packet back for that long.
    ///
    /// Where nobody [probes](Self::watch_probe), a member that fell silent is left after this and
    /// [`wait_head`](Self::wait_head), or [`connect`](Self::connect) if nobody takes the connection: after
    /// 35 seconds at most by default, for each member that is silent.
    pub watch_idle: Option<Duration>,
    /// The longest pause of a watch between attempts that come to nothing. 1 second; the first one is 25
    /// milliseconds, each is twice as long as the one before, and all are shortened at random.
    pub watch_pause: Duration,
    /// How long the head of a write, of a wait or of a [patient](Self::quorum_head) quorum read may take, or
    /// the body of a write or of such a read be silent, before the endpoint is [probed](crate::monitor),
    /// which tells whether it is worth to wait on. 250 milliseconds, or the expected response time with connecting if
    /// that is longer; 1 second before the first response to such a request. An endpoint is probed as well when a
    /// request times out there. With `None`, neither happens, and a server that hangs is waited for until the limits
    /// above.
    ///
    /// Where the client has three endpoints or more, one other endpoint is probed as well, after each of these probes, to
    /// find out whether it names another leader: that is how a leader is noticed that is cut off from its peers and does
    /// not step down, before etcd 3.0. A write leaves such a leader after about a second.
    pub late: Option<Duration>,
    /// How often an endpoint is probed while watches at it are idle, however many. Every second, and never
    /// more than twice a second. `None` probes nobody for that. By default, then, a watch has
    /// left a member that hangs, or that the network has lost, after one and a half seconds, and one that is
    /// cut off from the others two seconds after that one has noticed it.
    ///
    /// Where the client has three endpoints or more, one other endpoint is probed once in ten times this long, by default
    /// one request in 10 seconds, to find out whether it names another leader. A watch leaves a leader that is cut
    /// off and does not step down (before etcd 3.0) within 12 seconds, if a majority of the endpoints names another one.
    pub watch_probe: Option<Duration>,
    /// The longest that a probe of a near endpoint takes, connecting included; without an answer by then
    /// it is left. 250 milliseconds, or two expected round trips if that is longer; four times as much at an endpoint
    /// that was never reached. Each probe that times out doubles it, up to eight times.
    pub probe: Duration,
    /// The longest to wait for the head of a write, or of a patient quorum read, in all if a probe finds
    /// meanwhile that the endpoint has no leader, or another one than before. 3 seconds: what was on its way
    /// to a leader that is gone is not answered any more, while an election seldom takes longer. It is less
    /// for what was sent before, once there is a leader again: half a second from then on. `None` waits on.
    pub no_leader: Option<Duration>,
    /// What the timeouts for heads of reads are raised by for requests with credentials, since the
    /// server hashes the password for each of them. 300 milliseconds. An adaptive timeout is raised only until the
    /// endpoint has responded to a request of that kind with credentials.
    pub auth_allowance: Duration,
    /// The longest silence within the body of an answer, though not of a wait that has nothing to
    /// tell yet. 10 seconds. Reads, which may ask elsewhere, bear less: of a single key as much as
    /// [`read_head`](Self::read_head), four times as much with each pass, and of a tree a tenth of this, or a second if
    /// that is more, and twice as much with each pass.
    pub silence: Option<Duration>,
    /// The largest answer to take, in bytes. 64 MiB; an answer of 100,000 keys has about 16. Of members, users,
    /// roles, statistics and the like it is 4 MiB, unless this is less.
    pub max_answer: usize,
    /// How much of the body of a refusal is looked at, in bytes. 64 KiB.
    pub max_error_body: usize,
    /// How many times the endpoints are tried in turn.
    ///
    /// An endpoint that answers 429 or 503 with `Retry-After` is left out until then, for at most a minute, and
    /// the others are tried meanwhile; if none is left before the deadline, the call ends. A write that was
    /// rejected by 429 is sent once more after that time. A date counts from the `Date` of the response.
    ///
    /// By default, `None`, a read goes on until its
    /// deadline, with growing pauses and no more than ten attempts a second, and so does a write that is
    /// conditional on the index, of which a late copy can only fail; a wait, and any other write that was
    /// certainly not sent, is offered to each endpoint once. `Some(1)` is what the Go client does; 0 counts
    /// as 1. With neither passes nor deadline a read that nobody answers does not end.
    pub passes: Option<u32>,
    /// How long a call rests before each attempt in a later pass, on average, once the calls of its client
    /// have spent what they may on asking again. 1 second, shortened and lengthened at random by up to a
    /// half. Zero does not count what is spent.
    ///
    /// All clones of a client share a budget of ten such attempts. The first pass over the
    /// endpoints is free, so each endpoint is always asked; every attempt after that takes one from the budget,
    /// and every answer, be it a refusal, gives a tenth of one back. So a hundred calls beside a cluster that
    /// is down make about a hundred attempts a second, after the first ones, and not a thousand. A call goes
    /// on trying all the same until its deadline, and
    /// [`Error::was_held_back`](crate::Error::was_held_back) tells that it could try less often. A
    /// [watch](Self::watch_pause) has pauses of its own.
    pub retry_pause: Duration,
    /// Repeat writes at the next endpoint even where nobody knows whether they were applied.
    ///
    /// Off by default, for what it can do: [`Push`](crate::keys::Push) leaves several keys, a
    /// comparison or a create that succeeded is reported as failed, and a request that a stopped
    /// server still holds overwrites newer values when that server wakes up.
    pub at_least_once: bool,
    /// How fresh the answers of reads of keys are to be. [`Consistency::Local`], as in Go.
    pub consistency: Consistency,
    /// Send requests of the keys API, waits included, only to members that know of a leader, so that none is
    /// asked that is cut off from the others. Off by default.
    ///
    /// It costs a question before each of them, `GET /v2/members/leader`, which goes to the same endpoint,
    /// needs neither credentials nor consensus, and may take as long as the request, though no longer than
    /// [connecting](Self::connect). Who answers 503, or not at all, is left for the next endpoint; if nobody
    /// has a leader, the error is [`ErrorKind::NoLeader`](crate::ErrorKind::NoLeader). Servers that are too
    /// old to know the question are taken at their word.
    ///
    /// A member that was cut off knows it after the election timeout, by default one to two seconds. Until
    /// then it answers as if nothing had happened; only a [quorum read](Consistency::Quorum) is proof
    /// against that. A leader before etcd 3.0 never knows it, and is taken at its word here: only while it is
    /// [waited for](Self::late) is it compared with other endpoints.
    pub require_leader: bool,
    /// How many redirects in a row are followed. 10.
    pub max_redirects: u32,
    /// Follow redirects to servers that are not endpoints of the cluster, without credentials. Off. Requests
    /// of the auth API whose body may have a password in it are never sent there.
    pub foreign_redirects: bool,
    /// The cluster to talk to, by its id: `X-Etcd-Cluster-Id`, or the `cluster` in the logs of a member. By
    /// default, `None`, it is the one that answers first, and responses of others are
    /// [refused](crate::ErrorKind::WrongCluster) from then on, so that an endpoint of another cluster that
    /// answers first locks out the right ones until
    /// [`Cluster::replace`](crate::Cluster::replace). Responses without an id are taken in any case.
    pub cluster_id: Option<ClusterId>,
    /// Take answers from other clusters than the one that answered first, too. Off.
    pub any_cluster: bool,
    /// Believe members that advertise loopback or unspecified addresses, such as `localhost` or
    /// `0.0.0.0`. Off; members that are reached through loopback themselves are believed anyway. Link-local,
    /// multicast and metadata addresses and port 0 are not, unless such an endpoint is known.
    pub local_urls: bool,
    /// What the URLs that members advertise are mapped to, for instance behind a NAT, before they are
    /// judged; `None` leaves one out. No mapping by default.
    pub map_url: Option<MapUrl>,
    /// Asked before each redirect that would be followed. None by default.
    pub check_redirect: Option<CheckRedirect>,
    /// The name that the client goes by. `etcd-v2-rust/` and its version by default.
    pub user_agent: UserAgent,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            read_deadline: Some(Duration::from_secs(5)),
            write_deadline: Some(Duration::from_secs(8)),
            connect: Some(Duration::from_secs(1)),
            handshake: Some(Duration::from_secs(3)),
            read_head: Some(Timeout::adaptive(SHORT, Duration::from_secs(2))),
            listing_head: Some(Timeout::adaptive(Duration::from_secs(1), Duration::from_secs(5))),
            quorum_head: Some(Timeout::adaptive(SHORT, Duration::from_secs(2))),
            guarded_head: Some(Timeout::adaptive(Duration::from_secs(1), Duration::from_secs(7))),
            write_head: Some(Duration::from_secs(7)),
            wait_head: Some(Duration::from_secs(5)),
            diagnosis_deadline: Some(Duration::from_secs(3)),
            watch_idle: Some(Duration::from_secs(30)),
            watch_pause: LONGEST_PAUSE,
            late: Some(Duration::from_millis(250)),
            watch_probe: Some(Duration::from_secs(1)),
            probe: Duration::from_millis(250),
            no_leader: Some(Duration::from_secs(3)),
            auth_allowance: Duration::from_millis(300),
            silence: Some(Duration::from_secs(10)),
            max_answer: 64 << 20,
            max_error_body: 64 << 10,
            passes: None,
            retry_pause: LONGEST_PAUSE,
            at_least_once: false,
            consistency: Consistency::Local,
            require_leader: false,
            max_redirects: 10,
            foreign_redirects: false,
            cluster_id: None,
            any_cluster: false,
            local_urls: false,
            map_url: None,
            check_redirect: None,
            user_agent: UserAgent::default(),
        }
    }
}

impl Policy {
    /// The limits of Go's client with its `DefaultTransport`, for those who want to be as patient. All
    /// else is as in [`default`](Self::default); in particular, no write is sent twice.
    ///
    /// | what | as in Go | where Go has it |
    /// |---|---|---|
    /// | [`connect`](Self::connect) | 30 s | `net.Dialer.Timeout` |
    /// | [`handshake`](Self::handshake) | 10 s | `TLSHandshakeTimeout` |
    /// | limits for heads: [`read_head`](Self::read_head), [`listing_head`](Self::listing_head), [`quorum_head`](Self::quorum_head), [`guarded_head`](Self::guarded_head), [`write_head`](Self::write_head), [`wait_head`](Self::wait_head) | none | `HeaderTimeoutPerRequest`, zero |
    /// | [`silence`](Self::silence) | none | nothing watches over a body |
    /// | [`read_deadline`](Self::read_deadline), [`write_deadline`](Self::write_deadline) | none | up to the caller's context; `DefaultRequestTimeout`, 5 s, is no more than a proposal |
    /// | [`passes`](Self::passes) | 1 | each endpoint is tried once |
    /// | [`late`](Self::late), [`watch_probe`](Self::watch_probe) | none | nobody is probed |
    ///
    /// So a server that is stopped but not gone holds up a call for ever, as it does in Go; give the calls
    /// deadlines. The keep-alive of TCP belongs to the transports; with `as_in_go` for 30 seconds,
    /// `tcp_keep_alive(as_in_go, as_in_go, 9)` and `tcp_user_timeout(None)` set Go's in the builder of either.
    ///
    /// ```
    /// use std::time::Duration;
    /// use etcd_v2_proto::Policy;
    ///
    /// let mut policy = Policy::go_limits();
    /// policy.read_deadline = Some(Duration::from_secs(5));
    /// assert_eq!((policy.read_head, policy.passes), (None, Some(1)));
    /// ```
    #[must_use]
    pub fn go_limits() -> Self {
        Self {
            connect: Some(Duration::from_secs(30)),
            handshake: Some(Duration::from_secs(10)),
            read_head: None,
            listing_head: None,
            quorum_head: None,
            guarded_head: None,
            write_head: None,
            wait_head: None,
            silence: None,
            read_deadline: None,
            write_deadline: None,
            passes: Some(1),
            late: None,
            watch_probe: None,
            ..Self::default()
        }
    }

    /// The longest that such a call takes in all.
    pub(crate) const fn deadline(&self, purpose: Purpose) -> Option<Duration> {
        match purpose {
            Purpose::Read | Purpose::Listing => self.read_deadline,
            Purpose::Wait => None,
            Purpose::QuorumRead
            | Purpose::QuorumListing
            | Purpose::GuardedWrite
            | Purpose::Write => self.write_deadline,
        }
    }

    /// Whether another pass over the endpoints may follow this one (counted from 0).
    pub(crate) const fn allows_pass_after(&self, purpose: Purpose, pass: u32) -> bool {
        match self.passes {
            Some(passes) => pass + 1 < passes,
            None => !matches!(purpose, Purpose::Write | Purpose::Wait),
        }
    }

    /// Whether such a request may be sent again after an attempt with this outcome.
    pub(crate) const fn may_repeat(&self, purpose: Purpose, outcome: Outcome) -> bool {
        match (outcome, purpose) {
            (Outcome::NotSent | Outcome::Rejected, _) => true,
            (Outcome::Unknown, Purpose::Write) => self.at_least_once,
            (Outcome::Unknown, _) => true,
            // A second copy is certain to fail.
            (Outcome::Applied, Purpose::GuardedWrite) => false,
            (Outcome::Applied, Purpose::Write) => self.at_least_once,
            (Outcome::Applied, _) => true,
        }
    }

    /// The longest pause before the pass after this one (counted from 0).
    pub(crate) fn pause_after(pass: u32) -> Duration {
        growing(pass).min(LONGEST_PAUSE)
    }

    /// The longest pause of a watch after so many attempts that came to nothing (less one).
    pub(crate) fn watch_pause_after(&self, failures: u32) -> Duration {
        growing(failures).min(self.watch_pause)
    }
}

fn growing(times: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(25);
    FIRST.saturating_mul(2_u32.saturating_pow(times))
}

/// The shortest timeout of a read by default.
const SHORT: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_limits_are_those_of_its_default_transport_and_no_others() {
        let policy = Policy::go_limits();
        assert_eq!(policy.connect, Some(Duration::from_secs(30)));
        assert_eq!(policy.handshake, Some(Duration::from_secs(10)));
        assert_eq!((policy.read_deadline, policy.write_deadline), (None, None));
        assert_eq!((policy.read_head, policy.listing_head, policy.quorum_head), (None, None, None));
        assert_eq!((policy.write_head, policy.wait_head), (None, None));
        for purpose in [Purpose::Read, Purpose::QuorumRead, Purpose::GuardedWrite] {
            assert!(!policy.allows_pass_after(purpose, 0), "{purpose:?}");
        }
        assert_eq!((policy.late, policy.watch_probe), (None, None));
        assert_eq!((policy.silence, policy.max_redirects), (None, 10));
        assert!(!policy.at_least_once && !policy.foreign_redirects, "limits and no habits");
    }
}
