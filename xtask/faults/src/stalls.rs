//! Stalls of this machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

/// Measures the longest time that this machine does not run a thread that is ready.
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

    /// The longest stall since the start.
    pub(crate) fn finish(self) -> Result<Duration> {
        self.over.store(true, Ordering::Relaxed);
        self.work.join().map_err(|_| anyhow!("the thread panicked"))
    }
}
