//! The limit for the response, which counts from the ready connection, and what a new connection reports.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::proxy::Proxies;
use etcd_v2_proto::{BlockingTransport, Cause, Connected, Failure, Interrupt, Stage, Timing};
use transport_ureq::UreqTransport;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::server::{Peer, Server};
use crate::{PATIENCE, get, rest};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const SHORT: Duration = Duration::from_millis(100);
/// How long connecting takes.
const CONNECTING: Duration = Duration::from_millis(300);
/// What the slow proxy connects with its server.
const BEHIND_THE_PROXY: &str = "https://etcd.test:2379/";

/// A proxy that takes its time to connect with this server, and what says that a connection of the client has been
/// closed there.
fn slow_proxy_to(target: SocketAddr) -> (Server, mpsc::Receiver<()>) {
    let (closed, is_closed) = mpsc::channel();
    let proxy = Server::start(move |mut peer| {
        if peer.request().is_some() {
            thread::sleep(CONNECTING);
            peer.say(ESTABLISHED);
            relay(&peer, target);
            let _ = closed.send(());
        }
    });
    (proxy, is_closed)
}

/// Carries bytes both ways until the server closes.
fn relay(peer: &Peer, target: SocketAddr) {
    let mut server = TcpStream::connect(target).unwrap();
    let (mut to_server, mut from_client) =
        (server.try_clone().unwrap(), peer.stream.socket().try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut server, &mut peer.stream.socket());
    let _ = peer.stream.socket().shutdown(Shutdown::Both);
}

/// A transport that needs this long to connect, since its proxy does.
fn slow_to_connect(authority: &Authority, proxy: &Server) -> UreqTransport {
    let proxies = Proxies::all(&proxy.url("")).unwrap();
    UreqTransport::builder().proxies(proxies).tls(authority.tls()).unwrap().build()
}

/// Takes requests and never responds.
fn silent(authority: &Authority) -> Server {
    Server::secured(authority.server().unwrap(), |mut peer| {
        peer.request();
        peer.sees_close();
    })
}

/// Begins its part of the TLS handshake so much later.
fn slow_to_shake_hands(authority: &Authority, pause: Duration, response: &'static str) -> Server {
    Server::secured(authority.server().unwrap(), move |mut peer| {
        peer.stream.socket().peek(&mut [0]).unwrap();
        thread::sleep(pause);
        peer.request();
        peer.say(response);
        peer.sees_close();
    })
}

/// Limits for all that comes before the response that are never reached, and this one for the response.
fn response_within(limit: Duration) -> Timing {
    Timing::new(None, None).with_response(Some(limit))
}

/// Sends a request and reads all of the response. Returns what that says about the connection.
fn send(
    transport: &UreqTransport,
    url: &str,
    timing: Timing,
) -> Result<Option<Connected>, Failure> {
    let (_, mut body) = transport.send(get(url), timing, &Interrupt::never())?;
    assert_eq!(rest(&mut *body)?, "ok");
    Ok(body.connected())
}

fn times_out(transport: &UreqTransport, url: &str, timing: Timing, limit: Duration, stage: Stage) {
    let began = Instant::now();
    let failure = send(transport, url, timing).unwrap_err();
    let took = began.elapsed();
    assert_eq!((failure.stage(), failure.cause()), (stage, Cause::TimedOut), "{failure}");
    assert!(took >= limit, "too early: {took:?} instead of {limit:?}");
    assert!(took < limit + PATIENCE, "too late: {took:?} instead of {limit:?}");
}

#[test]
fn response_limit_counts_from_the_ready_connection() {
    let authority = authority();
    let server = silent(&authority);
    let (proxy, _) = slow_proxy_to(server.address());
    let (transport, limit) = (slow_to_connect(&authority, &proxy), 4 * CONNECTING);
    let timing = response_within(limit);
    times_out(&transport, BEHIND_THE_PROXY, timing, CONNECTING + limit, Stage::AfterSend);
    assert_eq!(server.requests(), ["GET /"]);

    // Connecting may take longer than the response.
    let server = slow_to_shake_hands(&authority, Duration::ZERO, OK);
    let (proxy, _) = slow_proxy_to(server.address());
    let timing = response_within(SHORT);
    let connected = send(&slow_to_connect(&authority, &proxy), BEHIND_THE_PROXY, timing).unwrap();
    assert!(connected.is_some());
}

#[test]
fn tls_handshake_does_not_use_up_the_response_limit() {
    let authority = authority();
    let (handshake, limit) = (CONNECTING, 6 * CONNECTING);
    let server = slow_to_shake_hands(&authority, handshake, "");
    let timing = response_within(limit);
    let transport = authority.transport();
    times_out(&transport, &server.url("/"), timing, handshake + limit, Stage::AfterSend);
    assert_eq!(server.requests(), ["GET /"]);
}

