//! What is measured, and whom with.

use super::starts::FIRST;

/// One kind of work.
#[derive(Debug)]
pub(crate) struct Workload {
    /// As the contestants know it.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) title: &'static str,
    /// How many requests a run has: in the whole bench, in the quick one, and against a real server.
    pub(crate) requests: (u32, u32, u32),
    /// Whether the client has a core of its own.
    pub(crate) concurrent: bool,
    /// The first is what the others are compared with.
    pub(crate) contestants: &'static [&'static str],
}

pub(crate) const WORKLOADS: [Workload; 11] = [
    Workload {
        name: "get",
        title: "get, one after the other",
        requests: (30_000, 10_000, 4_000),
        concurrent: false,
        contestants: SEQUENTIAL,
    },
    Workload {
        name: "set",
        title: "set, one after the other",
        requests: (30_000, 10_000, 1_000),
        concurrent: false,
        contestants: SEQUENTIAL,
    },
    Workload {
        name: "get64",
        title: "get, 64 at a time",
        requests: (30_000, 12_000, 10_000),
        concurrent: true,
        contestants: &[
            "hyper-floor",
            "hyper-naive",
            "async",
            "async-mt",
            "blocking",
            "go-pooled",
            "go",
        ],
    },
    Workload {
        name: "list-10000",
        title: "listing of 10,000 files",
        requests: (40, 15, 0),
        concurrent: false,
        contestants: &["hyper-naive", "async", "blocking", "etcd09", "go"],
    },
    Workload {
        name: "list-100000",
        title: "listing of 100,000 files",
        requests: (6, 3, 0),
        concurrent: false,
        contestants: &["hyper-naive", "async", "blocking", "go"],
    },
    Workload {
        name: "watch",
        title: "changes by long poll",
        requests: (20_000, 8_000, 900),
        concurrent: false,
        contestants: &["hyper-naive", "async", "blocking", "etcd09", "go"],
    },
    Workload {
        name: "stream",
        title: "changes by stream",
        requests: (100_000, 30_000, 0),
        concurrent: false,
        contestants: &["hyper-naive", "async", "blocking"],
    },
    Workload {
        name: "decode-10000",
        title: "decoding a listing of 10,000 files, without a network",
        requests: (60, 20, 0),
        concurrent: false,
        contestants: &["serde", "core"],
    },
    Workload {
        name: "decode-100000",
        title: "decoding a listing of 100,000 files, without a network",
        requests: (6, 3, 0),
        concurrent: false,
        contestants: &["serde", "core"],
    },
    Workload {
        name: "mirror-100000",
        title: "a mirror of 100,000 files, until its first listing is told",
        requests: (1, 1, 0),
        concurrent: false,
        contestants: &["async", "blocking"],
    },
    Workload {
        name: "idle",
        title: "1,000 idle watches",
        requests: (1_000, 1_000, 0),
        concurrent: true,
        contestants: &["hyper-naive", "async", "go"],
    },
];

/// All kinds, with that of the first requests, which are counted by starts instead of by rounds.
pub(crate) fn all() -> impl Iterator<Item = &'static Workload> {
    WORKLOADS.iter().chain([&FIRST])
}

const SEQUENTIAL: &[&str] = &[
    "hyper-floor",
    "hyper-naive",
    "async",
    "async-mt",
    "async-root",
    "async-unguarded",
    "ureq-floor",
    "blocking",
    "etcd09",
    "go",
    "tcp",
];
