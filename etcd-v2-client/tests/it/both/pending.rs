//! Something that a client is doing meanwhile.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
#[cfg(feature = "ureq")]
use std::thread;
use std::time::Duration;

#[cfg(feature = "hyper")]
use tokio::runtime::Runtime;
#[cfg(feature = "hyper")]
use tokio::task::AbortHandle;

use crate::server::PATIENCE;

/// The end of a call, which has to come some day.
pub(crate) struct Pending<T> {
    end: Receiver<T>,
    #[cfg(feature = "hyper")]
    task: Option<AbortHandle>,
}

impl<T: Send + 'static> Pending<T> {
    #[cfg(feature = "hyper")]
    pub(crate) fn of_task(
        runtime: &Runtime,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        let (sender, end) = mpsc::channel();
        let task = runtime.spawn(async move {
            let _ = sender.send(work.await);
        });
        Self { end, task: Some(task.abort_handle()) }
    }

    #[cfg(feature = "ureq")]
    pub(crate) fn of_thread(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, end) = mpsc::channel();
        thread::spawn(move || {
            let _ = sender.send(work());
        });
        Self {
            end,
            #[cfg(feature = "hyper")]
            task: None,
        }
    }

    pub(crate) fn result(self) -> T {
        match self.end.recv_timeout(PATIENCE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => panic!("the call never ended"),
            Err(RecvTimeoutError::Disconnected) => panic!("the call panicked"),
        }
    }

    /// Whether there is no end within that time.
    pub(crate) fn lasts(&self, time: Duration) -> bool {
        matches!(self.end.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// Drops the future, or waits for the end of the thread that was told to stop.
    pub(crate) fn give_up(self) {
        #[cfg(feature = "hyper")]
        if let Some(task) = &self.task {
            task.abort();
        }
        let end = self.end.recv_timeout(PATIENCE);
        assert!(!matches!(end, Err(RecvTimeoutError::Timeout)), "the call goes on");
    }
}
