//! One connection: hyper's handle, and what reads and writes.
//!
//! The latter is usually left to a task. Here it is polled by whoever waits for an answer, who is woken when one comes
//! in any case: a task between them would cost each request two more switches. And nobody else can end a connection
//! while a request is handed over to it.

use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::process;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::uri::{Authority, Scheme};
use http::{Request, Response};
use hyper::Error;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::Handle;
use tokio::task::{unconstrained, yield_now};

use crate::connect::BoxError;
use crate::listener::Listener;
use crate::outgoing::Outgoing;
use crate::socket::SocketState;
use crate::timer::Timer;

/// Whom a connection leads to.
#[derive(Clone, Debug, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

impl Origin {
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (&self.authority, &other.authority);
        // Mostly they are copies of the same text.
        self.scheme == other.scheme && (ptr::eq(one.as_str(), two.as_str()) || one == two)
    }
}

/// A connection that is not shared with anybody; dropped, it closes at once.
pub(crate) struct Connection {
    pub(crate) origin: Origin,
    /// Whose it is. A runtime that is not run at present would leave a request lying.
    pub(crate) runtime: Handle,
    /// For the limits of the answers.
    pub(crate) timer: Timer,
    /// How many bytes the head of an answer may have, and what frames its body, from piece to piece.
    pub(crate) max_head: usize,
    /// Which process made it.
    process: u32,
    socket: Arc<SocketState>,
    /// How much was received before what is awaited now.
    received_before: usize,
    /// Reads and writes, until the connection has ended. It is dropped before the sender, which would wake it.
    speaker: Option<Speaker>,
    sender: SendRequest<Outgoing>,
    listener: Arc<Listener>,
    /// Wakes the listener.
    waker: Waker,
}

pub(crate) type Speaker = Pin<Box<dyn Future<Output = End> + Send>>;
/// How a connection ends.
type End = Result<(), Error>;
/// What hyper says of a request.
type Outcome = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;

/// What became of a request that was not answered.
pub(crate) struct Unanswered {
    /// The request, if none of it was written.
    pub(crate) unwritten: Option<Request<Outgoing>>,
    pub(crate) reason: BoxError,
}

impl Connection {
    pub(crate) fn new(
        origin: Origin,
        runtime: Handle,
        socket: Arc<SocketState>,
        sender: SendRequest<Outgoing>,
        speaker: Speaker,
    ) -> Box<Self> {
        let (listener, speaker) = (Arc::<Listener>::default(), Some(speaker));
        let (waker, timer) = (Waker::from(Arc::clone(&listener)), Timer::default());
        let (process, received_before) = (process::id(), socket.received());
        // It is handed on from one to the next.
        Box::new(Self {
            origin,
            runtime,
            timer,
            max_head: 0,
            process,
            socket,
            received_before,
            speaker,
            sender,
            listener,
            waker,
        })
    }

