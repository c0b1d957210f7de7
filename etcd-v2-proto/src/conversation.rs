//! The seam between the protocol and the I/O: one action out, one event in.
//!
//! A [`Conversation`] says what to do next ([`Action`]) and is told how it went ([`Event`]). Whoever
//! carries it out, the *driver*, needs a loop with one `match` and knows nothing about etcd. The
//! loops of this crate are in [`run`](crate::run); a driver of your own looks like this:
//!
//! ```
//! use etcd_v2_proto::{Action, Conversation, Error, Event};
//! # use std::time::Duration;
//! # trait Io { fn now(&self) -> Duration; fn send(&mut self, request: http::Request<bytes::Bytes>,
//! # timing: etcd_v2_proto::Timing) -> Event; fn read(&mut self, timeout: Option<Duration>) -> Event;
//! # fn sleep(&mut self, pause: Duration) -> Event; }
//! fn next<C: Conversation>(io: &mut impl Io, talk: &mut C) -> Option<Result<C::Item, Error>> {
//!     loop {
//!         let event = match talk.poll(io.now()) {
//!             Action::Send { request, timing } => io.send(request, timing),
//!             Action::Read { timeout } => io.read(timeout),
//!             Action::Wait(pause) => io.sleep(pause),
//!             Action::Yield(item) => return Some(Ok(item)),
//!             Action::Finish(end) => return end.err().map(Err),
//!         };
//!         talk.handle(io.now(), event);
//!     }
//! }
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::cluster::Detour;
use crate::error::{ConnectionError, Error, NoDescriptors, chain, printable};
use crate::interrupt::{AbandonReason, Reason};
use crate::monitor::Pending;
use crate::secrets::Secrets;

/// Something that has to be talked through with a cluster, one action at a time.
///
/// `now` is the time since the driver began; it never goes back. [`poll`](Self::poll) may be asked
/// again before an event is handed in: it answers the same, with the time limits shortened to what
/// is left of them. There are two exceptions. An item is handed out once. And a request that may not
/// be repeated is handed out once: asked again without an event, the conversation takes it for lost
/// and finishes with an error that says so.
pub trait Conversation {
    /// What the conversation yields to the caller.
    type Item;

    /// Says what the driver has to do next.
    fn poll(&mut self, now: Duration) -> Action<Self::Item>;

    /// Takes note of how the last action went.
    fn handle(&mut self, now: Duration, event: Event);

    /// With which endpoint the next conversation had better begin, if not with the one that this
    /// began with.
    ///
    /// To be asked after every event, and when the driver is dropped: a conversation that is abandoned
    /// while its endpoint is late to answer has learned something, too.
    fn detour(&self, now: Duration) -> Option<Detour> {
        let _ = now;
        None
    }

    /// The attempt that the last [`Action::Send`] is about, if its server is worth a look while it is
    /// waited for, as those of writes, of waits and of patient quorum reads are; see
    /// [`monitor`](crate::monitor). A conversation made of others passes on what the present one says, as
    /// with [`detour`](Self::detour).
    fn pending(&self) -> Option<Pending<'_>> {
        None
    }
}

/// What a driver has to do next.
///
/// Of the body of a request, `{:?}` shows the length only: it may contain a password.
#[expect(clippy::exhaustive_enums, reason = "a driver has to know every action")]
#[expect(clippy::large_enum_variant, reason = "moved once, from the machine into the driver")]
pub enum Action<T> {
    /// Drop the previous response, if there is one, and send this request.
    ///
    /// Answered by [`Event::Head`] or [`Event::Failed`]. Every header is set, `Host` included; a
    /// driver adds only what frames the body (`Content-Length`).
    Send {
        /// The request, with an absolute URI.
        request: http::Request<Bytes>,
        /// How long the parts of it may take.
        timing: Timing,
    },
    /// Read more of the body of the response.
    ///
    /// Answered by [`Event::Chunk`], [`Event::End`] or [`Event::Failed`]. Where `Content-Length` tells how
    /// long the body is, the end may not be asked for: the connection is free with the last byte.
    Read {
        /// The longest silence to put up with, or `None` for any.
        timeout: Option<Duration>,
    },
    /// Drop the response, if there is one, and do nothing for that long.
    ///
    /// Answered by [`Event::Elapsed`] or [`Event::Failed`].
    Wait(Duration),
    /// Hand this to the caller, then poll again. No event follows.
    Yield(T),
    /// Drop the response, if there is one, and stop. No event follows.
    Finish(Result<(), Error>),
}

