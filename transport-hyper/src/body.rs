//! The body of an answer.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{AsyncBody, Failure, Stage};
use http::Version;
use hyper::body::{Body as _, Incoming};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use crate::connection::Connection;
use crate::failure;
use crate::pool::Pool;

/// Reads an answer and gives its connection back at the end; dropped earlier, it closes it.
pub(crate) struct Body {
    incoming: Incoming,
    source: Source,
    silence: Silence,
}

/// Where the pieces come from.
enum Source {
    /// A connection that may serve another request afterwards.
    Kept(Connection, Arc<Pool>),
    /// A connection that ends with this answer.
    Last(#[expect(dead_code, reason = "closes the connection when it is dropped")] Connection),
    /// Nothing more is to come.
    Ended,
    /// The connection broke.
    Broken,
}

/// Measures how long nothing has come.
#[derive(Default)]
struct Silence {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer is set for the piece that is awaited now.
    is_set: bool,
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        connection: Connection,
        pool: &Arc<Pool>,
        version: Version,
    ) -> Self {
        let source = if version == Version::HTTP_11 {
            Source::Kept(connection, Arc::clone(pool))
        } else {
            // It could be kept if the server asked for that, but hyper would go on in HTTP/1.0 and
            // with headers of its own.
            Source::Last(connection)
        };
        let mut body = Self { incoming, source, silence: Silence::default() };
        body.look_for_the_end();
        body
    }

    /// Gives the connection back as soon as the length of the body is reached.
    fn look_for_the_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Source::Kept(connection, pool) = mem::replace(&mut self.source, Source::Ended) {
            pool.put(connection);
        }
    }
}

impl AsyncBody for Body {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        timeout: Option<Duration>,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        match self.source {
            Source::Kept(..) | Source::Last(_) => {}
            Source::Ended => return Poll::Ready(Ok(None)),
            Source::Broken => {
                return Poll::Ready(Err(Failure::after_send("the connection broke before")));
            }
        }
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.is_set = false;
                    self.look_for_the_end();
                    // Trailers say nothing that is used here.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.source = Source::Broken;
                    return Poll::Ready(Err(failure::after_send(error)));
                }
                Poll::Ready(None) => {
                    self.end();
                    return Poll::Ready(Ok(None));
                }
                Poll::Pending => return self.silence.poll(context, timeout).map(Err),
            }
        }
    }
}

impl Silence {
    /// Becomes ready when the limit is reached, counted from the first time of asking for a piece.
    fn poll(&mut self, context: &mut Context<'_>, limit: Option<Duration>) -> Poll<Failure> {
        let Some(limit) = limit else { return Poll::Pending };
        let timer = match &mut self.timer {
            Some(timer) => {
                if !self.is_set {
                    // A moment that the clock cannot express never comes.
                    let Some(deadline) = Instant::now().checked_add(limit) else {
                        return Poll::Pending;
                    };
                    timer.as_mut().reset(deadline);
                }
                timer
            }
            empty => match Handle::try_current() {
                Ok(_) => empty.insert(Box::pin(tokio::time::sleep(limit))),
                Err(error) => return Poll::Ready(Failure::after_send(error)),
            },
        };
        self.is_set = true;
        timer.as_mut().poll(context).map(|()| Failure::timed_out(Stage::AfterSend))
    }
}
