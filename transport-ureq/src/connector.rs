//! ureq's view of a connection: everything that implements a trait of its module `unversioned`.
//!
//! Those traits may change with every minor version of ureq, so this file is what an update of it
//! has to look at.

use std::io;

use etcd_v2_proto::ConnectionError;
use http::Uri;
use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::buffers::{Input, Output};
use crate::call::{Call, Verdict};
use crate::reach::Reach;
use crate::wire::Wire;

/// Leaves resolving to the connector.
///
/// ureq resolves before it looks into its pool, so a real resolver here would be asked for every
/// request, and on a thread of its own if there is a time limit.
#[derive(Debug)]
pub(crate) struct LateResolver;

impl Resolver for LateResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct ReachConnector {
    pub(crate) reach: Reach,
    /// How many bytes the head of a response may have, and its trailers.
    pub(crate) max_head: usize,
}

impl Connector for ReachConnector {
    type Out = Connection;

    fn connect(
        &self,
        to: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        Call::with(Call::begin_connecting);
        let wire = within(to.timeout, |call| self.reach.connect(to.uri, call));
        let wire = wire.map_err(Error::Io)?;
        Call::with(Call::begin_response);
        Ok(Some(Connection {
            wire,
            origin: self.reach.origin(to.uri),
            buffers: ConnectionBuffers::default(),
            max_head: self.max_head,
            request_begun: false,
            answered: false,
            idle: false,
            deaf: false,
            write_error: None,
        }))
    }
}

/// A connection that holds back its output until the server has to answer, or the buffer is full.
///
/// It is given the head of a request and the pieces of the body one by one, and not told which is
/// the last. But ureq waits for input only once the request is complete, and always does so then.
///
/// The time limits that ureq hands in are those of its own configuration; most are in the [`Call`].
#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// What a proxy has to find before the path, in the first line of a request.
    origin: Option<Box<str>>,
    buffers: ConnectionBuffers,
    max_head: usize,
    /// Whether some of the present request has left.
    request_begun: bool,
    /// Whether the server has ever said anything.
    answered: bool,
    /// Whether the connection is in the pool.
    idle: bool,
    /// Whether the rest of a request could not be sent.
    deaf: bool,
    /// Why, if that says more than that the connection has ended.
    write_error: Option<io::Error>,
}

impl Connection {
    /// Sends what was held back.
    ///
    /// A server may respond without having read all of a large request. So when no more of it can be sent,
    /// or not in time, there may still be a response to read.
    fn flush(&mut self, limit: NextTimeout) -> Result<(), Error> {
        let output = self.buffers.output.take_queued();
        if self.deaf || output.is_empty() {
            return Ok(());
        }
        let absolute;
        let output = match &self.origin {
            Some(origin) if !self.request_begun => {
                absolute = with_origin(origin, output);
                &absolute
            }
            _ => output,
        };
        self.request_begun = true;
        let limit = limit.for_write();
        within(limit, |call| match self.wire.write(output, call) {
            Err(error) if call.sent && may_be_answered(call.verdict, limit) => {
                // What was not sent in time is given up by the read, unless that finds a response.
                let is_late = call.verdict.take().is_some();
                self.deaf = true;
                self.write_error = (!is_late && is_no_end(&error)).then_some(error);
                Ok(())
            }
            result => result.map_err(lost),
        })
    }

    /// Takes note of the first bytes that a server ever sent.
    fn greet(&mut self) -> Result<(), Error> {
        self.answered = true;
        let explained = ConnectionError::of_greeting(self.buffers.input.filled());
        match explained.filter(|_| !self.wire.is_secured()) {
            Some(explained) => Err(Error::Other(explained.into())),
            None => Ok(()),
        }
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, limit: NextTimeout) -> Result<(), Error> {
        self.buffers.output.queue(amount);
        if self.buffers.output.is_full() { self.flush(limit) } else { Ok(()) }
    }