    /// Reads and writes what can be read and written. Becomes ready when the connection has ended, with the reason, if
    /// nobody was told of it otherwise.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let end = ready!(self.speak(context));
        // Dropped, it gives back what it has not taken yet.
        self.speaker = None;
        Poll::Ready(end)
    }

    /// Whether it has ended, or is about to. If not, whoever asks is woken when it may.
    pub(crate) fn is_ending(&mut self, context: &mut Context<'_>) -> bool {
        self.speak(context).is_ready() || !self.is_ready()
    }

    fn speak(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let Some(speaker) = &mut self.speaker else { return Poll::Ready(Ok(())) };
        self.listener.listen(context.waker());
        self.socket.begin_turn();
        speaker.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    /// Does something that may wake who polled it last, though that one does it. If nothing comes of it, whoever would
    /// have been woken otherwise is.
    pub(crate) fn quietly<T>(&self, act: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.listener.turn_away();
        let done = act();
        if done.is_pending() {
            self.listener.turn_back();
        }
        done
    }

    /// Whether the next request can be written here and now, by what was heard so far.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// The same, by what the socket holds. Bytes that nobody asked for would be taken as the next answer, so this
    /// is asked each time before a kept connection is used.
    pub(crate) async fn is_usable(&mut self) -> bool {
        match self.socket.is_quiet() {
            Some(true) if self.is_ready() => true,
            // What TLS has to say for itself, such as a ticket, is no reason to give the connection up.
            Some(_) => self.read_directly(Self::is_still_ready),
            // A runtime that was kept busy has not heard of it yet. Yielding gives it a chance.
            None => {
                yield_now().await;
                self.is_still_ready()
            }
        }
    }

    /// Whether this process made it. Otherwise the process that did, of which this one is a fork, uses it, too.
    pub(crate) const fn is_of(&self, process: u32) -> bool {
        self.process == process
    }

    /// Whether the next request can be written, by what there is to be heard.
    pub(crate) fn is_still_ready(&mut self) -> bool {
        let mut look = pin!(unconstrained(poll_fn(|context| self.poll(context))));
        let ended = look.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        ended.is_pending() && self.is_ready()
    }

    /// Wakes nobody any more, until it is polled again.
    pub(crate) fn rest(&self) {
        self.listener.leave();
    }

    /// Begins to count what is received.
    pub(crate) fn begin_count(&mut self) {
        self.received_before = self.socket.received();
    }

    /// Whether more was received since than that many bytes.
    pub(crate) fn has_received_more_than(&self, limit: usize) -> bool {
        self.socket.received().wrapping_sub(self.received_before) > limit
    }

    /// Does something for which all counts that the socket holds by now, whether the runtime has heard of it or not.
    pub(crate) fn read_directly<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let socket = Arc::clone(&self.socket);
        socket.read_directly(|| act(self))
    }

    /// What it shares with its socket.
    pub(crate) fn socket(&self) -> Arc<SocketState> {
        Arc::clone(&self.socket)
    }

    /// Hands a request over, which is written while [`answer`](Self::answer) waits for what becomes of it.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Outcome> + use<> {
        self.begin_count();
        self.socket.begin_request();
        self.sender.try_send_request(request)
    }

    /// Waits for the head of the answer.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn answer<F: Future<Output = Outcome>>(
        &mut self,
        mut sent: Pin<&mut F>,
    ) -> impl Future<Output = Result<Response<Incoming>, Box<Unanswered>>> {
        poll_fn(move |context| {
            let end = self.poll(context);
            // Nothing comes of it but by what was polled just now. And whatever tokio lets a task do at a time may be
            // used up by that.
            let outcome =
                pin!(unconstrained(sent.as_mut())).poll(&mut Context::from_waker(Waker::noop()));
            match (outcome, end) {
                (Poll::Ready(Ok(response)), _) => Poll::Ready(Ok(response)),
                (Poll::Ready(Err(error)), end) => Poll::Ready(Err(Unanswered::told(error, end))),
                // hyper gives an answer before it ends; should it ever not, nothing is waited for.
                (Poll::Pending, Poll::Ready(end)) => Poll::Ready(Err(Unanswered::untold(end))),
                (Poll::Pending, Poll::Pending) if self.has_received_more_than(self.max_head) => {
                    Poll::Ready(Err(Unanswered::endless(self.max_head)))
                }
                (Poll::Pending, Poll::Pending) => Poll::Pending,
            }
        })
    }
}

impl Unanswered {
    #[cold]
    fn told(mut error: TrySendError<Request<Outgoing>>, end: Poll<End>) -> Box<Self> {
        let unwritten = error.take_message();
        let told = BoxError::from(error.into_error());
        // A connection that ended before it was offered any request has told why by its end alone.
        let reason = match end {
            Poll::Ready(Err(end)) if !has_a_cause(&told) => end.into(),
            _ => told,
        };
        Box::new(Self { unwritten, reason })
    }

    #[cold]
    fn untold(end: End) -> Box<Self> {
        let reason = end.err().map_or_else(|| "the connection ended".into(), Into::into);
        Box::new(Self { unwritten: None, reason })
    }

    #[cold]
    fn endless(max_head: usize) -> Box<Self> {
        let reason = format!(
            "the server sent more than {max_head} bytes of informational responses (1xx) and no response"
        );
        Box::new(Self { unwritten: None, reason: reason.into() })
    }
}

impl Drop for Connection {
    /// After a fork the socket belongs to both processes. What TLS writes at the end, and what ends the watch of the
    /// runtime over the socket, would disturb the other one.
    fn drop(&mut self) {
        if !self.is_of(process::id()) {
            mem::forget((self.speaker.take(), Arc::clone(&self.socket)));
        }
    }
}

fn has_a_cause(error: &BoxError) -> bool {
    error.source().is_some_and(|source| source.is::<Error>())
}
