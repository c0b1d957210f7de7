//! A clock that moves only when a test says so.
//!
//! tokio's paused clock jumps ahead when a runtime has nothing to do, which would not wait for the
//! server's threads; it does not while a blocking task runs.

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

/// Stops the clock of this runtime while it exists. Needs `start_paused`.
pub(crate) struct Clock {
    _held: Sender<()>,
}

impl Clock {
    pub(crate) fn hold() -> Self {
        let (held, released) = mpsc::channel();
        tokio::task::spawn_blocking(move || released.recv());
        Self { _held: held }
    }

    pub(crate) async fn advance(&self, time: Duration) {
        tokio::time::advance(time).await;
        // What has become due is carried out.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }
}