    fn await_input(&mut self, limit: NextTimeout) -> Result<bool, Error> {
        self.flush(limit)?;
        let free = self.buffers.input.free();
        let mute = !self.answered && !self.wire.is_secured();
        let amount = within(limit.for_read(), |call| {
            if call.sent {
                // ureq has a limit for heads. This one is for interim responses before it.
                if call.overhead > self.max_head.saturating_add(READ_AHEAD) {
                    return Err(io::Error::other("the server sent too much before its response"));
                }
            } else {
                if call.overhead > self.max_head {
                    let limit = self.max_head;
                    let text = format!(
                        "the trailers of the response are larger than {limit} bytes, the limit for heads"
                    );
                    return Err(io::Error::other(text));
                }
                if !self.wire.is_ours() {
                    let text =
                        "the connection belongs to the process that this one was forked from";
                    return Err(io::Error::other(text));
                }
            }
            let amount = match self.wire.read(free, call) {
                Ok(0) if mute => Err(io::ErrorKind::UnexpectedEof.into()),
                amount => amount,
            };
            if !matches!(amount, Ok(1..))
                && call.verdict.is_none()
                && let Some(error) = self.write_error.take()
            {
                return Err(error);
            }
            match &amount {
                Err(error) if mute && call.verdict.is_none() => {
                    if let Some(explained) = ConnectionError::of_silence(error) {
                        return Err(io::Error::other(explained));
                    }
                }
                Ok(0) => call.closed = true,
                Err(error) => call.closed = error.kind() == io::ErrorKind::UnexpectedEof,
                Ok(amount) => call.overhead += amount,
            }
            amount
        });
        let amount = amount.map_err(lost)?;
        self.buffers.input.fill(amount);
        if !self.answered && amount > 0 {
            self.greet()?;
        }
        Ok(amount > 0)
    }

    /// Asked on the way into the pool and on the way out of it. The server may close or say something
    /// at any time in between, so only the second time is worth a system call.
    fn is_open(&mut self) -> bool {
        self.idle = !self.idle;
        if self.idle {
            self.buffers.input.shrink();
            self.buffers.output.shrink();
            !self.deaf
        } else {
            self.request_begun = false;
            // A proxy that passes requests on may hang up after an answer without having said so. A read
            // that comes just then is asked again, but of a write nobody would know what became of it.
            let is_good_enough = self.origin.is_none() || !Call::with(|call| call.writes);
            is_good_enough && self.wire.is_ours() && self.wire.is_quiet()
        }
    }

    fn is_tls(&self) -> bool {
        self.wire.is_secured()
    }
}

/// Does something with the call of the thread, within a limit of ureq's own.
fn within<T>(limit: NextTimeout, work: impl FnOnce(&mut Call) -> T) -> T {
    let limit = match limit.after {
        Duration::Exact(limit) => Some(limit),
        Duration::NotHappening => None,
    };
    Call::with(|call| call.within(limit, work))
}

/// Whether a response may be there, although the rest of the request could not be sent: not if the caller
/// wants none, or a limit of ureq's own has run out.
fn may_be_answered(verdict: Option<Verdict>, limit: NextTimeout) -> bool {
    match verdict {
        None => true,
        Some(Verdict::TimedOut) => limit.after == Duration::NotHappening,
        Some(Verdict::Interrupted(_)) => false,
    }
}

/// Whether the error of a write says more than that the connection has ended, which the read says as well.
fn is_no_end(error: &io::Error) -> bool {
    ConnectionError::of_silence(error).is_none()
}

/// The beginning of a request with the origin in front of the path.
fn with_origin(origin: &str, request: &[u8]) -> Vec<u8> {
    let path = request.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let (method, rest) = request.split_at(path);
    [method, origin.as_bytes(), rest].concat()
}

/// A failure of the socket in a form that ureq passes on as it is.
///
/// Of an I/O error it would take some kinds for the proper end of a body.
fn lost(error: io::Error) -> Error {
    Error::Other(error.into())
}

/// What a read may bring beyond the head of a response.
const READ_AHEAD: usize = 64 << 10;

#[derive(Debug, Default)]
struct ConnectionBuffers {
    input: Input,
    output: Output,
}

impl Buffers for ConnectionBuffers {
    fn output(&mut self) -> &mut [u8] {
        self.output.free(Call::with(|call| call.room))
    }

    fn input(&self) -> &[u8] {
        self.input.filled()
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.input.free()
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (self.input.free(), self.output.free(Call::with(|call| call.room)))
    }

    fn input_appended(&mut self, amount: usize) {
        self.input.fill(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.input.consume(amount);
    }

    fn can_use_input(&self) -> bool {
        self.input.is_worth_a_look()
    }
}
