//! One connection: hyper's handle, and the task that reads and writes.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::ptr;
use std::task::{Context, Poll, Waker, ready};

use http::uri::{Authority, Scheme};
use http::{Request, Response};
use hyper::Error;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime;
use tokio::task::{JoinHandle, unconstrained};

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
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) origin: Origin,
    /// Who runs the task. A runtime that is not run at present would leave a request lying.
    pub(crate) runtime: runtime::Id,
    /// For the limits of the answers.
    pub(crate) timer: Timer,
    sender: SendRequest<Outgoing>,
    task: Task,
}

/// What reads and writes, as long as there is the connection.
#[derive(Debug)]
struct Task(JoinHandle<End>);

/// Why a request is not answered.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What hyper says of the request, if anything.
    told: Option<Box<TrySendError<Request<Outgoing>>>>,
    /// How the connection ended, if that was heard.
    end: Option<End>,
}

/// What became of a request that was not answered.
pub(crate) struct Unanswered {
    /// The request, if none of it was written.
    pub(crate) unwritten: Option<Request<Outgoing>>,
    pub(crate) reason: BoxError,
    ending: Ending,
}

enum Ending {
    Known(End),
    /// The task tells.
    Awaited(Task),
}

/// What hyper says of a request.
type Outcome = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;
/// How a connection ends.
type End = Result<(), Error>;

impl Connection {
    pub(crate) fn new(
        origin: Origin,
        runtime: runtime::Id,
        sender: SendRequest<Outgoing>,
        task: JoinHandle<End>,
    ) -> Self {
        Self { origin, runtime, timer: Timer::default(), sender, task: Task(task) }
    }

    /// Whether the next request can be written here and now.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether the connection is known to be dead, or its runtime gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Hands a request over, of which [`answer`](Self::answer) tells what becomes.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Outcome> + use<> {
        self.sender.try_send_request(request)
    }

    /// Waits for the head of the answer.
    ///
    /// # Errors
    /// When there is none; [`give_up`](Self::give_up) tells what that means for the request.
    pub(crate) fn answer<F: Future<Output = Outcome>>(
        &mut self,
        mut sent: Pin<&mut F>,
    ) -> impl Future<Output = Result<Response<Incoming>, Refusal>> {
        poll_fn(move |context| {
            if let Poll::Ready(outcome) = sent.as_mut().poll(context) {
                return Poll::Ready(outcome.map_err(|error| Refusal::told(error, None)));
            }
            // If the task ends on another thread just as a request is handed over, nobody takes that.
            let end = ready!(Pin::new(&mut self.task.0).poll(context)).unwrap_or(Ok(()));
            // Whatever tokio lets a task do at a time may be used up by now.
            Poll::Ready(match pin!(unconstrained(sent.as_mut())).poll(context) {
                Poll::Ready(outcome) => outcome.map_err(|error| Refusal::told(error, Some(end))),
                Poll::Pending => Err(Refusal { told: None, end: Some(end) }),
            })
        })
    }

    /// Tells what became of a request that is not answered.
    pub(crate) fn give_up<F: Future<Output = Outcome>>(
        self,
        refusal: Refusal,
        sent: Pin<&mut F>,
    ) -> Unanswered {
        // The channel gives back what lies in it, and the task has nothing left to do.
        drop(self.sender);
        let Refusal { told, end } = refusal;
        let refusal = match told {
            Some(told) => Some(*told),
            None => match pin!(unconstrained(sent)).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => outcome.err(),
                Poll::Pending => None,
            },
        };
        let ending = end.map_or(Ending::Awaited(self.task), Ending::Known);
        match refusal {
            Some(mut refusal) => Unanswered {
                unwritten: refusal.take_message(),
                reason: refusal.into_error().into(),
                ending,
            },
            None => Unanswered { unwritten: None, reason: "the connection ended".into(), ending },
        }
    }
}

impl Unanswered {
    /// Why nothing was written.
    pub(crate) async fn end(self) -> BoxError {
        if self.reason.source().is_some_and(|source| source.is::<Error>()) {
            return self.reason;
        }
        // A connection that ended before it was offered any request has told its task alone why.
        let end = match self.ending {
            Ending::Known(end) => end,
            Ending::Awaited(mut task) => (&mut task.0).await.unwrap_or(Ok(())),
        };
        end.err().map_or(self.reason, Into::into)
    }
}

impl Refusal {
    #[cold]
    fn told(error: TrySendError<Request<Outgoing>>, end: Option<End>) -> Self {
        Self { told: Some(Box::new(error)), end }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // Left to itself, it would first try to write what is still to be written, for as long as the
        // server does not read it.
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;
    use tokio::runtime::Handle;

    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_a_connection_that_has_ended_without_a_word() {
        let (_server, stream) = tokio::io::duplex(64);
        let (sender, speaker) = handshake(TokioIo::new(stream)).await.unwrap();
        let origin =
            Origin { scheme: Scheme::HTTP, authority: Authority::from_static("etcd.test") };
        let task = tokio::spawn(async { Ok(()) });
        let mut connection = Connection::new(origin, Handle::current().id(), sender, task);
        let request = Request::get("http://etcd.test/").body(Bytes::new()).unwrap();
        let (_, request) = crate::outgoing::split(request, None).unwrap();
        let mut sent = pin!(connection.send(request));
        let refusal = connection.answer(sent.as_mut()).await.unwrap_err();
        // What lies in the channel stays there, since this end of it is not closed.
        let unanswered = connection.give_up(refusal, sent);
        assert!(unanswered.unwritten.is_none());
        assert_eq!(unanswered.reason.to_string(), "the connection ended");
        drop(speaker);
    }
}
