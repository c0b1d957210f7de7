//! One connection: hyper's handle, and what reads and writes.
//!
//! The latter is usually left to a task. Here it is polled by whoever waits for an answer, who is woken when one comes
//! in any case: a task between them would cost each request two more switches. And nobody else can end a connection
//! while a request is handed over to it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
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
use tokio::task::unconstrained;

use crate::connect::BoxError;
use crate::listener::Listener;
use crate::outgoing::Outgoing;
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
        sender: SendRequest<Outgoing>,
        speaker: Speaker,
    ) -> Box<Self> {
        let (listener, speaker) = (Arc::<Listener>::default(), Some(speaker));
        let (waker, timer) = (Waker::from(Arc::clone(&listener)), Timer::default());
        // It is handed on from one to the next.
        Box::new(Self { origin, runtime, timer, sender, speaker, listener, waker })
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

    /// The same, by what there is to be heard.
    pub(crate) fn is_still_ready(&mut self) -> bool {
        let mut look = pin!(unconstrained(poll_fn(|context| self.poll(context))));
        let ended = look.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        ended.is_pending() && self.is_ready()
    }

    /// Wakes nobody any more, until it is polled again.
    pub(crate) fn rest(&self) {
        self.listener.leave();
    }

    /// Hands a request over, which is written while [`answer`](Self::answer) waits for what becomes of it.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Outcome> + use<> {
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
}

fn has_a_cause(error: &BoxError) -> bool {
    error.source().is_some_and(|source| source.is::<Error>())
}
