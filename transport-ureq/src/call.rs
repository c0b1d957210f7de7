//! What the call in progress on this thread may do, and what was found out about it.
//!
//! ureq keeps connections in a pool and tells a connection nothing about the request that it is used
//! for. So the two meet here: whoever runs ureq puts the limits of the call into a thread-local
//! variable, the connection looks at them before it blocks and notes what happened, and the caller
//! takes the notes back. ureq does all its I/O on the thread that asks for it, so this holds for
//! sending as for reading, even if a body is read on another thread than its request was sent from.

use std::cell::RefCell;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::time::{Duration, Instant};

use etcd_v2_proto::{Connected, Interrupt, Reason, Timing};

/// The limits of a call, and the notes taken while it ran.
#[derive(Debug)]
pub(crate) struct Call {
    /// When the request began; `None` while a body is read.
    started: Option<Instant>,
    /// The limits of the request.
    timing: Timing,
    /// How long making the connection took, if it is new.
    pub(crate) connected: Option<Connected>,
    /// When what is going on has to be done: at the end, the head or the next piece of the body.
    until: Option<Instant>,
    /// Whether bytes that leave are no part of the request yet.
    preparing: bool,
    interrupt: Interrupt,
    /// Whether the request may change something.
    pub(crate) writes: bool,
    /// How many bytes of output to make room for, so that a small request leaves in one write.
    pub(crate) room: usize,
    /// Whether a byte of the request was handed to the operating system.
    pub(crate) sent: bool,
    /// How many reads were made after the time had run out.
    late_reads: u8,
    /// How many bytes came that were no part of the result, such as trailers.
    pub(crate) overhead: usize,
    /// Whether the server closed its side of a connection on which it had said something before.
    pub(crate) closed: bool,
    /// Why this side gave up, if it did.
    pub(crate) verdict: Option<Verdict>,
}

/// Why a call was given up on this side.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    TimedOut,
    Interrupted(Reason),
}

impl Call {
    /// A request, asked for now.
    pub(crate) fn to_send(
        timing: Timing,
        interrupt: &Interrupt,
        writes: bool,
        room: usize,
    ) -> Self {
        let now = Instant::now();
        // A new connection has more time.
        let limit = earlier(timing.head, timing.response);
        let until = limit.and_then(|limit| now.checked_add(limit));
        Self {
            started: Some(now),
            timing,
            until,
            interrupt: interrupt.clone(),
            writes,
            room,
            ..Self::idle()
        }
    }

    /// A piece of the body, asked for now; `overhead` is what came since the last one.
    pub(crate) fn to_read(
        timeout: Option<Duration>,
        interrupt: &Interrupt,
        overhead: usize,
    ) -> Self {
        let until = timeout.and_then(|limit| Instant::now().checked_add(limit));
        Self { until, interrupt: interrupt.clone(), overhead, ..Self::idle() }
    }

    const fn idle() -> Self {
        Self {
            started: None,
            timing: Timing::new(None, None),
            connected: None,
            until: None,
            preparing: false,
            interrupt: Interrupt::never(),
            writes: false,
            room: 0,
            sent: false,
            late_reads: 0,
            overhead: 0,
            closed: false,
            verdict: None,
        }
    }

