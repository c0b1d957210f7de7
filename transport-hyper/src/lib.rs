//! The asynchronous transport of the etcd v2 client: a small connection pool over
//! [hyper](https://hyper.rs) and [tokio](https://tokio.rs).
//!
//! [`HyperTransport`] implements the core's [`AsyncTransport`]: it sends a request, hands out the
//! body of the answer piece by piece, and can do nothing for a while. It follows no redirect, judges
//! no status and repeats nothing that may have been sent.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use etcd_v2_proto::{AsyncTransport, Interrupt, Timing};
//! use transport_hyper::HyperTransport;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let address = listener.local_addr()?;
//! # let server = std::thread::spawn(move || {
//! #     let (mut stream, _) = listener.accept()?;
//! #     let _ = stream.read(&mut [0; 1024])?;
//! #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
//! # });
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let transport = HyperTransport::new();
//! let request = http::Request::get(format!("http://{address}/version"))
//!     .header("host", address.to_string())
//!     .body(bytes::Bytes::new())?;
//! let timing = Timing::new(None, Some(std::time::Duration::from_secs(5)));
//!
//! let (head, mut body) = transport.send(request, timing, &Interrupt::never()).await?;
//! assert_eq!(head.status, 200);
//! let chunk = std::future::poll_fn(|context| body.poll_chunk(context, None)).await?;
//! assert_eq!(chunk.as_deref(), Some(&b"hi"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # server.join().expect("the server does not panic")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Connections
//!
//! A connection goes back to the pool once the body of the answer was read to its end, and serves
//! the next request to the same origin from the same runtime. Reading half a body and dropping it
//! closes the socket, and so does dropping a call half-way; a wait therefore has a connection of its
//! own for as long as it lasts. Unused connections are closed after a while
//! ([`Builder::idle_timeout`]), or when their server closes them, by a task that exists only while there
//! are some. Those in use need no task: they are read and written by whoever waits for the answer.
//!
//! Before a kept connection is used, its socket is looked at: one that has ended, or on which the server has sent
//! something without being asked, is closed. That takes one system call. A connection may still end between the look
//! and the request. Where it does before anything was written, the request goes out once more, on a new connection.
//! In all other cases the failure is reported as [after sending](etcd_v2_proto::Stage::AfterSend) and nothing is
//! repeated.
//!
//! When a write fails because the server closes, a response that came before, such as 413, is still read and returned.
//! When a time limit strikes, a response that is in the socket by then is taken. Writes to a TCP stream do not raise
//! `SIGPIPE`; a connector with a stream of its own type has to take care of that itself.
//!
//! A server can keep a task busy only for a moment: after 16 KiB without a piece of a body, and after 64 pieces, the
//! task yields. Informational responses (1xx) that are longer than a [head may be](Builder::max_head), and as much of
//! chunk sizes, their extensions and trailers without any data, are a failure.
//!
//! # Timeouts
//!
//! The limits of a request are those of [`Timing`], all of them within that for the [head](Timing::head), which counts
//! from the start of the attempt:
//!
//! | limit | counts from | when it is reached, the failure is |
//! |---|---|---|
//! | [`connect`](Timing::connect) | the start of the attempt | before sending |
//! | [`handshake_after`](Timing::handshake_after) | the end of connecting | before sending |
//! | [`response_after`](Timing::response_after), on a new connection | the end of the TLS handshake, or of connecting without TLS | after sending |
//! | [`response`](Timing::response), on a reused connection | the start of the attempt | after sending |
//!
//! Connecting includes name resolution, all addresses of a name, and the tunnel through a proxy. For a
//! [connector that does TLS itself](Builder::connector_with_tls), connecting includes the handshake. The limit for the
//! response includes writing the request: for a large body, the caller sets a longer one. If a request goes out once
//! more because a reused connection had ended, the limits of a new connection apply.
//!
//! The body of the first response on a new connection says how long [making it](etcd_v2_proto::Connected) took.
//!
//! # Runtimes
//!
//! Calls have to be made within a tokio runtime that has its I/O and its timers enabled
//! (`enable_all`); without a runtime they fail, before sending. A transport may serve several
//! runtimes, one after the other or at the same time: each uses the connections that it made.
//!
//! In a runtime whose I/O or timers are not enabled, tokio panics when a connection is made or a limit is set; a
//! library cannot find out beforehand.
//!
//! Under a paused clock (`tokio::time::pause`, `start_paused`), tokio moves the clock to the next time limit whenever
//! all tasks wait, also when they wait for a server. So calls with limits time out at once. In tests with real
//! servers, leave the clock alone, or hold it by a task of `spawn_blocking` that waits as long as the test needs it.
//!
//! A small request without TLS takes four system calls, except in the future that is given to `block_on` of a
//! multi-threaded runtime: there it takes two or three more, since the thread that runs it is not one that hears of
//! answers.
//!
//! # Fork
//!
//! A connection is used only by the process that made it. After a `fork`, the child makes new ones; those of the
//! parent are neither used nor closed there, and stay open as long as the child runs. A tokio runtime does not survive
//! a fork: parent and child share its epoll instance, so make a new one in the child. Calls that are under way during
//! a fork must not be continued in the child.
//!
//! # Proxies
//!
//! Unless [told otherwise](Builder::proxies), the environment says which requests go through which HTTP
//! proxy, as for Go's `ProxyFromEnvironment`: `localhost` and loopback addresses never do. A proxy is
//! told the whole URI of an `http` request, and asked for a tunnel (`CONNECT`) to an `https` endpoint,
//! which is part of connecting and has its limit. Without a tunnel, the failure is before sending.
//!
//! # TLS
//!
//! The feature `tls` brings `https`, over rustls and whatever the [connector](Builder::connector)
//! connects with; without it, `https` fails before sending. The feature `ring` brings the cryptography,
//! which a program may also choose for itself (see the module `tls` of the core). A handshake has a
//! [limit of its own](#timeouts), counted from the end of connecting, and a failed one is before sending, with words
//! that say what is wrong. In TLS 1.3 a server looks at the client's certificate when the handshake is
//! over for the client; what it thinks of it may come instead of an answer, and is after sending.
//!
//! A body without a declared length that ends without TLS saying so is a failure: it may have been cut
//! off. A connector that does TLS itself goes in by [`Builder::connector_with_tls`].