impl<T> Action<T> {
    /// The end of a conversation that is a part of another one, or else what its driver has to do.
    #[expect(clippy::result_large_err, reason = "it is only passed through")]
    pub(crate) fn ended<U>(self) -> Result<Result<T, Error>, Action<U>> {
        match self {
            Self::Yield(item) => Ok(Ok(item)),
            Self::Finish(end) => Ok(Err(end.err().unwrap_or_else(Error::nobody))),
            Self::Send { request, timing } => Err(Action::Send { request, timing }),
            Self::Read { timeout } => Err(Action::Read { timeout }),
            Self::Wait(pause) => Err(Action::Wait(pause)),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Action<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { request, timing } => f
                .debug_struct("Send")
                .field("method", request.method())
                .field("uri", request.uri())
                .field("body", &format_args!("{} bytes", request.body().len()))
                .field("timing", timing)
                .finish(),
            Self::Read { timeout } => f.debug_struct("Read").field("timeout", timeout).finish(),
            Self::Wait(pause) => f.debug_tuple("Wait").field(pause).finish(),
            Self::Yield(item) => f.debug_tuple("Yield").field(item).finish(),
            Self::Finish(end) => f.debug_tuple("Finish").field(end).finish(),
        }
    }
}

/// How an action went.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to be able to make every event")]
pub enum Event {
    /// The connection of the request is new. Only [`Event::Head`] follows. A driver may leave it out.
    Connected(Connected),
    /// The head of the response is there.
    Head(http::response::Parts),
    /// A piece of the body, of any size.
    Chunk(Bytes),
    /// The body is complete: its length was reached or its last chunk was seen.
    ///
    /// A connection that closes earlier is [`Event::Failed`].
    End,
    /// The action came to nothing.
    Failed(Failure),
    /// The time to wait has passed. After a `Send` or a `Read` it stands for their limit, and is the
    /// same as [`Event::Failed`] after sending.
    Elapsed,
}

/// The timeouts of one attempt; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// Until the connection is made, name resolution and the tunnel through a proxy included, counted from
    /// the start of the attempt. Within [`head`](Self::head).
    pub connect: Option<Duration>,
    /// Until the TLS handshake is complete, counted from the end of connecting. Within
    /// [`head`](Self::head). See also [`handshake_after`](Self::handshake_after).
    pub handshake: Option<Duration>,
    /// Until the head of the response is complete, counted from the start of the attempt.
    pub head: Option<Duration>,
    /// Until the head of the response is complete, counted from the moment when the connection is ready: for
    /// a connection that is reused, the start of the attempt. Within [`head`](Self::head). On a new
    /// connection it is longer if connecting took long: [`response_after`](Self::response_after).
    pub response: Option<Duration>,
}

impl Timing {
    /// Limits for connecting and for the head of the response; none for the handshake.
    #[must_use]
    pub const fn new(connect: Option<Duration>, head: Option<Duration>) -> Self {
        Self { connect, handshake: None, head, response: None }
    }

    /// The same with a limit for the TLS handshake.
    #[must_use]
    pub const fn with_handshake(mut self, handshake: Option<Duration>) -> Self {
        self.handshake = handshake;
        self
    }

    /// The same with a limit for the response, counted from the moment when the connection is ready.
    #[must_use]
    pub const fn with_response(mut self, response: Option<Duration>) -> Self {
        self.response = response;
        self
    }

    /// How long the TLS handshake may take if connecting took this long: at most
    /// [`handshake`](Self::handshake). If there is a limit for the [response](Self::response), at most that
    /// limit or four times as long as connecting took, whichever is longer. A handshake takes one or two
    /// round trips.
    #[must_use]
    pub fn handshake_after(&self, connecting: Duration) -> Option<Duration> {
        let adaptive = self.response.map(|limit| limit.max(connecting.saturating_mul(4)));
        self.handshake.into_iter().chain(adaptive).min()
    }

    /// How long the head of the response may take, counted from the moment when the connection is ready, on
    /// a new connection: at least three times as long as connecting took. RFC 6298 computes the same timeout
    /// from the first round trip.
    #[must_use]
    pub fn response_after(&self, connecting: Duration) -> Option<Duration> {
        self.response.map(|limit| limit.max(connecting.saturating_mul(3)))
    }
}

/// How long making a new connection took.
///
/// The core estimates round trips from it. Without it, the response time on a new connection includes
/// connecting, and timeouts are longer than necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// From the start of the attempt until the TCP connection was made, or the tunnel through a proxy: about
    /// one round trip.
    pub connecting: Duration,
    /// From the start of the attempt until the connection was ready for the request, the TLS handshake
    /// included.
    pub ready: Duration,
}

impl Connected {
    /// The times of a new connection.
    #[must_use]
    pub const fn new(connecting: Duration, ready: Duration) -> Self {
        Self { connecting, ready }
    }
}

/// An action that came to nothing, as the driver saw it.
///
/// The [`Stage`] is all that a conversation has to know to decide what may be repeated; the rest is
/// for people.
#[derive(Debug)]
pub struct Failure {
    stage: Stage,
    cause: Cause,
    abandoned: Option<AbandonReason>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Whether any of the request can have reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third possibility")]
pub enum Stage {
    /// Certainly no byte of the request left: resolving, connecting or the handshake failed.
    BeforeSend,
    /// Some of the request may have left.
    AfterSend,
}

/// Why an action came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection could not be made, or broke.
    Broken,
    /// A time limit was reached.
    TimedOut,
    /// The caller stopped the conversation.
    Stopped,
    /// The driver was told to leave this endpoint; see [`Failure::abandon_reason`].
    Left,
    /// The transport cannot do what was asked for, today or another time.
    Unsupported,
    /// The conversation was asked to go on without being told how its last action went.
    Abandoned,
}

