//! The limit for the response, which counts from the ready connection, and what a new connection reports.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{AsyncTransport, Cause, Connected, Failure, Interrupt, Stage, Timing};
use http::Request;
use tokio::task::JoinHandle;
use transport_hyper::HyperTransport;

use crate::certificates::{Trusted, authority};
use crate::clock::Clock;
use crate::connectors::{Mortal, Noting, Slow, Terminating};
use crate::server::Server;
use crate::{PATIENCE, ask, eventually, get, get_at, rest};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::from_millis(2);
/// How long connecting takes.
const CONNECTING: Duration = Duration::from_secs(2);

/// Takes requests and never responds.
fn silent() -> Server {
    Server::start(|peer| {
        peer.request();
        peer.drain();
    })
}

/// Responds to the first request on each connection, and to no other.
fn silent_after_one() -> Server {
    Server::start(|peer| {
        peer.request();
        peer.answer("ok");
        peer.request();
        peer.drain();
    })
}

/// A server that begins its part of the TLS handshake when it is told to, and then does not respond; and what says
/// that the handshake of the client has begun.
fn slow_to_shake_hands(
    authority: &xtask::certificates::Authority,
    response: &'static str,
) -> (Server, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let ((begun, has_begun), (go, may_go)) = (mpsc::channel(), mpsc::channel::<()>());
    let may_go = Mutex::new(may_go);
    let server = Server::secured(authority.server().unwrap(), move |peer| {
        peer.stream.socket().peek(&mut [0]).unwrap();
        begun.send(()).unwrap();
        may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        peer.request();
        peer.write(response);
        peer.drain();
    });
    (server, go, has_begun)
}

fn slow_to_connect() -> HyperTransport {
    let tls = authority().tls();
    HyperTransport::builder().connector(Slow(CONNECTING)).tls(tls).unwrap().build()
}

/// Limits for all that comes before the response that are never reached, and this one for the response.
fn response_within(limit: Duration) -> Timing {
    Timing::new(None, None).with_response(Some(limit))
}

/// A call, and what its response says about the connection.
type Call = JoinHandle<Result<Option<Connected>, Failure>>;

/// Begins to send a request.
async fn start(transport: &HyperTransport, request: Request<Bytes>, timing: Timing) -> Call {
    let transport = transport.clone();
    let call = tokio::spawn(async move {
        let (_, mut body) = transport.send(request, timing, &Interrupt::never()).await?;
        let connected = body.connected();
        rest(&mut body).await?;
        Ok(connected)
    });
    // It has to begin before the clock moves.
    tokio::task::yield_now().await;
    call
}

/// Begins to send a request on a new connection, and lets it connect.
async fn start_and_connect(
    clock: &Clock,
    transport: &HyperTransport,
    request: Request<Bytes>,
    timing: Timing,
) -> Call {
    let call = start(transport, request, timing).await;
    clock.advance(CONNECTING).await;
    call
}

