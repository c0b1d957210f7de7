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
use crate::call::Call;
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
    /// How many bytes from the server to hold that ureq can make nothing of yet.
    pub(crate) max_undigested: usize,
}

impl Connector for ReachConnector {
    type Out = Connection;

    fn connect(
        &self,
        to: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let wire = within(to.timeout, |call| self.reach.connect(to.uri, call));
        Ok(Some(Connection {
            wire: wire.map_err(Error::Io)?,
            origin: self.reach.origin(to.uri),
            buffers: ConnectionBuffers::default(),
            max_undigested: self.max_undigested,
            request_begun: false,
            answered: false,
            idle: false,
            deaf: false,
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
    max_undigested: usize,
    /// Whether some of the present request has left.
    request_begun: bool,
    /// Whether the server has ever said anything.
    answered: bool,
    /// Whether the connection is in the pool.
    idle: bool,
    /// Whether the server stopped reading in the middle of a request.
    deaf: bool,
}

impl Connection {
    /// Sends what was held back.
    ///
    /// A server may answer and close without having read all of a large request. So when it stops
    /// taking more of one, there may still be an answer to read.
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
        within(limit.for_write(), |call| match self.wire.write(output, call) {
            Err(_) if call.sent && call.verdict.is_none() => {
                self.deaf = true;
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
        if self.buffers.input.filled().len() > self.max_undigested {
            return Err(Error::Other("the server sent too much that means nothing".into()));
        }
        let free = self.buffers.input.free();
        let mute = !self.answered && !self.wire.is_secured();
        let amount = within(limit.for_read(), |call| {
            let amount = match self.wire.read(free, call) {
                Ok(0) if mute => Err(io::ErrorKind::UnexpectedEof.into()),
                amount => amount,
            };
            match &amount {
                Err(error) if mute && call.verdict.is_none() => {
                    if let Some(explained) = ConnectionError::of_silence(error) {
                        return Err(io::Error::other(explained));
                    }
                }
                Ok(0) => call.closed = true,
                Err(error) => call.closed = error.kind() == io::ErrorKind::UnexpectedEof,
                Ok(_) => {}
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
            is_good_enough && self.wire.is_quiet()
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
