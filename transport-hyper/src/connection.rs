//! One connection: hyper's handle, and what reads and writes.
//!
//! The latter is usually left to a task. Here it is polled by whoever waits for an answer, who is woken when one comes
//! in any case: a task between them would cost each request two more switches. And who asks, and who finds that the
//! connection has ended, are never two threads at the same time.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use http::uri::{Authority, Scheme};
use http::{Request, Response};
use hyper::Error;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime;
use tokio::task::unconstrained;

use crate::connect::BoxError;
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
    pub(crate) runtime: runtime::Id,
    /// For the limits of the answers.
    pub(crate) timer: Timer,
    sender: SendRequest<Outgoing>,
    /// Reads and writes, until the connection has ended.
    speaker: Option<Speaker>,
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
        runtime: runtime::Id,
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
        let Some(speaker) = &mut self.speaker else { return Poll::Ready(Ok(())) };
        self.listener.set(context.waker());
        let end = ready!(speaker.as_mut().poll(&mut Context::from_waker(&self.waker)));
        // Dropped, it gives back what it has not taken yet.
        self.speaker = None;
        Poll::Ready(end)
    }

    /// Whether the next request can be written here and now, by what was heard so far.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// The same, by what there is to be heard.
    pub(crate) fn is_still_ready(&mut self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop())).is_pending() && self.is_ready()
    }

    /// Hands a request over, which is written while [`answer`](Self::answer) waits for what becomes of it.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Outcome> + use<> {
        self.leave();
        self.sender.try_send_request(request)
    }

    /// Wakes nobody any more, until it is polled again.
    pub(crate) fn leave(&self) {
        self.listener.is_gone.store(true, Ordering::Release);
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

/// Who polled a connection last. It is not the waker of that one that hyper gets: a request that is handed over, or a
/// piece of a body that is taken, would wake, for nothing, the very task that does so.
#[derive(Default)]
struct Listener {
    waker: Mutex<Option<Waker>>,
    is_gone: AtomicBool,
}

impl Listener {
    fn set(&self, waker: &Waker) {
        match &mut *self.lock() {
            Some(listener) => listener.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        self.is_gone.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_gone.load(Ordering::Acquire) {
            return;
        }
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use bytes::Bytes;
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::runtime::Handle;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn request() -> Request<Outgoing> {
        let request = Request::get("http://etcd.test/").body(Bytes::new()).unwrap();
        crate::outgoing::split(request, None).unwrap().1
    }

    #[tokio::test]
    async fn only_an_answer_wakes_who_waits_for_it() {
        let (mut server, stream) = tokio::io::duplex(1024);
        let (sender, speaker) = handshake(TokioIo::new(stream)).await.unwrap();
        let origin =
            Origin { scheme: Scheme::HTTP, authority: Authority::from_static("etcd.test") };
        let runtime = Handle::current().id();
        let mut connection = Connection::new(origin, runtime, sender, Box::pin(speaker));
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        for number in 0..3 {
            {
                let mut sent = pin!(connection.send(request()));
                let mut answer = pin!(connection.answer(sent.as_mut()));
                assert!(answer.as_mut().poll(&mut context).is_pending());
                assert_eq!(woken.0.load(Ordering::SeqCst), number, "handing it over wakes nobody");
                assert!(server.read(&mut [0; 1024]).await.unwrap() > 0);
                server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                assert_eq!(woken.0.load(Ordering::SeqCst), number + 1);
                assert!(answer.as_mut().poll(&mut context).is_ready());
            }
            assert!(connection.is_ready());
        }
        connection.leave();
        drop(server);
        assert_eq!(woken.0.load(Ordering::SeqCst), 3, "who has left is not woken either");
        assert!(!connection.is_still_ready());
    }
}
