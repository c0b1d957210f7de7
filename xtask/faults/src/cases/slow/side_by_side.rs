//! Callers of one client and its clones, each in a thread of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use super::callers::{Caller, Kind};
use crate::{
    attempts::Attempts,
    trace::{Call, End, Trace},
};

/// Callers that go on until they are stopped.
#[derive(Debug)]
pub(super) struct RunningCallers {
    over: Arc<AtomicBool>,
    works: Vec<(Kind, Arc<AtomicUsize>, JoinHandle<Trace>)>,
}

impl RunningCallers {
    /// Starts them. Their traces have the same clock as these attempts.
    pub(super) fn start(callers: Vec<Caller>, attempts: &Attempts) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let start = |mut caller: Caller| {
            let (stop, attempts) = (Arc::clone(&over), attempts.clone());
            let successes = Arc::new(AtomicUsize::new(0));
            let (kind, count) = (caller.kind(), Arc::clone(&successes));
            let work = thread::spawn(move || {
                let mut trace = Trace::default();
                for number in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let began = attempts.now();
                    let result = caller.call();
                    let ended = attempts.now();
                    count.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
                    let end = result.map_or_else(End::Failed, |()| End::Ok);
                    trace.calls.push(Call { number, began, ended, end });
                    thread::sleep(Duration::from_millis(1));
                }
                trace
            });
            (kind, successes, work)
        };
        let works = callers.into_iter().map(start).collect();
        Self { over, works }
    }

    /// Waits until each of them has had this number of successes. Returns whether they had.
    pub(super) fn wait_for(&self, successes: usize) -> bool {
        let deadline = Instant::now() + LONGEST;
        let late = |(_, count, _): &(Kind, Arc<AtomicUsize>, JoinHandle<Trace>)| {
            count.load(Ordering::Relaxed) < successes
        };
        while self.works.iter().any(late) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Stops them, and returns their traces.
    pub(super) fn finish(self) -> Result<Vec<(Kind, Trace)>> {
        self.over.store(true, Ordering::Relaxed);
        let join = |(kind, _, work): (Kind, _, JoinHandle<Trace>)| {
            Ok((kind, work.join().map_err(|_| anyhow!("a caller panicked"))?))
        };
        self.works.into_iter().map(join).collect()
    }
}

/// The calls that failed.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// How many failed, except sets with an unknown outcome.
    pub(super) errors: usize,
    pub(super) texts: Vec<String>,
}

impl Failures {
    pub(super) fn of(traces: &[(Kind, Trace)]) -> Self {
        let mut failures = Self::default();
        for (kind, trace) in traces {
            for call in trace.failures() {
                // A set is never sent again, so its outcome may be unknown.
                failures.errors += usize::from(*kind != Kind::Set || !call.is_unknown());
                let (began, took) = (call.began.as_millis(), (call.ended - call.began).as_millis());
                let name = kind.name();
                failures
                    .texts
                    .push(format!("{name}: at {began} ms, for {took} ms: {:?}", call.end));
            }
        }
        failures
    }
}

const LONGEST: Duration = Duration::from_secs(20);