#[test]
fn slow_connecting_lengthens_the_response_limit_to_three_times_as_long() {
    let authority = authority();
    let server = silent(&authority);
    let (proxy, _) = slow_proxy_to(server.address());
    let transport = slow_to_connect(&authority, &proxy);
    for limit in [Duration::ZERO, SHORT] {
        let (timing, longer) = (response_within(limit), 3 * CONNECTING);
        times_out(&transport, BEHIND_THE_PROXY, timing, CONNECTING + longer, Stage::AfterSend);
    }
    assert_eq!(server.requests(), ["GET /"; 2]);
}

#[test]
fn slow_connecting_lengthens_the_handshake_limit_to_four_times_as_long() {
    // It does not take part in the handshake.
    let server = Server::start(|mut peer| while !peer.sees_close() {});
    let (proxy, _) = slow_proxy_to(server.address());
    let transport = slow_to_connect(&authority(), &proxy);
    let short = response_within(SHORT);
    for (timing, limit) in [
        (short, 4 * CONNECTING),
        (short.with_handshake(Some(PATIENCE)), 4 * CONNECTING),
        (response_within(5 * CONNECTING), 5 * CONNECTING),
        // As long as the caller says.
        (short.with_handshake(Some(SHORT)), SHORT),
    ] {
        times_out(&transport, BEHIND_THE_PROXY, timing, CONNECTING + limit, Stage::BeforeSend);
    }
}

#[test]
fn head_limit_bounds_connecting_handshake_and_response_together() {
    let authority = authority();
    let within = |head| Timing::new(None, Some(head));

    // While connecting.
    let proxy = Server::start(|mut peer| while !peer.sees_close() {});
    let transport = slow_to_connect(&authority, &proxy);
    for response in [Duration::ZERO, PATIENCE] {
        let timing = within(SHORT).with_response(Some(response));
        times_out(&transport, BEHIND_THE_PROXY, timing, SHORT, Stage::BeforeSend);
    }

    // While it waits for the response.
    let server = silent(&authority);
    let (proxy, _) = slow_proxy_to(server.address());
    let (transport, limit) = (slow_to_connect(&authority, &proxy), 8 * CONNECTING);
    let timing = within(limit).with_response(Some(2 * PATIENCE));
    times_out(&transport, BEHIND_THE_PROXY, timing, limit, Stage::AfterSend);

    // In the handshake.
    let server = Server::start(|mut peer| while !peer.sees_close() {});
    let url = server.url("/").replace("http://", "https://");
    let timing = within(SHORT).with_response(Some(2 * PATIENCE));
    times_out(&authority.transport(), &url, timing, SHORT, Stage::BeforeSend);
}

#[test]
fn response_limit_counts_from_the_start_on_a_reused_connection() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        peer.request();
        peer.say(OK);
        peer.request();
        peer.sees_close();
    });
    let transport = authority.transport();
    send(&transport, &server.url("/"), Timing::default()).unwrap();
    times_out(&transport, &server.url("/"), response_within(SHORT), SHORT, Stage::AfterSend);
    assert_eq!((server.accepted(), server.requests().len()), (1, 2));
}

#[test]
fn new_connection_in_place_of_a_dead_one_starts_the_response_limit_again() {
    let authority = authority();
    // It closes after each response.
    let server = Server::secured(authority.server().unwrap(), |mut peer| {
        peer.request();
        peer.say(OK);
    });
    let (proxy, is_closed) = slow_proxy_to(server.address());
    let transport = slow_to_connect(&authority, &proxy);
    for _ in 0..2 {
        let connected = send(&transport, BEHIND_THE_PROXY, response_within(SHORT)).unwrap();
        assert!(connected.unwrap().connecting >= CONNECTING);
        is_closed.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (2, 2), "nothing was sent twice");
}

#[test]
fn new_connection_reports_how_long_it_took_and_a_reused_one_does_not() {
    let (server, transport) = (Server::answering(OK), UreqTransport::new());
    let connected = send(&transport, &server.url("/"), response_within(PATIENCE)).unwrap();
    let Connected { connecting, ready, .. } = connected.unwrap();
    assert!(connecting == ready && !ready.is_zero(), "{connecting:?} {ready:?}");
    for timing in [response_within(PATIENCE), Timing::default()] {
        let connected = send(&transport, &server.url("/"), timing).unwrap();
        assert_eq!(connected, None);
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn secured_connection_reports_the_handshake_too() {
    let authority = authority();
    let server = slow_to_shake_hands(&authority, SHORT, OK);
    let (proxy, _) = slow_proxy_to(server.address());
    let transport = slow_to_connect(&authority, &proxy);
    let connected = send(&transport, BEHIND_THE_PROXY, response_within(PATIENCE)).unwrap();
    let Connected { connecting, ready, .. } = connected.unwrap();
    assert!(connecting >= CONNECTING, "{connecting:?}");
    assert!(ready >= connecting + SHORT, "{connecting:?} {ready:?}");
}
