//! Waiting for what has to happen, and not for ever.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::Interrupt;

/// Long enough for anything that is going to happen at all, on a busy machine too.
pub(super) const LONGEST: Duration = Duration::from_secs(20);

/// Carries out a future on the runtime that all tests share.
#[cfg(feature = "hyper")]
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

#[cfg(feature = "hyper")]
pub(super) fn runtime() -> &'static tokio::runtime::Runtime {
    use std::sync::LazyLock;
    use tokio::runtime::Runtime;

    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    &RUNTIME
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONGEST;
    while !is_so() {
        assert!(Instant::now() < deadline, "this has not happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Uses an interrupt after a while, unless it is dropped before.
#[derive(Debug)]
pub(super) struct Limit {
    _alive: Sender<()>,
}

impl Limit {
    pub(super) fn on(interrupt: Interrupt) -> Self {
        let (alive, dropped) = mpsc::channel::<()>();
        thread::spawn(move || {
            if dropped.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                interrupt.stop();
            }
        });
        Self { _alive: alive }
    }
}
