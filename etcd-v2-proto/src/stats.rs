//! Statistics, `/v2/stats`: what a member has done so far.
//!
//! They are of the member that answers, so ask a client with one endpoint to know whose they are.
//! Neither is a sign of health: a member that has lost its leader still calls itself what it was.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::decode;

/// What a member says of itself, `/v2/stats/self`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct MemberStats {
    /// Its name.
    pub name: String,
    /// Its identity: hexadecimal digits.
    pub id: String,
    /// What it was when it last noticed: `StateLeader`, `StateFollower`, …
    pub state: String,
    /// When it started: RFC 3339.
    pub start_time: String,
    /// Whom it takes for the leader.
    pub leader_info: LeaderInfo,
    /// How many append requests it has got from leaders.
    pub recv_append_request_cnt: u64,
    /// How many of them a second.
    pub recv_pkg_rate: f64,
    /// How many bytes a second.
    pub recv_bandwidth_rate: f64,
    /// How many append requests it has sent as a leader.
    pub send_append_request_cnt: u64,
    /// How many of them a second.
    pub send_pkg_rate: f64,
    /// How many bytes a second.
    pub send_bandwidth_rate: f64,
}

/// Whom a member takes for the leader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LeaderInfo {
    /// The identity of the leader.
    pub leader: String,
    /// For how long it has been: Go's form of a duration, `2m8.3s`.
    pub uptime: String,
    /// Since when: RFC 3339.
    pub start_time: String,
}

/// How often a member's store did what, `/v2/stats/store`.
///
/// Counters that servers take below zero wrap around to the greatest numbers; they are kept as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of the sixteen counters say all there is")]
pub struct StoreStats {
    pub gets_success: u64,
    pub gets_fail: u64,
    pub sets_success: u64,
    pub sets_fail: u64,
    pub delete_success: u64,
    pub delete_fail: u64,
    pub update_success: u64,
    pub update_fail: u64,
    pub create_success: u64,
    pub create_fail: u64,
    pub compare_and_swap_success: u64,
    pub compare_and_swap_fail: u64,
    pub compare_and_delete_success: u64,
    pub compare_and_delete_fail: u64,
    pub expire_count: u64,
    pub watchers: u64,
}

/// How the leader sees its followers, `/v2/stats/leader`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LeaderStats {
    /// The identity of the leader.
    pub leader: String,
    /// The followers, by identity.
    pub followers: BTreeMap<String, FollowerStats>,
}

/// How the leader sees one follower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FollowerStats {
    /// How long it takes to answer.
    pub latency: Latency,
    /// How often it did.
    pub counts: Counts,
}

/// How long a follower takes to answer, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Latency {
    /// The last time.
    pub current: f64,
    /// On average.
    pub average: f64,
    /// How far from the average.
    pub standard_deviation: f64,
    /// The shortest time; about 9.2e18 for a follower that never answered.
    pub minimum: f64,
    /// The longest time.
    pub maximum: f64,
}

/// How often a follower answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Counts {
    /// How often it did not.
    pub fail: u64,
    /// How often it did.
    pub success: u64,
}

macro_rules! stats {
    ($($(#[$doc:meta])* $request:ident: $output:ty = $path:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[must_use = "a request does nothing until it is sent"]
        #[non_exhaustive]
        pub struct $request;

        impl Request for $request {
            type Output = $output;

            fn encode(&self) -> Result<Encoded, Invalid> {
                Encoded::new(Method::GET, $path, Purpose::Read)
            }

            fn decode(&self, document: Document) -> Result<$output, ErrorKind> {
                decode(&document)
            }
        }
    )*};
}

stats! {
    /// Asks a member about itself: `GET /v2/stats/self`.
    OfMember: MemberStats = "/v2/stats/self";

    /// Asks a member about its store: `GET /v2/stats/store`.
    OfStore: StoreStats = "/v2/stats/store";

    /// Asks the leader about its followers: `GET /v2/stats/leader`.
    ///
    /// Other members say that they are [not the leader](ErrorKind::NotLeader); the next endpoint is
    /// asked then.
    OfLeader: LeaderStats = "/v2/stats/leader";
}