    /// Makes this the call of the thread while `work` runs.
    pub(crate) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        Self::with(|current| mem::swap(current, self));
        let result = work();
        Self::with(|current| mem::swap(current, self));
        result
    }

    /// Looks at the call of the thread.
    pub(crate) fn with<T>(look: impl FnOnce(&mut Self) -> T) -> T {
        CURRENT.with_borrow_mut(|call| look(call))
    }

    pub(crate) const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// What is left of the time; `None` means no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// What is left of the time for connecting; `None` means no limit.
    ///
    /// # Errors
    /// When nothing is left.
    pub(crate) fn left_to_connect(&mut self) -> io::Result<Option<Duration>> {
        let left = self.time_to_connect();
        if left == Some(Duration::ZERO) { Err(self.time_out()) } else { Ok(left) }
    }

    /// The same, where nothing may be left.
    pub(crate) fn time_to_connect(&self) -> Option<Duration> {
        let connect_by = self.after_start(self.timing.connect);
        earlier(connect_by, self.until).map(|by| by.saturating_duration_since(Instant::now()))
    }

    /// A new connection is needed, so the limit for the response begins later.
    pub(crate) fn begin_connecting(&mut self) {
        self.until = self.after_start(self.timing.head);
    }

    /// A new connection was made, through a proxy or not. A TLS handshake may follow.
    pub(crate) fn note_connected(&mut self) {
        let connecting = self.elapsed();
        self.connected = Some(Connected::new(connecting, connecting));
    }

    /// If the connection is new, it is ready now, and the limit for the response begins.
    pub(crate) fn begin_response(&mut self) {
        let Some(Connected { connecting, ready, .. }) = self.connected else { return };
        let limit = self.timing.response_after(connecting);
        let by = self.after_start(limit.map(|limit| ready.saturating_add(limit)));
        self.until = earlier(self.until, by);
    }

    /// The time since the start of the request.
    fn elapsed(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// The moment at this time after the start of the request; `None` means no limit.
    fn after_start(&self, limit: Option<Duration>) -> Option<Instant> {
        self.started?.checked_add(limit?)
    }

    /// Does something within a limit of its own.
    pub(crate) fn within<T>(
        &mut self,
        limit: Option<Duration>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let by = limit.and_then(|limit| Instant::now().checked_add(limit));
        let until = earlier(self.until, by);
        let before = mem::replace(&mut self.until, until);
        let result = work(self);
        self.until = before;
        result
    }

    /// Talks to a proxy, before the request, within the limit for connecting.
    ///
    /// # Errors
    /// Those of `work`, and when no time is left.
    pub(crate) fn while_tunnelling<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        let limit = self.left_to_connect()?;
        self.prepare(limit, work)
    }

    /// Shakes hands, before the request, within the limit for that.
    #[cfg(feature = "tls")]
    pub(crate) fn while_shaking_hands<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let connecting = self.connected.map_or(Duration::ZERO, |connected| connected.connecting);
        let result = self.prepare(self.timing.handshake_after(connecting), work);
        self.connected = Some(Connected::new(connecting, self.elapsed()));
        result
    }

    fn prepare<T>(&mut self, limit: Option<Duration>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.preparing = true;
        let result = self.within(limit, work);
        self.preparing = false;
        result
    }

    /// Takes note of bytes that were handed to the operating system.
    pub(crate) const fn note_sent(&mut self) {
        self.sent |= !self.preparing;
    }

    /// Gives the call up if no time is left.
    ///
    /// # Errors
    /// When none is.
    pub(crate) fn heed_time(&mut self) -> io::Result<()> {
        if self.left() == Some(Duration::ZERO) { Err(self.time_out()) } else { Ok(()) }
    }

    /// Gives the call up if it has read too often since its time ran out.
    ///
    /// A response that had arrived in time counts, even if this process was stopped and looks only now. But
    /// a server that never pauses must not hold the call for ever.
    ///
    /// # Errors
    /// When it has.
    pub(crate) fn note_late_read(&mut self) -> io::Result<()> {
        self.late_reads += 1;
        if self.late_reads > MOST_LATE_READS { Err(self.time_out()) } else { Ok(()) }
    }

    /// Gives the call up because its time is used up.
    pub(crate) fn time_out(&mut self) -> io::Error {
        self.verdict = Some(Verdict::TimedOut);
        io::ErrorKind::TimedOut.into()
    }

    /// Gives the call up if its interrupt was used.
    ///
    /// # Errors
    /// When it was.
    pub(crate) fn heed_interrupt(&mut self) -> io::Result<()> {
        let Some(reason) = self.interrupt.take() else { return Ok(()) };
        self.verdict = Some(Verdict::Interrupted(reason));
        Err(io::Error::other("interrupted"))
    }
}

/// The earlier of two moments or limits, where there is one.
fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// How many reads may follow the end of the time, each of which finds bytes at once.
const MOST_LATE_READS: u8 = 16;

thread_local! {
    /// A value that needs no drop is there until the thread has ended. So a call works even in the
    /// destructor of another thread-local variable. An idle call owns nothing that would leak.
    static CURRENT: RefCell<ManuallyDrop<Call>> =
        const { RefCell::new(ManuallyDrop::new(Call::idle())) };
}
