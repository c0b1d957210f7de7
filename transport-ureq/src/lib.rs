//! The blocking transport of the etcd v2 client, over [ureq](https://docs.rs/ureq).
//!
//! [`UreqTransport`] carries requests for
//! [`BlockingRun`](etcd_v2_proto::BlockingRun): it sends one, hands out the body of the answer piece
//! by piece, and decides nothing. It follows no redirects, judges no statuses, decompresses nothing,
//! repeats nothing, and adds no header but `Content-Length` and, for a proxy, `Proxy-Authorization`. It
//! knows nothing of etcd.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use etcd_v2_proto::{BlockingTransport, Interrupt, Timing};
//! use transport_ureq::UreqTransport;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Any HTTP server will do.
//! let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! let address = server.local_addr()?;
//! std::thread::spawn(move || -> std::io::Result<()> {
//!     let (mut stream, _) = server.accept()?;
//!     stream.read(&mut [0; 1024])?;
//!     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
//! });
//!
//! let transport: Arc<dyn BlockingTransport> = Arc::new(UreqTransport::new());
//! let request = http::Request::get(format!("http://{address}/version"))
//!     .header("Host", address.to_string())
//!     .body(Bytes::new())?;
//! let never = Interrupt::never();
//! let (head, mut body) = transport.send(request, Timing::default(), &never)?;
//! assert_eq!(head.status, 200);
//! assert_eq!(body.read(None, &never)?.as_deref(), Some(&b"{}"[..]));
//! assert_eq!(body.read(None, &never)?, None);
//! # Ok(()) }
//! ```
//!
//! # What had left
//!
//! A failure is [before sending](etcd_v2_proto::Stage::BeforeSend) as long as the operating system has
//! not taken a single byte of the request. A kept-alive connection that the server has closed, or said
//! something on, is found out and replaced before that. If the server closes at the very moment of
//! sending, the failure is after sending, and it is for the core to decide whether to ask again.
//!
//! # Limits
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
//! Connecting includes name resolution, all addresses of a name, and the tunnel through a proxy. The limit for the
//! response includes writing the request: for a large body, the caller sets a longer one. If an unused connection
//! turns out to have ended and is replaced, the limits of a new connection apply.
//!
//! The body of the first response on a new connection says how long [making it](etcd_v2_proto::Connected) took.
//!
//! The connect limit covers name resolution, too. There is one lookup for each host at a time, which all
//! attempts wait for, and its result is used for 100 ms. A lookup that takes longer than the limit stays
//! behind on its thread; there are 8 such threads at most for each transport, and when all are busy, lookups of
//! further hosts wait. Attempts to the addresses of a host overlap: the next one starts after 250 ms, or earlier
//! if the limit would not be enough for all of them, and the address that worked is the first to be tried
//! the next time.
//!
//! A body may be read on any thread; when a read has run into its limit, read again: nothing is lost and
//! the body goes on where it was. A response that arrived before its limit counts even if this process
//! was stopped and looks only later.
//!
//! The head of a response may have 64 KiB, unless [set](Builder::max_head), and so may the trailers of a
//! body. It may have 128 lines of headers, which ureq does not let anyone change. More is a failure after
//! sending.
//!
//! A server may respond before it has read a large request. When no more of that can be sent, because of
//! an error or of the limit, the response is read if there is one.
//!
//! An [`Interrupt`] used on another thread shuts the socket that a call waits for, so sending, reading
//! and [`sleep`](BlockingTransport::sleep) end at once. Only resolving and connecting go on for as
//! long as their limit lets them.
//!
//! # Idle connections
//!
//! A connection is kept when the answer was read to its end: with the last byte of a body of known
//! length, otherwise when `read` has returned `None`. A body dropped earlier closes it. Kept
//! connections are looked through, by age and number, when a request begins and when one ends; while
//! there are none they stay, even if the server has closed them. Dropping the transport closes them.
//!
//! # Processes that fork
//!
//! After `fork`, the child has copies of the connections of its parent. It uses none of them: a connection
//! is used only by the process that made it, and closing a copy does not disturb the parent. A body that
//! was begun before the fork fails in the child. So a transport works on both sides. As always, fork
//! only while no other thread uses the transport: the child would wait for ever for a lock which that
//! thread held.
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
//! The feature `tls` brings `https`, over rustls; without it, `https` fails before sending. The feature
//! `ring` brings the cryptography, which a program may also choose for itself by installing a provider
//! of rustls. A handshake follows connecting, with a [limit of its own](#limits); a failed one is before sending,
//! with words that say what is wrong. In TLS 1.3 a server looks at the client's certificate when the
//! handshake is over for the client; what it thinks of it may come instead of an answer.
//!
//! A body without a declared length that ends without TLS saying so is a failure: it may have been cut
//! off. What a server may say on an idle connection at any time, such as tickets for further sessions,
//! does not keep that from being used again.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_v2_proto::proxy::Proxies;
use etcd_v2_proto::{BlockingBody, BlockingTransport, Failure, Interrupt, Stage, Timing};
use http::Request;
use http::response::Parts;
use ureq::Agent;

pub use crate::builder::Builder;
pub use ureq;

use crate::body::Body;
use crate::call::Call;

mod body;
mod buffers;
mod builder;
mod call;
mod connector;
mod dial;
mod failure;
mod lookup;
mod race;
mod reach;
mod request;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod user_timeout;
mod wire;

/// Carries bytes for blocking callers; share it behind an [`Arc`](std::sync::Arc) among all threads.
pub struct UreqTransport {
    agent: Agent,
    proxies: Proxies,
    epoch: Instant,
}

impl UreqTransport {
    /// A transport with the settings that [`Builder`] documents.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// The settings to choose from.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl BlockingTransport for UreqTransport {
    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn send(
        &self,
        request: Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(Parts, Box<dyn BlockingBody>), Failure> {
        if let Some(reason) = interrupt.take() {
            return Err(Failure::interrupted(Stage::BeforeSend, reason));
        }
        let (mut head, body) = request.into_parts();
        request::frame(&mut head, &body);
        request::log_in(&mut head, &self.proxies).map_err(Failure::before_send)?;
        let (writes, room) = (!head.method.is_safe(), request::room(&head, &body));
        let mut call = Call::to_send(timing, interrupt, writes, room);
        let result = call.run(|| match &*body {
            // An empty slice would be a body to ureq.
            [] => self.agent.run(Request::from_parts(head, ())),
            bytes => self.agent.run(Request::from_parts(head, bytes)),
        });
        let response = result.map_err(|error| failure::of_sending(error, &call))?;
        let (parts, body) = response.into_parts();
        Ok((parts, Box::new(Body::new(body, call.connected))))
    }

    fn sleep(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), Failure> {
        interrupt.sleep(pause).map_err(|reason| Failure::interrupted(Stage::BeforeSend, reason))
    }
}

impl Default for UreqTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UreqTransport").finish_non_exhaustive()
    }
}
