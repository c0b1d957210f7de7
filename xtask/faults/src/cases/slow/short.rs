//! A little of everything here, for every change of the project.

use std::time::Duration;

use super::{jump, measure_again, ratios, stopped};
use crate::{cases::Case, goal::Goal};

pub(in crate::cases) const SHORT: Case = Case {
    name: "D5",
    title: "a little of D1, D2 and D3",
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
        Goal::at_most("timeouts after it gets far", 3.0, ""),
        Goal::at_most("timeouts after it comes back", 3.0, ""),
        Goal::at_most("read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("quorum read gap, 120 ms away", 480.0, "ms"),
        Goal::at_most("unknown sets of one caller, 120 ms away", 1.0, ""),
        Goal::none("unknown sets while it stays stopped, 120 ms away"),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| {
        for setting in &SETTINGS {
            let measured =
                measure_again(run, ratios::Measured::is_met_by_medians, |run, attempt| {
                    ratios::measure(
                        run,
                        setting,
                        &format!("{}/{}-{attempt}", run.base, setting.median),
                    )
                })?;
            measured.report(run, setting);
        }
        let timeouts = measure_again(run, jump::Timeouts::is_met, |run, attempt| {
            jump::measure(run, &format!("{}/jump-{attempt}", run.base), Duration::from_millis(1200))
        })?;
        timeouts.report(run);
        let setting = stopped::Setting { stop: Duration::from_millis(2500), ..stopped::FAR };
        let measured = measure_again(
            run,
            |measured: &stopped::Measured| measured.is_met(&setting),
            |run, attempt| stopped::measure(run, &setting, &format!("{}/stop-{attempt}", run.base)),
        )?;
        measured.report(run, &setting);
        Ok(())
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
