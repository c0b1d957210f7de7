//! Somebody who gives a watch something to tell.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use etcd_v2_client::keys::Set;

use crate::cases::Run;

/// Writes below a key, a little at a time, until it is told to stop.
#[derive(Debug)]
pub(super) struct Writer {
    began: Instant,
    over: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
    work: JoinHandle<Vec<u64>>,
}

impl Writer {
    /// Begins to write, at this member first.
    pub(super) fn start(run: &Run<'_>, member: usize, key: &str) -> Result<Self> {
        let subject = run.contestant.subject(&run.arena.endpoints(member))?;
        let over = Arc::new(AtomicBool::new(false));
        let paused = Arc::new(AtomicBool::new(false));
        let (key, stop, pause) = (key.to_owned(), Arc::clone(&over), Arc::clone(&paused));
        let work = thread::spawn(move || {
            let mut written = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if pause.load(Ordering::Relaxed) {
                    thread::sleep(PAUSE);
                    continue;
                }
                let change =
                    subject.send(Set::new(format!("{key}/{}", number % 20), number.to_string()));
                written.extend(change.ok().and_then(|change| change.index()));
                thread::sleep(PAUSE);
            }
            written
        });
        Ok(Self { began: Instant::now(), over, paused, work })
    }

    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Writes nothing for a while, or goes on.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Stops, and returns the index of each write that was acknowledged.
    pub(super) fn finish(self) -> Result<Vec<u64>> {
        self.over.store(true, Ordering::Relaxed);
        self.work.join().map_err(|_| anyhow!("the writer panicked"))
    }
}

/// Slow enough for the servers' history to reach back over all silences.
const PAUSE: Duration = Duration::from_millis(10);