impl Failure {
    /// No byte of the request left, because of `source`.
    pub fn before_send(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            stage: Stage::BeforeSend,
            cause: Cause::Broken,
            abandoned: None,
            source: Some(source.into()),
        }
    }

    /// The exchange broke off after some of the request may have left, because of `source`.
    pub fn after_send(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            stage: Stage::AfterSend,
            cause: Cause::Broken,
            abandoned: None,
            source: Some(source.into()),
        }
    }

    /// The transport cannot do that at all, because of `source`; no byte of the request left.
    pub fn unsupported(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = Cause::Unsupported;
        Self { stage: Stage::BeforeSend, cause, abandoned: None, source: Some(source.into()) }
    }

    /// A time limit was reached.
    #[must_use]
    pub const fn timed_out(stage: Stage) -> Self {
        Self { stage, cause: Cause::TimedOut, abandoned: None, source: None }
    }

    /// The driver's [`Interrupt`](crate::Interrupt) was used.
    #[must_use]
    pub const fn interrupted(stage: Stage, reason: Reason) -> Self {
        let (cause, abandoned) = match reason {
            Reason::Stopped => (Cause::Stopped, None),
            Reason::Leave(reason) => (Cause::Left, Some(reason)),
        };
        Self { stage, cause, abandoned, source: None }
    }

    /// Nobody said how the action went.
    pub(crate) const fn abandoned() -> Self {
        Self { stage: Stage::AfterSend, cause: Cause::Abandoned, abandoned: None, source: None }
    }

    /// Replaces what caused it by its text without these secrets, if it has any of them.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        let Some(source) = &self.source else { return };
        let texts = || chain(&**source).map(ToString::to_string);
        if texts().chain([format!("{source:?}")]).any(|text| secrets.are_in(&text)) {
            let mut text = texts().last().unwrap_or_default();
            secrets.redact_text(&mut text);
            self.source = Some(text.into());
        }
    }

    /// Whether any of the request can have reached the server.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Why the action came to nothing.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether no connection could be opened because this machine has no free file descriptor.
    pub(crate) fn no_descriptors(&self) -> Option<NoDescriptors> {
        self.source().and_then(NoDescriptors::find)
    }

    /// Why the endpoint was left, if it was.
    #[must_use]
    pub const fn abandon_reason(&self) -> Option<AbandonReason> {
        self.abandoned
    }

    /// What is wrong with the connection, if the transport could tell.
    #[must_use]
    pub fn connection_error(&self) -> Option<&ConnectionError> {
        self.source().and_then(ConnectionError::find)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cause, self.stage) {
            (Cause::Broken, Stage::BeforeSend) | (Cause::Unsupported, _) => {
                f.write_str("could not connect")?;
            }
            (Cause::Broken, Stage::AfterSend) => f.write_str("connection broke")?,
            (Cause::TimedOut, Stage::BeforeSend) => f.write_str(
                "timed out while connecting: the host is down or out of reach, or the limit too short",
            )?,
            (Cause::TimedOut, Stage::AfterSend) => f.write_str(
                "timed out waiting for an answer: the server is hung or overloaded, or the limit too \
                 short",
            )?,
            (Cause::Stopped, _) => f.write_str("stopped by the caller")?,
            (Cause::Left, _) => match self.abandoned {
                Some(AbandonReason::NoLeader { waited }) => write!(
                    f,
                    "no leader: the member responds, but had no leader when the request had waited for \
                     {:.1} s",
                    waited.as_secs_f32()
                )?,
                Some(AbandonReason::LeaderChanged) => f.write_str(
                    "the leader changed while the request waited for its response, which may be lost with \
                     the old leader",
                )?,
                Some(AbandonReason::OtherLeader) => f.write_str(
                    "most endpoints name another leader than this one: the member is cut off from its peers, so \
                     the request may never take effect",
                )?,
                _ => f.write_str(
                    "the endpoint did not answer a probe: the server is hung or down, or out of reach",
                )?,
            },
            (Cause::Abandoned, _) => f.write_str("abandoned before the answer came")?,
        }
        if let Some(none) = self.no_descriptors() {
            return write!(f, ": {none}");
        }
        // The sources of HTTP libraries nest deeply and repeat themselves; the innermost one is the
        // operating system's word and all that an operator needs on one line.
        let mut source = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(inner) = source.and_then(StdError::source) {
            source = Some(inner);
        }
        source.map_or(Ok(()), |source| write!(f, ": {}", printable(&source.to_string())))
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
