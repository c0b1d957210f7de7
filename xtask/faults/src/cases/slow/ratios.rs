//! How long calls take, compared with the plain client on the same network path.

use std::{
    fmt::Write,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};

use super::{
    callers::{Caller, Kind, PlainCaller},
    measure_again,
};
use crate::{
    attempts::Attempts,
    cases::{Case, Run},
    goal::Goal,
};

pub(in crate::cases) const RATIOS: Case = Case {
    name: "D1",
    title: "healthy members far away, compared with a plain client",
    runs: 2,
    links: true,
    with_go: false,
    goals: &[
        Goal::at_most("median, 1 ms away", MOST, ""),
        Goal::at_most("99th percentile, 1 ms away", MOST, ""),
        Goal::at_most("median, 60 ms away", MOST, ""),
        Goal::at_most("99th percentile, 60 ms away", MOST, ""),
        Goal::at_most("median, 120 ms away", MOST, ""),
        Goal::at_most("99th percentile, 120 ms away", MOST, ""),
        Goal::at_most("median, 300 ms away", MOST, ""),
        Goal::at_most("99th percentile, 300 ms away", MOST, ""),
        Goal::at_most("median, members 60 ms apart", MOST, ""),
        Goal::at_most("99th percentile, members 60 ms apart", MOST, ""),
        Goal::at_most("median, members 120 ms apart", MOST, ""),
        Goal::at_most("99th percentile, members 120 ms apart", MOST, ""),
        Goal::none("retries"),
        Goal::none("probes"),
        Goal::none("retries of the first calls"),
        Goal::none("probes of the first calls"),
        Goal::none("errors"),
        Goal::noted("machine stalled", "ms"),
    ],
    run: |run| {
        compare(run, &SETTINGS, Measured::is_met)?;
        run.arena.heal()
    },
};

/// Compares both clients in each of these settings.
pub(super) fn compare(
    run: &mut Run<'_>,
    settings: &[Setting],
    is_met: impl Fn(&Measured) -> bool,
) -> Result<()> {
    for setting in settings {
        let measured = measure_again(run, &is_met, |run, attempt| {
            measure(run, setting, &format!("{}/{}-{attempt}", run.base, setting.median))
        })?;
        measured.report(run, setting);
    }
    Ok(())
}

/// Round trips, and the figures that are measured with them.
#[derive(Debug)]
pub(super) struct Setting {
    /// Between clients and members.
    pub(super) clients: Duration,
    /// Between members.
    pub(super) members: Duration,
    pub(super) least_calls: usize,
    /// For each kind of call: both limits are to be reached.
    pub(super) least_time: Duration,
    pub(super) median: &'static str,
    pub(super) slowest: &'static str,
}

const fn setting(
    clients: u64,
    members: u64,
    median: &'static str,
    slowest: &'static str,
) -> Setting {
    let (clients, members) = (Duration::from_millis(clients), Duration::from_millis(members));
    let least_time = Duration::from_secs(4);
    Setting { clients, members, least_calls: 100, least_time, median, slowest }
}

const SETTINGS: [Setting; 6] = [
    setting(1, 0, "median, 1 ms away", "99th percentile, 1 ms away"),
    setting(60, 0, "median, 60 ms away", "99th percentile, 60 ms away"),
    setting(120, 0, "median, 120 ms away", "99th percentile, 120 ms away"),
    setting(300, 0, "median, 300 ms away", "99th percentile, 300 ms away"),
    setting(0, 60, "median, members 60 ms apart", "99th percentile, members 60 ms apart"),
    setting(0, 120, "median, members 120 ms apart", "99th percentile, members 120 ms apart"),
];

impl Setting {
    fn is_near(&self) -> bool {
        self.clients + self.members <= Duration::from_millis(1)
    }

    /// How much longer than the plain client ours may take if the ratio allows less.
    const fn spare(&self) -> Duration {
        if self.clients.as_millis() <= 1 { Duration::from_millis(1) } else { Duration::ZERO }
    }
}

/// The results in a setting.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// The worst of all kinds of calls.
    median: f64,
    slowest: f64,
    warm: Requests,
    cold: Requests,
    errors: usize,
    notes: Vec<String>,
}