use std::fmt;
use std::future::ready;
use std::mem;
use std::pin::{Pin, pin};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::proxy::Proxy;
use etcd_v2_proto::{AsyncBody, AsyncTransport, Connected, Failure, Interrupt, Stage, Timing};
use http::Request;
use http::response::Parts;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::connection::{Connection, Origin, Unanswered};
use crate::outgoing::Outgoing;
use crate::patience::{Patience, Step};
use crate::pool::Pool;
use crate::reach::Reach;

mod body;
mod builder;
mod connect;
mod connection;
mod failure;
mod keeper;
mod listener;
mod outgoing;
mod patience;
mod plain;
mod pool;
mod reach;
mod socket;
mod tcp;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod tunnel;
mod user_timeout;

pub use builder::Builder;
pub use tcp::{Connecting, TcpConnector};

/// Carries bytes for asynchronous callers, over connections that it keeps.
///
/// Clones are cheap and share the connections.
#[derive(Clone)]
pub struct HyperTransport {
    pool: Arc<Pool>,
    reach: Arc<Reach>,
    epoch: Instant,
    /// How many bytes the head of an answer may have.
    max_head: usize,
}

impl HyperTransport {
    /// A transport with the default limits, over TCP, secured by TLS for `https`, and through the
    /// proxies that the environment names.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A transport with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A connection from the pool that is known to be usable, as far as that can be known.
    async fn reuse(
        &self,
        origin: &Origin,
        runtime: &Handle,
        mut now: Instant,
    ) -> Option<Box<Connection>> {
        while let Some((mut connection, unused)) = self.pool.take(origin, runtime.id(), now) {
            let may_be_shared = unused >= FORK && !connection.is_of(process::id());
            if !may_be_shared && connection.is_usable().await {
                return Some(connection);
            }
            now = Instant::now();
        }
        None
    }

