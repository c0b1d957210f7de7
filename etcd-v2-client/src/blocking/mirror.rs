//! The blocking updates of a mirror.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use etcd_v2_proto::{BlockingRun, BlockingTransport, Error, ErrorKind, Interrupt};

use crate::Inner;
use crate::keys::Get;
use crate::mirror::{self, Mirror, Mirroring, Update};
use crate::shared::Learning;

/// Each [`Update`] of a mirror, one after the other, as an iterator, and what keeps the mirror up to date;
/// see [`Keys::mirror`](super::Keys::mirror).
///
/// An error that may pass, such as a member that went away, is an item after which it goes on by itself;
/// after any other, such as missing rights, it ends. The mirror changes only while the next update is
/// asked for: whoever needs none [spawns](Self::spawn) a thread for it.
///
/// ```no_run
/// # fn example(client: etcd_v2_client::blocking::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let (services, updates) = client.keys().mirror("/services");
/// let _thread = updates.spawn()?;
///
/// let snapshot = services.wait_until_synced().block()?;
/// println!("{} nodes as of index {:?}", snapshot.len(), snapshot.index());
/// # Ok(()) }
/// ```
#[must_use = "a mirror does nothing until its updates are asked for"]
pub struct Updates {
    run: BlockingRun<Learning<Mirroring>>,
    interrupt: Interrupt,
}

/// Keeps a mirror up to date on a thread of its own, until it is dropped.
#[derive(Debug)]
#[must_use = "dropping this ends the mirror"]
pub struct MirrorThread {
    interrupt: Interrupt,
    thread: Option<JoinHandle<Error>>,
}

impl Updates {
    pub(crate) fn begin(inner: &Inner<dyn BlockingTransport>, get: Get) -> (Mirror, Self) {
        let (mirror, talk, interrupt) = mirror::talk(inner, get);
        let run = BlockingRun::new(talk, Arc::clone(&inner.transport), interrupt.clone());
        (mirror, Self { run, interrupt })
    }

    /// Keeps the mirror up to date on this thread until it ends, and tells why it did. Errors that pass show
    /// in the [`Status`](crate::mirror::Status) only.
    #[must_use]
    pub fn run(self) -> Error {
        self.filter_map(Result::err).last().unwrap_or_else(|| ErrorKind::Stopped.into())
    }

    /// Keeps the mirror up to date on a thread of its own, until what is returned is dropped.
    ///
    /// # Errors
    /// The system has no more threads; the mirror has ended then.
    pub fn spawn(self) -> io::Result<MirrorThread> {
        let interrupt = self.interrupt.clone();
        let name = "etcd-mirror".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || self.run())?;
        Ok(MirrorThread { interrupt, thread: Some(thread) })
    }

    /// The handle that [stops](Interrupt::stop) this from another thread: its last item is an error then.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Iterator for Updates {
    type Item = Result<Update, Error>;

    /// Waits for the next update; `None` after the end.
    fn next(&mut self) -> Option<Self::Item> {
        self.run.conversation().reroute();
        let span = self.run.conversation().span();
        span.within(|| self.run.next()).map(|item| item?)
    }
}

impl MirrorThread {
    /// The handle that [stops](Interrupt::stop) the thread, without waiting for its end.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

/// Stops the thread and waits for its end, which comes at once unless a connection is being made: then
/// within [`Policy::connect`](crate::Policy::connect).
impl Drop for MirrorThread {
    fn drop(&mut self) {
        self.interrupt.stop();
        if let Some(thread) = self.thread.take() {
            // What it ended with, the mirror tells.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates").field("run", &self.run).finish_non_exhaustive()
    }
}