/// Requests beyond one for each call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) retries: usize,
    pub(super) probes: usize,
}

impl Measured {
    fn is_met(&self) -> bool {
        self.slowest <= MOST && self.is_met_by_medians()
    }

    /// The same for few calls, the slowest of which say nothing.
    pub(super) fn is_met_by_medians(&self) -> bool {
        let none = Requests::default();
        self.median <= MOST && self.warm == none && self.cold == none && self.errors == 0
    }

    fn report(self, run: &mut Run<'_>, setting: &Setting) {
        run.figures.insert(setting.median, self.median);
        run.figures.insert(setting.slowest, self.slowest);
        run.add("retries", self.warm.retries);
        run.add("probes", self.warm.probes);
        run.add("retries of the first calls", self.cold.retries);
        run.add("probes of the first calls", self.cold.probes);
        run.add("errors", self.errors);
        run.notes.extend(self.notes);
    }
}

/// Runs a new client and the plain one side by side at this distance.
fn measure(run: &mut Run<'_>, setting: &Setting, base: &str) -> Result<Measured> {
    let base = base.replace([' ', ','], "-");
    // Every other run pins the leader: it needs one round trip to another member, and a follower two.
    let pinned = if run.number % 2 == 1 {
        run.arena.follower(&mut run.dice)?
    } else {
        run.arena.leader()?
    };
    let urls = run.arena.relayed(pinned);
    let (ours, plain) = (format!("{base}/ours"), format!("{base}/plain"));
    let attempts = Attempts::new();
    let subject = run.contestant.recorded(&urls, &attempts)?;
    let mut callers = Vec::new();
    for kind in Kind::ALL {
        let caller = Caller::new(run.arena, kind, &subject, &ours)?;
        callers.push((kind, caller, PlainCaller::new(run.arena, kind, &urls[0], &plain)?));
    }
    run.arena.far().set_round_trips(setting.clients);
    run.arena.links().set_round_trips(setting.members);

    let mut measured = Measured::default();
    clear_logs(run);
    for number in 0..FIRST_CALLS {
        let (kind, caller, _) = &mut callers[number % Kind::ALL.len()];
        if let Err(failed) = caller.call() {
            measured.errors += 1;
            measured.notes.push(format!("first calls: {}: {}", kind.name(), failed.text));
        }
    }
    // Probes may still be in flight.
    thread::sleep(3 * (setting.clients + setting.members) + PAUSE);
    measured.cold = requests(run, &ours, FIRST_CALLS);
    clear_logs(run);

    let warm = attempts.now();
    let mut works = Vec::new();
    for (kind, caller, plain) in callers {
        let (calls, time) = (setting.least_calls, setting.least_time);
        let work = thread::spawn(move || side_by_side(caller, plain, calls, time));
        // Without a delay, concurrent callers would wait for the processor.
        while setting.is_near() && !work.is_finished() {
            thread::sleep(PAUSE / 10);
        }
        works.push((kind, work));
    }
    let mut calls = 0;
    for (kind, work) in works {
        let pairs = work.join().map_err(|_| anyhow!("a caller panicked"))??;
        calls += pairs.calls;
        measured.errors += pairs.errors.len();
        measured.notes.extend(pairs.errors.iter().take(3).cloned());
        let (ours, plain) = (sorted(pairs.ours), sorted(pairs.plain));
        let mut note = format!("{}: {}", setting.median, kind.name());
        for (hundredth, worst) in [(50, &mut measured.median), (99, &mut measured.slowest)] {
            let (ours, plain) = (percentile(&ours, hundredth), percentile(&plain, hundredth));
            let (ours, plain) = (ours.context("no call")?, plain.context("no call")?);
            let ratio = ratio(ours, plain, setting.spare());
            *worst = worst.max(ratio);
            _ = write!(note, ", {ours:.1?} to {plain:.1?} = {ratio:.2}");
        }
        measured.notes.push(note);
    }
    thread::sleep(3 * (setting.clients + setting.members) + PAUSE);
    measured.warm = requests(run, &ours, calls);
    run.arena.far().set_round_trips(Duration::ZERO);
    run.arena.links().set_round_trips(Duration::ZERO);
    note_attempts(&mut measured, setting, &attempts, warm);
    Ok(measured)
}

