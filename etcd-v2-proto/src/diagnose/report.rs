//! What the endpoints said, and what it comes to, as a table.

use std::fmt;
use std::time::Duration;

use super::conclude::{conclude, conclude_each};
use super::finding::Finding;
use crate::endpoint::Endpoint;
use crate::error::{Error, printable};
use crate::members::Member;
use crate::request::ClusterId;
use crate::server::{Health, Version};

/// What one endpoint said.
#[derive(Debug)]
#[non_exhaustive]
pub struct EndpointReport {
    /// Who was asked.
    pub endpoint: Endpoint,
    /// The answer to `GET /version`.
    pub version: Result<Version, Error>,
    /// What the v2 API says of the cluster; `None` if it was not asked, because nobody had answered before.
    pub v2: Option<Result<V2, Error>>,
    /// The answer to `GET /health`; `None` if it was not asked, because nobody had answered before.
    pub health: Option<Result<Health, Error>>,
    /// When the first answer was there, connecting included; `None` if there was none.
    pub first_answer: Option<Duration>,
    /// How long all of it took.
    pub took: Duration,
}

/// What the v2 API of a member says of the cluster: the answer to `GET /v2/members/leader`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct V2 {
    /// Which cluster it is.
    pub cluster_id: Option<ClusterId>,
    /// Who leads it, as far as this member knows.
    pub leader: Option<Member>,
    /// Whether this member says that there is no leader. With neither a leader nor this, the member is
    /// too old to say, or something in front of it lets no such question through.
    pub is_electing: bool,
}

/// What is the matter with the endpoints of a client.
///
/// Its `Display` is a table with one line for each endpoint, and then one line for each finding. Of three
/// members one is killed here and one frozen, and a server without the v2 API is among the endpoints:
///
/// ```text
/// endpoint                version  cluster           leader  health     first answer
/// http://127.0.0.1:31723  3.4.23   8ac9bc54b40d505b  none    unhealthy  2 ms
/// http://127.0.0.1:31724  -        -                 -       -          -
/// http://127.0.0.1:31725  -        -                 -       -          -
/// http://127.0.0.1:31729  3.4.23   -                 -       healthy    1 ms
///
/// - http://127.0.0.1:31723 knows of no leader, so it takes no writes: more than half of the members have to run and to reach each other; if they do, an election is going on, so ask again
/// - http://127.0.0.1:31724 cannot be reached: could not connect: Connection refused (os error 111); see whether etcd runs there and listens on that address (--listen-client-urls)
/// - http://127.0.0.1:31725 takes connections and did not answer within 3.0s: the member is stopped, hung or overloaded, so look at its process and its log; or something else listens there
/// - http://127.0.0.1:31729 is etcd 3.4.23 with the v2 API switched off: start it with --enable-v2=true
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What each endpoint said.
    pub endpoints: Vec<EndpointReport>,
    /// What is wrong, or may be; empty if all is well.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Draws the conclusions from what the endpoints said.
    #[must_use]
    pub fn new(endpoints: Vec<EndpointReport>) -> Self {
        let findings = conclude(&endpoints);
        Self { endpoints, findings }
    }

    /// Whether nothing was found: every endpoint answers and is well, and all agree on cluster and leader.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }
}

impl EndpointReport {
    /// What is wrong with this endpoint by itself: the one thing from which the rest follows.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        conclude_each(self)
    }

    /// Which cluster the endpoint belongs to, as far as it says.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.known()?.cluster_id
    }

    /// Who leads the cluster, as far as the endpoint knows.
    #[must_use]
    pub fn leader(&self) -> Option<&Member> {
        self.known()?.leader.as_ref()
    }

    /// Whether the v2 API is there.
    #[must_use]
    pub fn speaks_v2(&self) -> bool {
        self.known().is_some()
    }

    /// Whether the member is healthy, as far as it says.
    #[must_use]
    pub fn is_healthy(&self) -> Option<bool> {
        self.health.as_ref()?.as_ref().ok().map(|health| health.healthy)
    }

    fn known(&self) -> Option<&V2> {
        self.v2.as_ref()?.as_ref().ok()
    }

    /// The line of the table, but for the endpoint.
    fn row(&self) -> [String; 5] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let version = self.version.as_ref().ok();
        let leader = match self.known() {
            Some(V2 { is_electing: true, .. }) => Some("none".to_owned()),
            known => known.and_then(|known| known.leader.as_ref()).map(name),
        };
        let health = self.is_healthy().map(|healthy| if healthy { "healthy" } else { "unhealthy" });
        [
            or_dash(version.map(|version| harmless(&version.server))),
            or_dash(self.cluster_id().map(|id| id.to_string())),
            or_dash(leader),
            or_dash(health.map(str::to_owned)),
            or_dash(self.first_answer.map(|took| format!("{} ms", took.as_millis().max(1)))),
        ]
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.endpoints.iter().map(|report| {
            let [version, cluster, leader, health, time] = report.row();
            [report.endpoint.to_string(), version, cluster, leader, health, time]
        });
        let rows: Vec<[String; 6]> =
            std::iter::once(HEADER.map(str::to_owned)).chain(rows).collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        if self.is_ok() {
            return f.write_str("\nall is well");
        }
        self.findings.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
    }
}

/// What is said of a member in few words.
pub(super) fn name(member: &Member) -> String {
    harmless(if member.name.is_empty() { &member.id } else { &member.name })
}

/// What a server says, without anything that could upset a terminal or a table.
pub(super) fn harmless(text: &str) -> String {
    /// More than that is no name, version or reason.
    const LONGEST: usize = 100;
    printable(&text.chars().take(LONGEST).collect::<String>())
}

const HEADER: [&str; 6] = ["endpoint", "version", "cluster", "leader", "health", "first answer"];
