//! The body of an answer.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{AsyncBody, Failure, Stage};
use http::Version;
use hyper::Error;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::failure;
use crate::pool::Pool;

/// Reads an answer and gives its connection back at the end; dropped earlier, it closes it.
pub(crate) struct Body {
    incoming: Incoming,
    source: Source,
    /// Whether the timer of the connection is set for the piece that is awaited now.
    is_timed: bool,
}

/// Where the pieces come from.
enum Source {
    /// A connection that may serve another request afterwards.
    Kept(Box<Connection>, Arc<Pool>),
    /// A connection that ends with this answer.
    Last(Box<Connection>),
    /// Nothing more is to come.
    Ended,
    /// The connection broke.
    Broken,
}

impl Source {
    /// The one that is still read from.
    const fn connection(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Kept(connection, _) | Self::Last(connection) => Some(connection),
            Self::Ended | Self::Broken => None,
        }
    }
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        connection: Box<Connection>,
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
        let mut body = Self { incoming, source, is_timed: false };
        body.look_for_the_end();
        body
    }

    /// The next frame, as soon as the connection has brought it.
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(connection) = self.source.connection() else { return Poll::Ready(None) };
        let mut nobody = Context::from_waker(Waker::noop());
        let mut take = || Pin::new(&mut self.incoming).poll_frame(&mut nobody);
        if let Poll::Ready(frame) = connection.quietly(&mut take) {
            return Poll::Ready(frame);
        }
        let _ = connection.poll(context);
        connection.quietly(take)
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

    /// Becomes ready when the limit is reached, counted from the first time of asking for a piece.
    fn poll_silence(
        &mut self,
        context: &mut Context<'_>,
        limit: Option<Duration>,
    ) -> Poll<Failure> {
        let (Some(Connection { timer, .. }), Some(limit)) = (self.source.connection(), limit)
        else {
            return Poll::Pending;
        };
        if !self.is_timed {
            if timer.is_new()
                && let Err(error) = Handle::try_current()
            {
                return Poll::Ready(Failure::after_send(error));
            }
            // A moment that the clock cannot express never comes.
            let Some(moment) = Instant::now().checked_add(limit) else { return Poll::Pending };
            timer.set(moment);
            self.is_timed = true;
        }
        timer.poll(context).map(|()| Failure::timed_out(Stage::AfterSend))
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
            match self.poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.is_timed = false;
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
                    return Poll::Ready(Err(failure::after_send(error.into())));
                }
                Poll::Ready(None) => {
                    self.end();
                    return Poll::Ready(Ok(None));
                }
                Poll::Pending => return self.poll_silence(context, timeout).map(Err),
            }
        }
    }
}