/// Notes the attempts of each phase that had retries or probes.
fn note_attempts(measured: &mut Measured, setting: &Setting, attempts: &Attempts, warm: Duration) {
    let phases = [
        ("first calls", Duration::ZERO, warm, measured.cold),
        ("later calls", warm, Duration::MAX, measured.warm),
    ];
    for (phase, from, to, requests) in phases {
        if requests == Requests::default() {
            continue;
        }
        measured.notes.push(format!("{}: {phase}: {requests:?}", setting.median));
        let wrong =
            attempts.between(from, to).into_iter().filter(|it| it.failed || it.is_auxiliary);
        measured.notes.extend(wrong.take(20).map(|it| format!("  {it}")));
    }
}

/// How long the calls of both clients took.
#[derive(Debug, Default)]
struct Pairs {
    ours: Vec<Duration>,
    plain: Vec<Duration>,
    calls: usize,
    errors: Vec<String>,
}

/// Makes calls with both clients, each of them first in every other round.
fn side_by_side(
    mut caller: Caller,
    mut plain: PlainCaller,
    least_calls: usize,
    least_time: Duration,
) -> Result<Pairs> {
    let (mut pairs, began) = (Pairs::default(), Instant::now());
    while pairs.calls <= least_calls || began.elapsed() < least_time {
        let ours_first = pairs.calls % 2 == 0;
        for ours in [ours_first, !ours_first] {
            let began = Instant::now();
            if !ours {
                plain.call()?;
                pairs.plain.push(began.elapsed());
            } else if let Err(failed) = caller.call() {
                pairs.errors.push(failed.text);
            } else {
                pairs.ours.push(began.elapsed());
            }
        }
        if pairs.calls == 0 {
            // The first calls open connections.
            pairs.ours.clear();
            pairs.plain.clear();
        }
        pairs.calls += 1;
    }
    Ok(pairs)
}

fn clear_logs(run: &Run<'_>) {
    for proxy in run.arena.proxies() {
        proxy.clear_log();
    }
}

/// Our requests beyond these calls below this key, and requests that are about no key.
fn requests(run: &Run<'_>, base: &str, calls: usize) -> Requests {
    let logs: Vec<_> = run.arena.proxies().iter().flat_map(|proxy| proxy.log()).collect();
    let keys = format!("/v2/keys{base}/");
    let own = logs.iter().filter(|entry| entry.target.starts_with(&keys)).count();
    let probes = logs.iter().filter(|entry| !entry.target.starts_with("/v2/keys")).count();
    Requests { retries: own.saturating_sub(calls), probes }
}

fn sorted(mut times: Vec<Duration>) -> Vec<Duration> {
    times.sort_unstable();
    times
}

/// The smallest time that this percentage of the times does not exceed.
fn percentile(sorted: &[Duration], hundredth: usize) -> Option<Duration> {
    let place = (sorted.len() * hundredth).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied()
}

/// At most [`MOST`] if ours is at most [`MOST`] times the other, or at most `spare` longer.
fn ratio(ours: Duration, plain: Duration, spare: Duration) -> f64 {
    let allowed = plain.mul_f64(MOST).max(plain + spare);
    MOST * ours.as_secs_f64() / allowed.as_secs_f64()
}

pub(super) const MOST: f64 = 1.25;
/// How many calls count as the first ones of a process.
const FIRST_CALLS: usize = 20;
const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn percentile_is_one_of_the_times() {
        let times: Vec<_> = (1..=100).map(ms).collect();
        assert_eq!(percentile(&times, 50), Some(ms(50)));
        assert_eq!(percentile(&times, 99), Some(ms(99)));
        assert_eq!(percentile(&times[..1], 99), Some(ms(1)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn ratio_allows_the_spare_time() {
        for (ours, plain, spare, met) in [
            (125, 100, 0, true),
            (126, 100, 0, false),
            (126, 100, 1, false),
            (2, 1, 1, true),
            (3, 1, 1, false),
            (2, 1, 0, false),
        ] {
            let ratio = ratio(ms(ours), ms(plain), ms(spare));
            assert_eq!(ratio <= MOST + 1e-9, met, "{ours} {plain} {spare}: {ratio}");
        }
    }
}
