//! How well this machine keeps time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

/// Measures for how long this machine does not let a thread run that wants to.
#[derive(Debug)]
pub(crate) struct Stalls {
    over: Arc<AtomicBool>,
    work: JoinHandle<Duration>,
}

impl Stalls {
    pub(crate) fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&over);
        let work = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(Duration::from_millis(2));
                longest = longest.max(began.elapsed());
            }
            longest
        });
        Self { over, work }
    }

    /// The longest one since the start.
    pub(crate) fn finish(self) -> Result<Duration> {
        self.over.store(true, Ordering::Relaxed);
        self.work.join().map_err(|_| anyhow!("the clock panicked"))
    }
}