    /// Sends a request that no kept connection took.
    async fn send_anew(
        &self,
        origin: Origin,
        request: Request<Outgoing>,
        proxy: Option<&Proxy>,
        mut patience: Patience<'_>,
        runtime: Handle,
    ) -> Result<Answer, Failure> {
        let (mut connection, connected) =
            self.reach.connect(origin, proxy, runtime, &mut patience).await?;
        patience.begin_response(connected);
        connection.max_head = self.max_head;
        patience.socket = Some(connection.socket());
        let mut sent = pin!(connection.send(request));
        let answer = patience.wait(Step::Answer, pin!(connection.answer(sent.as_mut()))).await?;
        match answer {
            Ok(response) => Ok(self.answer(connection, response, patience, Some(connected))),
            Err(unanswered) => Err(match unanswered.unwritten {
                Some(_) => failure::before_send(unanswered.reason),
                None => self.reach.head_limits.after_send(unanswered.reason),
            }),
        }
    }

    /// Hands out the answer, and its connection with it unless there is nothing left to read.
    fn answer(
        &self,
        mut connection: Box<Connection>,
        response: http::Response<Incoming>,
        patience: Patience<'_>,
        connected: Option<Connected>,
    ) -> Answer {
        connection.timer = patience.timer;
        let (head, incoming) = response.into_parts();
        let body = body::Body::new(incoming, connection, &self.pool, head.version, connected);
        (head, Box::new(body))
    }
}

type Answer = (Parts, Box<dyn AsyncBody>);

// Without the attribute of `async_trait`, which makes a future keep each argument twice. That of `send` is
// just small enough for what allocators have at hand.
impl AsyncTransport for HyperTransport {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn send<'a, 'b, 'c>(
        &'a self,
        request: Request<Bytes>,
        timing: Timing,
        interrupt: &'b Interrupt,
    ) -> Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'c>>
    where
        Self: 'c,
        'a: 'c,
        'b: 'c,
    {
        let proxy = match self.reach.proxy_for(request.uri()) {
            Ok(proxy) => proxy,
            Err(failure) => return Box::pin(ready(Err(failure))),
        };
        let (origin, mut request) = match outgoing::split(request, proxy) {
            Ok(errand) => errand,
            Err(error) => return Box::pin(ready(Err(Failure::before_send(error)))),
        };
        let mut patience = Patience::new(timing, interrupt);
        Box::pin(async move {
            let runtime = Handle::try_current().map_err(Failure::unsupported)?;
            patience.check(Stage::BeforeSend)?;
            // A proxy that passes requests on may hang up after an answer without having said so. A read
            // that comes just then is asked again, but of a write nobody would know what became of it.
            let is_kept_good_enough =
                proxy.is_none() || origin.is_https() || request.method().is_safe();
            if is_kept_good_enough
                && let Some(mut connection) = self.reuse(&origin, &runtime, patience.started).await
            {
                patience.timer = mem::take(&mut connection.timer);
                patience.socket = Some(connection.socket());
                let mut sent = pin!(connection.send(request));
                let answer =
                    patience.wait(Step::Answer, pin!(connection.answer(sent.as_mut()))).await?;
                match answer {
                    Ok(response) => return Ok(self.answer(connection, response, patience, None)),
                    Err(unanswered) => {
                        let Unanswered { unwritten, reason } = *unanswered;
                        // The connection was dead. Its socket closes now.
                        patience.socket = None;
                        request =
                            unwritten.ok_or_else(|| self.reach.head_limits.after_send(reason))?;
                    }
                }
            }
            Box::pin(self.send_anew(origin, request, proxy, patience, runtime)).await
        })
    }

    fn sleep<'a, 'b, 'c>(
        &'a self,
        pause: Duration,
        interrupt: &'b Interrupt,
    ) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'c>>
    where
        Self: 'c,
        'a: 'c,
        'b: 'c,
    {
        Box::pin(async move {
            Handle::try_current().map_err(Failure::unsupported)?;
            let sleep = pin!(tokio::time::sleep(pause));
            Patience::new(Timing::default(), interrupt).wait(Step::Connecting, sleep).await
        })
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) -> bool {
        Handle::try_current().map(|runtime| runtime.spawn(task)).is_ok()
    }
}

impl Default for HyperTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// A fork takes longer than this: 42 µs were measured for a static program without any data. A connection that was unused
/// for less time belongs to this process, which saves a system call.
const FORK: Duration = Duration::from_micros(25);
