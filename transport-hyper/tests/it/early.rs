//! Responses that come before the request is complete, and writes that fail.

use std::io::Read as _;
use std::thread;

use bytes::Bytes;
use etcd_v2_proto::{Cause, Stage};
use http::Request;
use transport_hyper::HyperTransport;

use crate::server::{Peer, Server};
use crate::{ask, failure, get, in_a_child, put};

const TOO_LARGE: &str = "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large";
/// More than fits into the buffers between the two.
const LARGE: usize = 64 << 20;
const ROUNDS: usize = 12;

fn large(server: &Server) -> Request<Bytes> {
    put(server, "/k").map(|_| vec![b'x'; LARGE].into())
}

/// Reads only so much of a request, responds, and closes: the rest is answered by a reset.
fn refuse(peer: &mut Peer, bytes: usize) {
    let mut buffer = vec![0; bytes];
    if peer.stream.read_exact(&mut buffer).is_ok() {
        peer.write(TOO_LARGE);
    }
}

async fn is_refused(transport: &HyperTransport, server: &Server) {
    for round in 0..ROUNDS {
        let (status, body) = ask(transport, large(server)).await.unwrap();
        assert_eq!((status.as_u16(), body.as_str()), (413, "too large"), "round {round}");
    }
    assert_eq!(server.accepted(), ROUNDS, "no connection is used again");
}

#[tokio::test]
async fn a_response_to_a_write_that_is_still_under_way_is_read() {
    for bytes in [1, 100, 10_000, 1_000_000] {
        let server = Server::start(move |peer| refuse(peer, bytes));
        is_refused(&HyperTransport::new(), &server).await;
    }
}

#[tokio::test]
async fn a_response_to_a_write_on_a_kept_connection_is_read() {
    for _ in 0..ROUNDS {
        let server = Server::start(|peer| {
            peer.request();
            peer.answer("hi");
            refuse(peer, 10_000);
        });
        let transport = HyperTransport::new();
        ask(&transport, get(&server, "/0")).await.unwrap();
        let (status, body) = ask(&transport, large(&server)).await.unwrap();
        assert_eq!((status.as_u16(), body.as_str()), (413, "too large"));
        assert_eq!(server.accepted(), 1);
    }
}

#[tokio::test]
async fn a_write_that_breaks_without_a_response_is_a_failure_after_sending() {
    for end in [Peer::reset as fn(&mut Peer), |_| {}] {
        let server = Server::start(move |peer| {
            let _ = peer.stream.read_exact(&mut [0; 10_000]);
            end(peer);
        });
        for _ in 0..ROUNDS {
            let failure = failure(&HyperTransport::new(), large(&server)).await;
            assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        }
    }
}

#[cfg(feature = "ring")]
#[tokio::test]
async fn a_response_to_a_write_over_tls_is_read() {
    use crate::certificates::{Trusted, authority};

    let authority = authority();
    for config in crate::tls::sessions::versions(&authority) {
        for bytes in [100, 100_000] {
            let server = Server::secured(config.clone(), move |peer| refuse(peer, bytes));
            is_refused(&authority.transport(), &server).await;
        }
    }
}

/// With the signal at its default, a write to a closed connection would end the process.
#[test]
fn a_closed_connection_does_not_end_a_process_with_default_signals() {
    let test = "early::a_closed_connection_does_not_end_a_process_with_default_signals";
    if std::env::var("TEST").is_err() {
        return in_a_child(test, &[("TEST", "1")]);
    }
    sigpipe::reset();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(|peer| {
            let _ = peer.stream.read_exact(&mut [0; 10_000]);
        });
        for _ in 0..ROUNDS {
            failure(&HyperTransport::new(), large(&server)).await;
        }
        #[cfg(feature = "ring")]
        secured_writes_fail().await;
    });
    // The servers have ended, too.
    thread::yield_now();
}

#[cfg(feature = "ring")]
async fn secured_writes_fail() {
    use etcd_v2_proto::proxy::Proxies;

    use crate::certificates::{Trusted, authority};

    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        let _ = peer.stream.read_exact(&mut [0; 10_000]);
    });
    // It closes in the middle of the tunnel's bytes.
    let proxy = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 Connection established\r\n\r\n");
        let _ = peer.stream.read_exact(&mut [0; 100]);
    });
    let through = || {
        let builder = HyperTransport::builder().tls(authority.tls()).unwrap();
        builder.proxies(Proxies::all(&proxy.url("")).unwrap()).build()
    };
    for _ in 0..ROUNDS {
        failure(&authority.transport(), large(&server)).await;
        failure(&through(), large(&server)).await;
    }
}
