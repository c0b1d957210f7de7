//! One connection: hyper's handle, and the task that reads and writes.

use std::error::Error as _;
use std::ptr;

use http::uri::{Authority, Scheme};
use http::{Request, Response};
use hyper::Error;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime;
use tokio::task::JoinHandle;

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
    task: JoinHandle<Result<(), Error>>,
}

impl Connection {
    pub(crate) fn new(
        origin: Origin,
        runtime: runtime::Id,
        sender: SendRequest<Outgoing>,
        task: JoinHandle<Result<(), Error>>,
    ) -> Self {
        Self { origin, runtime, timer: Timer::default(), sender, task }
    }

    /// Whether the next request can be written here and now.
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Whether the connection is known to be dead, or its runtime gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Hands a request over; if none of it was written, the error gives it back.
    pub(crate) fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>> + use<>
    {
        self.sender.try_send_request(request)
    }

    /// Why a connection took no request, for which this is what the request was refused with.
    ///
    /// One that ended before it was offered any has told its task alone what it ended with.
    pub(crate) async fn end(&mut self, refusal: Error) -> Error {
        if refusal.source().is_some_and(|source| source.is::<Error>()) {
            return refusal;
        }
        match (&mut self.task).await {
            Ok(Err(reason)) => reason,
            _ => refusal,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Left to itself, the task would first try to write what is still to be written, for as long
        // as the server does not read it.
        self.task.abort();
    }
}
