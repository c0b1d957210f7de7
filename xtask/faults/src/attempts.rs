//! A record of all attempts of a client, to explain its behavior.

use std::{
    fmt::{self, Display},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use etcd_v2_client::{
    Cause, Failure,
    observe::{AttemptFinished, Observer, PinMoved},
};

/// The attempts of a client and of all its clones. Clones of this share them.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    began: Instant,
    all: Arc<Mutex<Vec<Attempt>>>,
}

/// An attempt, or a move of the pin.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// When it ended.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    pub(crate) failed: bool,
    pub(crate) timed_out: bool,
    /// Whether it is about no key, as probes and moves of the pin.
    pub(crate) is_auxiliary: bool,
    text: String,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), all: Arc::default() }
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Those that ended between these two moments.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Vec<Attempt> {
        self.lock().iter().filter(|it| (from..to).contains(&it.at)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Attempts {
    fn attempt_finished(&self, attempt: &AttemptFinished<'_>) {
        let cause = attempt.failure.map(Failure::cause);
        let end = match (attempt.status, attempt.failure) {
            (Some(status), None) => status.to_string(),
            (_, Some(failure)) => format!("{failure}"),
            (None, None) => "abandoned".to_owned(),
        };
        let AttemptFinished { endpoint, method, path, .. } = attempt;
        self.lock().push(Attempt {
            at: self.began.elapsed(),
            took: attempt.elapsed,
            failed: attempt.failure.is_some() || attempt.status.is_none(),
            timed_out: cause == Some(Cause::TimedOut),
            is_auxiliary: !path.starts_with("/v2/keys"),
            text: format!("{method} {path} at {endpoint}: {end}"),
        });
    }

    fn pin_moved(&self, moved: &PinMoved<'_>) {
        self.lock().push(Attempt {
            at: self.began.elapsed(),
            took: Duration::ZERO,
            failed: false,
            timed_out: false,
            is_auxiliary: true,
            text: format!("the pin moves from {} to {}", moved.from, moved.to),
        });
    }
}

impl Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, took) = (self.at.as_millis(), self.took.as_millis());
        write!(f, "until {at} ms, for {took} ms: {}", self.text)
    }
}
