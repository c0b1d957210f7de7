//! The body of an answer.

use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{AsyncBody, Connected, Failure, Stage};
use http::Version;
use hyper::Error;
use hyper::body::{Body as _, Frame, Incoming};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::failure;
use crate::patience::LATE_TURNS;
use crate::pool::Pool;

/// Reads an answer and gives its connection back at the end; dropped earlier, it closes it.
pub(crate) struct Body {
    incoming: Incoming,
    source: Source,
    /// Whether the timer of the connection is set for the piece that is awaited now.
    is_timed: bool,
    /// How many pieces were taken since the task has yielded.
    in_a_row: u32,
    /// How long making the connection took, if it is new.
    connected: Option<Connected>,
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
        connected: Option<Connected>,
    ) -> Self {
        let source = if version == Version::HTTP_11 {
            Source::Kept(connection, Arc::clone(pool))
        } else {
            // It could be kept if the server asked for that, but hyper would go on in HTTP/1.0 and
            // with headers of its own.
            Source::Last(connection)
        };
        let mut body = Self { incoming, source, is_timed: false, in_a_row: 0, connected };
        body.begin_count();
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

    /// The next frame, if the socket holds it and the runtime has not heard of it: a process that was stopped hears of
    /// its timers before it hears of its sockets.
    fn poll_late_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        for _ in 0..LATE_TURNS {
            let Some(connection) = self.source.connection() else { return Poll::Ready(None) };
            let _ = connection.read_directly(|connection| connection.poll(context));
            if let Poll::Ready(frame) = self.poll_frame(context) {
                return Poll::Ready(frame);
            }
        }
        Poll::Pending
    }

    /// Begins to count what comes between two pieces.
    fn begin_count(&mut self) {
        if let Some(connection) = self.source.connection() {
            connection.begin_count();
        }
    }

    /// Whether chunk sizes, their extensions or trailers go on without any data.
    fn is_framing_endless(&mut self) -> bool {
        let is_endless =
            |connection: &mut Connection| connection.has_received_more_than(connection.max_head);
        self.source.connection().is_some_and(is_endless)
    }

    #[cold]
    fn endless_framing(&mut self) -> Failure {
        let limit = self.source.connection().map_or(0, |connection| connection.max_head);
        Failure::after_send(format!(
            "the server sent more than {limit} bytes of chunk sizes, extensions or trailers without data"
        ))
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
    fn connected(&self) -> Option<Connected> {
        self.connected
    }

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
        if self.in_a_row >= PIECES {
            // A server that sends its pieces byte by byte must not keep the task from yielding.
            self.in_a_row = 0;
            return pin!(yield_now()).poll(context).map(|()| Ok(None));
        }
        self.in_a_row += 1;
        loop {
            let frame = match self.poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.is_framing_endless() => {
                    let failure = self.endless_framing();
                    self.source = Source::Broken;
                    return Poll::Ready(Err(failure));
                }
                Poll::Pending => {
                    self.in_a_row = 0;
                    let failure = ready!(self.poll_silence(context, timeout));
                    let Poll::Ready(frame) = self.poll_late_frame(context) else {
                        return Poll::Ready(Err(failure));
                    };
                    frame
                }
            };
            match frame {
                Some(Ok(frame)) => {
                    self.is_timed = false;
                    self.begin_count();
                    self.look_for_the_end();
                    // Trailers say nothing that is used here.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => {
                    self.source = Source::Broken;
                    return Poll::Ready(Err(failure::after_send(error.into())));
                }
                None => {
                    self.end();
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }
}

/// After how many pieces the task yields.
const PIECES: u32 = 64;
