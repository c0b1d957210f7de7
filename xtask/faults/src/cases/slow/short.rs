//! The short form of D1, D2 and D3, for every change of the project.

use std::time::Duration;

use super::{jump, ratios, stopped};
use crate::{cases::Case, goal::Goal};

pub(in crate::cases) const SHORT: Case = Case {
    name: "D5",
    title: "the short form of D1, D2 and D3",
    runs: 1,
    links: true,
    with_go: false,
    goals: &[
        Goal::at_most("median, 120 ms away", ratios::MOST, ""),
        Goal::noted("slowest, 120 ms away", ""),
        Goal::at_most("median, members 60 ms apart", ratios::MOST, ""),
        Goal::noted("slowest, members 60 ms apart", ""),
        Goal::none("retries"),
        Goal::none("probes"),
        Goal::none("retries of the first calls"),
        Goal::none("probes of the first calls"),
        Goal::at_most("timeouts after the delay grows", 3.0, ""),
        Goal::at_most("timeouts after the delay shrinks", 3.0, ""),
        Goal::at_most("read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("quorum read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("unknown sets of one caller, 120 ms away", 1.0, ""),
        Goal::none("unknown sets while it stays stopped, 120 ms away"),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| {
        ratios::compare(run, &SETTINGS, ratios::Measured::is_met_by_medians)?;
        jump::count_timeouts(run, Duration::from_millis(1200))?;
        let stop = Duration::from_millis(2500);
        stopped::stop_follower(run, &stopped::Setting { stop, ..stopped::FAR })
    },
};

const SETTINGS: [ratios::Setting; 2] = [
    ratios::Setting {
        clients: Duration::from_millis(120),
        members: Duration::ZERO,
        least_calls: 8,
        least_time: Duration::from_secs(1),
        median: "median, 120 ms away",
        slowest: "slowest, 120 ms away",
    },
    ratios::Setting {
        clients: Duration::ZERO,
        members: Duration::from_millis(60),
        least_calls: 8,
        least_time: Duration::from_secs(1),
        median: "median, members 60 ms apart",
        slowest: "slowest, members 60 ms apart",
    },
];
