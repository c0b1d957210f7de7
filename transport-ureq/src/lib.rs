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
//! The connect limit covers name resolution, too; the addresses of a name share what is left of it.
//! A lookup that takes longer is left behind on its thread. A body may be read on any thread; when a
//! read has run into its limit, read again: nothing is lost and the body goes on where it was.
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
//! of rustls. A handshake follows connecting, with a limit of its own; a failed one is before sending,
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
        let call = Call::to_send(timing, interrupt, writes, room);
        let (result, call) = call.run(|| match &*body {
            // An empty slice would be a body to ureq.
            [] => self.agent.run(Request::from_parts(head, ())),
            bytes => self.agent.run(Request::from_parts(head, bytes)),
        });
        let (parts, body) = result.map_err(|error| failure::of_sending(error, &call))?.into_parts();
        Ok((parts, Box::new(Body::new(body))))
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
