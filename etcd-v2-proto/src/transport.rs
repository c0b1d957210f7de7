//! What carries bytes for a conversation: one trait a colour, with the same leaves.
//!
//! A transport sends a request, hands out the body of the answer piece by piece, and can do nothing
//! for a while. It does not follow redirects, judge statuses, decompress or repeat anything that may
//! have been sent: all of that is decided by the [conversation](crate::conversation). The limits are
//! passed to the leaves, because only a transport knows whether bytes had left when one struck.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::response::Parts;

use crate::conversation::{Connected, Failure, Timing};
use crate::interrupt::Interrupt;

/// Carries bytes for asynchronous callers.
#[async_trait]
pub trait AsyncTransport: fmt::Debug + Send + Sync {
    /// The time since some fixed moment in the past; it never goes back.
    fn now(&self) -> Duration;

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Stage::BeforeSend`](crate::Stage::BeforeSend) only where it is certain that no byte of the
    /// request left. A reached limit and an interrupt are failures, too.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(Parts, Box<dyn AsyncBody>), Failure>;

    /// Does nothing for that long.
    ///
    /// # Errors
    /// When the interrupt is used meanwhile.
    async fn sleep(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), Failure>;

    /// Runs a task beside the calls, until its end or that of the runtime, and says whether it will.
    ///
    /// A client runs its [monitor](crate::monitor) so. It is asked while it sends something and somebody
    /// has to wait, and the task ends when nobody waits any more. Refused, as here, nobody
    /// probes servers that are late, and only time limits end waiting for one that hangs.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) -> bool {
        drop(task);
        false
    }
}

/// The body of an answer, read by an asynchronous caller.
///
/// Dropped before its end, it closes the connection. A body whose length the head told ends with its last
/// byte: that nothing follows may not be asked for.
pub trait AsyncBody: Send {
    /// How long making the connection took, if it was made for this request; none if it was reused, or if that is not
    /// known.
    fn connected(&self) -> Option<Connected> {
        None
    }

    /// The next piece, or `None` after the last one.
    ///
    /// `timeout` is the longest silence to put up with, counted from the first call for this piece.
    /// The run loop watches over the interrupt; a body need not.
    ///
    /// # Errors
    /// When the connection breaks or closes before the body is complete, or the limit is reached.
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        timeout: Option<Duration>,
    ) -> Poll<Result<Option<Bytes>, Failure>>;
}

/// Carries bytes for blocking callers.
pub trait BlockingTransport: fmt::Debug + Send + Sync {
    /// The time since some fixed moment in the past; it never goes back.
    fn now(&self) -> Duration;

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`Stage::BeforeSend`](crate::Stage::BeforeSend) only where it is certain that no byte of the
    /// request left. A reached limit and an interrupt are failures, too.
    fn send(
        &self,
        request: http::Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(Parts, Box<dyn BlockingBody>), Failure>;

    /// Does nothing for that long.
    ///
    /// # Errors
    /// When the interrupt is used meanwhile.
    fn sleep(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), Failure>;
}

/// The body of an answer, read by a blocking caller.
///
/// Dropped before its end, it closes the connection. A body whose length the head told ends with its last
/// byte: that nothing follows may not be asked for.
pub trait BlockingBody: Send {
    /// How long making the connection took, if it was made for this request; none if it was reused, or if that is not
    /// known.
    fn connected(&self) -> Option<Connected> {
        None
    }

    /// The next piece, or `None` after the last one.
    ///
    /// `timeout` is the longest silence to put up with. The interrupt, used from another thread,
    /// ends the wait at once.
    ///
    /// # Errors
    /// When the connection breaks or closes before the body is complete, the limit is reached or the
    /// interrupt is used.
    fn read(
        &mut self,
        timeout: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<Option<Bytes>, Failure>;
}
