//! The loops that carry out a conversation, one a colour, over the [transport](crate::transport)
//! traits.
//!
//! They look at the clock when something has happened, and not before each question: in between no time
//! passes.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::conversation::{Action, Connected, Conversation, Event, Failure, Stage};
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::transport::{AsyncBody, AsyncTransport, BlockingBody, BlockingTransport};

/// Carries out a conversation for an asynchronous caller.
pub struct AsyncRun<C> {
    conversation: C,
    transport: Arc<dyn AsyncTransport>,
    interrupt: Interrupt,
    body: Option<Box<dyn AsyncBody>>,
    began: Duration,
}

impl<C: Conversation> AsyncRun<C> {
    /// A driver for a conversation that begins now.
    pub fn new(talk: C, transport: Arc<dyn AsyncTransport>, interrupt: Interrupt) -> Self {
        let began = transport.now();
        Self { conversation: talk, transport, interrupt, body: None, began }
    }

    /// Carries on until there is something to tell; `None` after the end.
    ///
    /// Dropped half-way, it may be called again: a read is sent again, a write that was sent ends with an error.
    pub async fn next(&mut self) -> Option<Result<C::Item, Error>> {
        let mut now = self.now();
        loop {
            let event = match self.conversation.poll(now) {
                Action::Send { request, timing } => {
                    self.body = None;
                    match self.transport.send(request, timing, &self.interrupt).await {
                        Ok((head, body)) => {
                            report_connection(&mut self.conversation, now, body.connected());
                            self.body = Some(body);
                            Event::Head(head)
                        }
                        Err(failure) => Event::Failed(failure),
                    }
                }
                Action::Read { timeout } => self.read(timeout).await,
                Action::Wait(pause) => {
                    self.body = None;
                    match self.transport.sleep(pause, &self.interrupt).await {
                        Ok(()) => Event::Elapsed,
                        Err(failure) => Event::Failed(failure),
                    }
                }
                Action::Yield(item) => return Some(Ok(item)),
                Action::Finish(end) => {
                    self.body = None;
                    return end.err().map(Err);
                }
            };
            if matches!(event, Event::End | Event::Failed(_)) {
                self.body = None;
            }
            now = self.now();
            self.conversation.handle(now, event);
        }
    }

    async fn read(&mut self, timeout: Option<Duration>) -> Event {
        let (body, interrupt) = (&mut self.body, &self.interrupt);
        poll_fn(|context| {
            if let Poll::Ready(reason) = interrupt.poll(context) {
                return Poll::Ready(Event::Failed(Failure::interrupted(Stage::AfterSend, reason)));
            }
            let Some(body) = body else { return Poll::Ready(no_body()) };
            body.poll_chunk(context, timeout).map(heard)
        })
        .await
    }
}

impl<C> AsyncRun<C> {
    /// The conversation, to look at or to advise.
    pub const fn conversation(&mut self) -> &mut C {
        &mut self.conversation
    }

    /// The time since this driver began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.transport.now().saturating_sub(self.began)
    }
}

/// Carries out a conversation for a blocking caller.
pub struct BlockingRun<C> {
    conversation: C,
    transport: Arc<dyn BlockingTransport>,
    interrupt: Interrupt,
    body: Option<Box<dyn BlockingBody>>,
    began: Duration,
}

impl<C: Conversation> BlockingRun<C> {
    /// A driver for a conversation that begins now.
    pub fn new(talk: C, transport: Arc<dyn BlockingTransport>, interrupt: Interrupt) -> Self {
        let began = transport.now();
        Self { conversation: talk, transport, interrupt, body: None, began }
    }
}

impl<C: Conversation> Iterator for BlockingRun<C> {
    type Item = Result<C::Item, Error>;

    /// Carries on until there is something to tell; `None` after the end.
    fn next(&mut self) -> Option<Self::Item> {
        let mut now = self.now();
        loop {
            let event = match self.conversation.poll(now) {
                Action::Send { request, timing } => {
                    self.body = None;
                    match self.transport.send(request, timing, &self.interrupt) {
                        Ok((head, body)) => {
                            report_connection(&mut self.conversation, now, body.connected());
                            self.body = Some(body);
                            Event::Head(head)
                        }
                        Err(failure) => Event::Failed(failure),
                    }
                }
                Action::Read { timeout } => match &mut self.body {
                    Some(body) => heard(body.read(timeout, &self.interrupt)),
                    None => no_body(),
                },
                Action::Wait(pause) => {
                    self.body = None;
                    match self.transport.sleep(pause, &self.interrupt) {
                        Ok(()) => Event::Elapsed,
                        Err(failure) => Event::Failed(failure),
                    }
                }
                Action::Yield(item) => return Some(Ok(item)),
                Action::Finish(end) => {
                    self.body = None;
                    return end.err().map(Err);
                }
            };
            if matches!(event, Event::End | Event::Failed(_)) {
                self.body = None;
            }
            now = self.now();
            self.conversation.handle(now, event);
        }
    }
}

impl<C> BlockingRun<C> {
    /// The conversation, to look at or to advise.
    pub const fn conversation(&mut self) -> &mut C {
        &mut self.conversation
    }

    /// The time since this driver began.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.transport.now().saturating_sub(self.began)
    }
}

/// Passes on that the connection of a request is new, if it is.
fn report_connection<C: Conversation>(talk: &mut C, now: Duration, connected: Option<Connected>) {
    if let Some(connected) = connected {
        talk.handle(now, Event::Connected(connected));
    }
}

fn heard(piece: Result<Option<bytes::Bytes>, Failure>) -> Event {
    match piece {
        Ok(Some(chunk)) => Event::Chunk(chunk),
        Ok(None) => Event::End,
        Err(failure) => Event::Failed(failure),
    }
}

/// A conversation that reads without having been given a head.
fn no_body() -> Event {
    Event::Failed(Failure::after_send("there is no response to read from"))
}

impl<C: fmt::Debug> fmt::Debug for AsyncRun<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncRun").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}

impl<C: fmt::Debug> fmt::Debug for BlockingRun<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("BlockingRun");
        text.field("conversation", &self.conversation).finish_non_exhaustive()
    }
}
