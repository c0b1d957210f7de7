//! Time limits, on a clock that moves only when told to.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use etcd_v2_proto::{AsyncTransport, Cause, Failure, Interrupt, Stage, Timing};
use tokio::task::JoinHandle;
use transport_hyper::HyperTransport;

use crate::clock::Clock;
use crate::connectors::Never;
use crate::server::Server;
use crate::{ask, chunk, eventually, get};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::from_millis(2);

/// Takes requests and never answers.
fn silent() -> Server {
    Server::start(|peer| {
        peer.request();
        peer.drain();
    })
}

fn start(transport: &HyperTransport, server: &Server, timing: Timing) -> JoinHandle<Failure> {
    let (transport, request) = (transport.clone(), get(server, "/a"));
    tokio::spawn(async move {
        let answer = transport.send(request, timing, &Interrupt::never()).await;
        answer.map(|(head, _)| head).unwrap_err()
    })
}

async fn reaches(call: JoinHandle<Failure>, stage: Stage, limit: Duration, clock: &Clock) {
    // It has to begin before the clock moves.
    tokio::task::yield_now().await;
    clock.advance(limit - INSTANT).await;
    assert!(!call.is_finished());
    clock.advance(2 * INSTANT).await;
    let failure = call.await.unwrap();
    assert_eq!((failure.stage(), failure.cause()), (stage, Cause::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn the_head_has_its_limit() {
    let clock = Clock::hold();
    let server = silent();
    let call = start(&HyperTransport::new(), &server, Timing::new(Some(SECOND), Some(3 * SECOND)));
    eventually("the request is there", || server.requests().len() == 1).await;
    reaches(call, Stage::AfterSend, 3 * SECOND, &clock).await;
    eventually("the connection is closed", || server.closed() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn connecting_has_its_limit() {
    let clock = Clock::hold();
    let server = silent();
    let transport = HyperTransport::builder().connector(Never).build();
    for (connect, head) in [(Some(SECOND), Some(3 * SECOND)), (Some(SECOND), None)] {
        let call = start(&transport, &server, Timing::new(connect, head));
        reaches(call, Stage::BeforeSend, SECOND, &clock).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_head_covers_connecting() {
    let clock = Clock::hold();
    let server = silent();
    let transport = HyperTransport::builder().connector(Never).build();
    for (connect, head) in [(None, Some(SECOND)), (Some(3 * SECOND), Some(SECOND))] {
        let call = start(&transport, &server, Timing::new(connect, head));
        reaches(call, Stage::BeforeSend, SECOND, &clock).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_given_up() {
    let clock = Clock::hold();
    let (server, transport) = (silent(), HyperTransport::new());
    let connecting = HyperTransport::builder().connector(Never).build();
    let waiting = start(&transport, &server, Timing::default());
    let other = start(&connecting, &server, Timing::default());
    eventually("the request is there", || server.requests().len() == 1).await;
    clock.advance(Duration::from_secs(1_000_000)).await;
    assert!(!waiting.is_finished() && !other.is_finished());
    waiting.abort();
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn limits_beyond_all_clocks_are_no_limits() {
    let clock = Clock::hold();
    let (server, transport) = (silent(), HyperTransport::new());
    let call = start(&transport, &server, Timing::new(Some(Duration::MAX), Some(Duration::MAX)));
    eventually("the request is there", || server.requests().len() == 1).await;
    clock.advance(Duration::from_secs(1_000_000)).await;
    assert!(!call.is_finished());
    call.abort();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn connecting_over_tcp_has_its_limit() {
    // A listener with a full queue does not answer any more.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _queue: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, 50 * INSTANT)).collect();

    let request =
        http::Request::get(format!("http://{address}/")).body(bytes::Bytes::new()).unwrap();
    let timing = Timing::new(Some(10 * INSTANT), Some(5 * SECOND));
    let started = std::time::Instant::now();
    let failure = HyperTransport::new()
        .send(request, timing, &Interrupt::never())
        .await
        .map(|(head, _)| head)
        .unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
    assert!(failure.to_string().starts_with("timed out while connecting"), "{failure}");
    assert!(started.elapsed() < 4 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn each_piece_of_a_body_has_the_whole_limit_and_silence_ends_it() {
    let clock = Clock::hold();
    let (say, script) = mpsc::channel::<&str>();
    let script = Mutex::new(script);
    let server = Server::start(move |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for piece in script.lock().unwrap().iter() {
            peer.write(piece);
        }
        peer.drain();
    });
    let transport = HyperTransport::new();
    let timing = Timing::new(None, Some(SECOND));
    let (_, mut body) =
        transport.send(get(&server, "/a"), timing, &Interrupt::never()).await.unwrap();

    let pieces = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&pieces);
    let reader = tokio::spawn(async move {
        loop {
            match chunk(&mut body, Some(SECOND)).await {
                Ok(Some(piece)) => heard.lock().unwrap().push(piece),
                end => return (end, body),
            }
        }
    });
    for number in 1..5 {
        clock.advance(SECOND - INSTANT).await;
        assert!(!reader.is_finished());
        say.send("1\r\nx\r\n").unwrap();
        eventually("the piece is there", || pieces.lock().unwrap().len() == number).await;
    }
    clock.advance(SECOND - INSTANT).await;
    assert!(!reader.is_finished());
    clock.advance(2 * INSTANT).await;
    let (end, body) = reader.await.unwrap();
    let failure = end.unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
    drop((body, say));
    eventually("the connection is closed", || server.closed() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_counted_from_the_first_time_of_asking() {
    let clock = Clock::hold();
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.drain();
    });
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let (_, mut body) =
        transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
    assert!(crate::poll_once(chunk(&mut body, None)).is_none());
    clock.advance(100 * SECOND).await;
    assert!(crate::poll_once(chunk(&mut body, Some(2 * SECOND))).is_none());
    clock.advance(SECOND).await;
    assert!(crate::poll_once(chunk(&mut body, Some(SECOND))).is_none());
    clock.advance(SECOND).await;
    let failure = crate::poll_once(chunk(&mut body, Some(INSTANT))).unwrap().unwrap_err();
    assert_eq!(failure.cause(), Cause::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn sleeping_takes_as_long_as_it_was_told() {
    let clock = Clock::hold();
    let transport = HyperTransport::new();
    let before = transport.now();
    let sleeper = tokio::spawn({
        let transport = transport.clone();
        async move { transport.sleep(SECOND, &Interrupt::never()).await }
    });
    tokio::task::yield_now().await;
    clock.advance(SECOND - INSTANT).await;
    assert!(!sleeper.is_finished());
    clock.advance(2 * INSTANT).await;
    sleeper.await.unwrap().unwrap();
    assert!(transport.now() - before >= SECOND);
}

#[tokio::test]
async fn an_answer_in_time_is_not_disturbed_by_limits() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    for _ in 0..20 {
        let timing = Timing::new(Some(5 * SECOND), Some(5 * SECOND));
        let never = Interrupt::never();
        let (_, mut body) = transport.send(get(&server, "/a"), timing, &never).await.unwrap();
        assert_eq!(chunk(&mut body, Some(5 * SECOND)).await.unwrap().unwrap(), "/a");
        assert!(chunk(&mut body, Some(5 * SECOND)).await.unwrap().is_none());
    }
    ask(&transport, get(&server, "/a")).await.unwrap();
    assert_eq!(server.accepted(), 1);
}