async fn times_out(clock: &Clock, call: Call, limit: Duration, stage: Stage) {
    clock.advance(limit - INSTANT).await;
    assert!(!call.is_finished(), "earlier than after {limit:?}");
    clock.advance(2 * INSTANT).await;
    let failure = call.await.unwrap().unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (stage, Cause::TimedOut), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn response_limit_counts_from_the_ready_connection() {
    let clock = Clock::hold();
    let (server, transport) = (silent(), slow_to_connect());
    let timing = response_within(9 * SECOND);
    let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
    eventually("the request is there", || server.requests().len() == 1).await;
    times_out(&clock, call, 9 * SECOND, Stage::AfterSend).await;

    // Connecting may take longer than the response.
    let (server, transport) = (silent_after_one(), slow_to_connect());
    let timing = response_within(SECOND / 10);
    let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
    assert!(call.await.unwrap().unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn tls_handshake_does_not_use_up_the_response_limit() {
    let clock = Clock::hold();
    let authority = authority();
    let (server, go, has_begun) = slow_to_shake_hands(&authority, "");
    let timing = response_within(5 * SECOND);
    let call = start(&authority.transport(), get(&server, "/"), timing).await;
    eventually("the handshake has begun", || has_begun.try_recv().is_ok()).await;
    clock.advance(4 * SECOND).await;
    go.send(()).unwrap();
    eventually("the request is there", || server.requests().len() == 1).await;
    times_out(&clock, call, 5 * SECOND, Stage::AfterSend).await;
}

#[tokio::test(start_paused = true)]
async fn slow_connecting_lengthens_the_response_limit_to_three_times_as_long() {
    let clock = Clock::hold();
    let (server, transport) = (silent(), slow_to_connect());
    for (number, limit) in [Duration::ZERO, SECOND, 5 * SECOND].into_iter().enumerate() {
        let timing = response_within(limit);
        let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
        eventually("the request is there", || server.requests().len() == number + 1).await;
        times_out(&clock, call, 3 * CONNECTING, Stage::AfterSend).await;
    }
}

#[tokio::test(start_paused = true)]
async fn slow_connecting_lengthens_the_handshake_limit_to_four_times_as_long() {
    let clock = Clock::hold();
    let (begun, has_begun) = mpsc::channel();
    let server = Server::start(move |peer| {
        peer.read_once();
        begun.send(()).unwrap();
        peer.drain();
    });
    let transport = slow_to_connect();
    let (short, long) = (response_within(SECOND), response_within(9 * SECOND));
    for (timing, limit) in [
        (short, 4 * CONNECTING),
        (short.with_handshake(Some(9 * SECOND)), 4 * CONNECTING),
        (long, 9 * SECOND),
        // These two are as long as the caller says.
        (short.with_handshake(Some(3 * SECOND)), 3 * SECOND),
        (Timing::new(None, None).with_handshake(Some(20 * SECOND)), 20 * SECOND),
    ] {
        let request = get_at(&server.url_by("https", "/"));
        let call = start_and_connect(&clock, &transport, request, timing).await;
        eventually("the handshake has begun", || has_begun.try_recv().is_ok()).await;
        times_out(&clock, call, limit, Stage::BeforeSend).await;
    }
}

#[tokio::test(start_paused = true)]
async fn head_limit_bounds_connecting_handshake_and_response_together() {
    let clock = Clock::hold();
    let (server, transport) = (silent(), slow_to_connect());
    let within = |head| Timing::new(None, Some(head));

    // While connecting.
    for response in [SECOND / 10, 9 * SECOND] {
        let timing = within(SECOND).with_response(Some(response));
        let call = start(&transport, get(&server, "/"), timing).await;
        times_out(&clock, call, SECOND, Stage::BeforeSend).await;
    }
    assert_eq!(server.accepted(), 0);

    // While it waits for the response.
    for (number, response) in [SECOND / 10, 9 * SECOND].into_iter().enumerate() {
        let timing = within(CONNECTING + SECOND).with_response(Some(response));
        let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
        eventually("the request is there", || server.requests().len() == number + 1).await;
        times_out(&clock, call, SECOND, Stage::AfterSend).await;
    }

    // In the handshake.
    let authority = authority();
    let (server, _go, has_begun) = slow_to_shake_hands(&authority, "");
    let timing = within(3 * SECOND).with_response(Some(9 * SECOND));
    let call = start(&authority.transport(), get(&server, "/"), timing).await;
    eventually("the handshake has begun", || has_begun.try_recv().is_ok()).await;
    times_out(&clock, call, 3 * SECOND, Stage::BeforeSend).await;
}

#[tokio::test(start_paused = true)]
async fn response_limit_counts_from_the_start_on_a_reused_connection() {
    let clock = Clock::hold();
    let (server, transport) = (silent_after_one(), slow_to_connect());
    let timing = response_within(SECOND);
    let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
    assert!(call.await.unwrap().unwrap().is_some());
    let call = start(&transport, get(&server, "/"), timing).await;
    eventually("the request is there", || server.requests().len() == 2).await;
    times_out(&clock, call, SECOND, Stage::AfterSend).await;
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(start_paused = true)]
async fn new_connection_in_place_of_a_dead_one_starts_the_response_limit_again() {
    let clock = Clock::hold();
    let server = silent_after_one();
    let connector = Mortal { pause: CONNECTING, ..Mortal::default() };
    let transport = HyperTransport::builder().connector(connector.clone()).build();
    let timing = response_within(SECOND / 10);
    let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
    call.await.unwrap().unwrap();

    // It dies after the look that comes before it is used.
    connector.unnoticed.store(1, Ordering::SeqCst);
    connector.are_dead.store(true, Ordering::SeqCst);
    let call = start(&transport, get(&server, "/"), timing).await;
    eventually("a new one is made", || connector.begun.load(Ordering::SeqCst) == 2).await;
    connector.are_dead.store(false, Ordering::SeqCst);
    clock.advance(CONNECTING).await;
    let connected = call.await.unwrap().unwrap().unwrap();
    assert!(connected.connecting >= CONNECTING);
    assert_eq!((server.accepted(), server.requests().len()), (2, 2), "nothing was sent twice");
}

#[tokio::test(start_paused = true)]
async fn new_connection_reports_how_long_it_took_and_a_reused_one_does_not() {
    let clock = Clock::hold();
    let (server, transport) = (Server::echo(), slow_to_connect());
    let call =
        start_and_connect(&clock, &transport, get(&server, "/"), response_within(SECOND)).await;
    let Connected { connecting, ready, .. } = call.await.unwrap().unwrap().unwrap();
    assert!((CONNECTING..CONNECTING + SECOND).contains(&connecting), "{connecting:?}");
    assert_eq!(ready, connecting);
    for timing in [response_within(SECOND), Timing::default()] {
        let call = start(&transport, get(&server, "/"), timing).await;
        assert_eq!(call.await.unwrap().unwrap(), None);
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test(start_paused = true)]
async fn secured_connection_reports_the_handshake_too() {
    let clock = Clock::hold();
    let authority = authority();
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (server, go, has_begun) = slow_to_shake_hands(&authority, response);
    let builder = HyperTransport::builder().connector(Slow(CONNECTING));
    let transport = builder.tls(authority.tls()).unwrap().build();
    let timing = response_within(5 * SECOND);
    let call = start_and_connect(&clock, &transport, get(&server, "/"), timing).await;
    eventually("the handshake has begun", || has_begun.try_recv().is_ok()).await;
    clock.advance(3 * SECOND).await;
    go.send(()).unwrap();
    let Connected { connecting, ready, .. } = call.await.unwrap().unwrap().unwrap();
    assert!((CONNECTING..CONNECTING + SECOND).contains(&connecting), "{connecting:?}");
    assert!(ready >= connecting + 3 * SECOND, "{ready:?}");
}

#[tokio::test]
async fn connector_that_does_tls_itself_reports_all_as_connecting() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
        }
    });
    let config = authority.tls().client_config().unwrap();
    let connector = Terminating { tcp: Noting::default(), config: Arc::clone(&config) };
    let transport = HyperTransport::builder().connector_with_tls(connector).build();
    let never = Interrupt::never();
    let (_, mut body) = transport.send(get(&server, "/"), Timing::default(), &never).await.unwrap();
    let Connected { connecting, ready, .. } = body.connected().unwrap();
    assert!(connecting == ready && !ready.is_zero(), "{connecting:?} {ready:?}");
    rest(&mut body).await.unwrap();
    ask(&transport, get(&server, "/")).await.unwrap();
    assert_eq!(server.accepted(), 1);
}
