//! Connecting with a resolver, a clock and addresses that the tests control.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{AsyncTransport, Cause, Interrupt, Stage, Timing};
use http::Request;
#[cfg(target_os = "linux")]
use http::Uri;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout};
#[cfg(target_os = "linux")]
use tower_service::Service;

use crate::HyperTransport;
use crate::tcp::race::race;
#[cfg(target_os = "linux")]
use crate::tcp::race::{connect, refuse_itself};
use crate::tcp::{Resolver, TcpConnector};

const LONG: Duration = Duration::from_secs(60);

impl TcpConnector {
    fn with_resolver(mut self, resolver: &Arc<Resolver>) -> Self {
        self.resolver = Some(Arc::clone(resolver));
        self
    }
}

/// A resolver that notes the hosts it looks up; the lookups of names that begin with `hang` end when the sender is
/// dropped.
fn hanging(found: SocketAddr) -> (Arc<Resolver>, Arc<Mutex<Vec<String>>>, Sender<()>) {
    let (release, released): (Sender<()>, Receiver<()>) = channel();
    let hosts = Arc::<Mutex<Vec<String>>>::default();
    let (released, noted) = (Mutex::new(released), Arc::clone(&hosts));
    let resolver = Resolver::new(move |host| {
        noted.lock().unwrap().push(host.to_owned());
        if host.starts_with("hang") {
            let _ = released.lock().unwrap().recv();
        }
        Ok(vec![found])
    });
    (resolver, hosts, release)
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address that answers nothing, as long as the sockets are kept.
#[cfg(target_os = "linux")]
fn silent(address: SocketAddr) -> (impl Sized, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // When the queue is full, further connections are ignored.
    let brief = Duration::from_millis(50);
    let queue: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, brief)).collect();
    ((socket, queue), address)
}

/// A runtime whose threads for blocking work are few, as if the application used the others.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn lookups_that_hang_are_joined_and_leave_the_threads_of_the_runtime_alone() {
    let (_open, open) = listener();
    let (resolver, hosts, release) = hanging(open);
    let mut builder = HyperTransport::builder().no_proxy();
    builder = builder.connector(TcpConnector::new().with_resolver(&resolver));
    let transport = builder.build();
    runtime().block_on(async {
        for _round in 0..3 {
            let calls: Vec<_> = (0..200)
                .map(|number| {
                    let (transport, host) = (transport.clone(), number % 2);
                    tokio::spawn(async move {
                        let url = format!("http://hang{host}.test:{}/a", open.port());
                        let request = Request::get(url).body(Bytes::new()).unwrap();
                        let timing = Timing::new(Some(Duration::from_millis(200)), None);
                        let result = transport.send(request, timing, &Interrupt::never()).await;
                        result.map(|(head, _)| head.status).unwrap_err()
                    })
                })
                .collect();
            let work = tokio::task::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
            timeout(LONG, work).await.unwrap().unwrap().unwrap();
            for call in calls {
                let failure = call.await.unwrap();
                assert_eq!(
                    (failure.stage(), failure.cause()),
                    (Stage::BeforeSend, Cause::TimedOut)
                );
            }
        }
        let mut looked_up = hosts.lock().unwrap().clone();
        looked_up.sort();
        assert_eq!(looked_up, ["hang0.test", "hang1.test"]);

        let waiting: Vec<_> = (0..200)
            .map(|number| {
                let resolver = Arc::clone(&resolver);
                tokio::spawn(async move {
                    resolver.resolve(&format!("hang{}.test", number % 2), 7).await
                })
            })
            .collect();
        tokio::task::yield_now().await;
        drop(release);
        let expected = SocketAddr::new(open.ip(), 7);
        for call in waiting {
            assert_eq!(timeout(LONG, call).await.unwrap().unwrap().unwrap(), [expected]);
        }
    });
}

#[tokio::test]
async fn hosts_whose_lookup_hangs_do_not_hold_up_another_host_for_ever() {
    let (_open, open) = listener();
    let (resolver, hosts, release) = hanging(open);
    let mut waiting = Vec::new();
    for number in 0..20 {
        let resolver = Arc::clone(&resolver);
        let host = format!("hang{number}.test");
        waiting.push(tokio::spawn(async move { resolver.resolve(&host, 7).await }));
    }
    tokio::task::yield_now().await;
    assert!(timeout(LONG, resolver.resolve("good.test", 7)).await.unwrap().is_ok());
    drop(release);
    for call in waiting {
        assert!(timeout(LONG, call).await.unwrap().unwrap().is_ok());
    }
    let mut looked_up = hosts.lock().unwrap().clone();
    looked_up.sort();
    looked_up.dedup();
    assert_eq!(looked_up.len(), hosts.lock().unwrap().len(), "once each");
}

#[tokio::test]
async fn a_host_that_no_caller_waits_for_any_more_is_not_looked_up() {
    let (_open, open) = listener();
    let (resolver, hosts, release) = hanging(open);
    // These use all the threads.
    let mut waiting = Vec::new();
    for number in 0..4 {
        let resolver = Arc::clone(&resolver);
        let host = format!("hang{number}.test");
        waiting.push(tokio::spawn(async move { resolver.resolve(&host, 7).await }));
    }
    while hosts.lock().unwrap().len() < 4 {
        tokio::task::yield_now().await;
    }
    for number in 0..1000 {
        let host = format!("left{number}.test");
        let mut lookup = Box::pin(resolver.resolve(&host, 7));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(lookup.as_mut().poll(&mut context).is_pending());
    }
    drop(release);
    for call in waiting {
        call.await.unwrap().unwrap();
    }
    assert!(hosts.lock().unwrap().len() < 10, "{:?}", hosts.lock().unwrap());
}

#[tokio::test]
async fn a_failed_lookup_keeps_its_kind_and_its_words() {
    let resolver = Resolver::new(|_| Err(io::Error::new(io::ErrorKind::NotFound, "no such name")));
    for _ in 0..2 {
        let failure = resolver.resolve("a.test", 7).await.unwrap_err();
        assert_eq!(
            (failure.kind(), &*failure.to_string()),
            (io::ErrorKind::NotFound, "no such name")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_the_next_address_is_tried_at_once() {
    let (_, closed) = listener();
    let (_open, open) = listener();
    let started = Instant::now();
    let (stream, address) = race(vec![closed, open, closed], None).await.unwrap();
    assert_eq!((stream.peer_addr().unwrap(), address), (open, open));
    assert!(started.elapsed() < Duration::from_millis(250));
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_good_address_behind_silent_ones_is_reached_within_the_limit() {
    let (_silent, silent) = silent((Ipv4Addr::LOCALHOST, 0).into());
    let (_, closed) = listener();
    let second = Duration::from_secs(1);
    for (limit, within) in [
        (None, second),
        (Some(second), second),
        (Some(second / 5), second / 5),
        (Some(second * 60), second * 60),
    ] {
        // Its queue has room for the connections of one limit.
        let (_open, open) = listener();
        for count in 0..=10 {
            for refusals in [0, 1, 3] {
                let mut addresses = vec![silent; count];
                addresses.extend(vec![closed; refusals]);
                addresses.push(open);
                let started = Instant::now();
                let (_, address) = race(addresses, limit).await.unwrap();
                assert_eq!(address, open);
                let elapsed = started.elapsed();
                assert!(elapsed < within * 3 / 4, "{count} silent: {elapsed:?} of {limit:?}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_address_that_worked_is_tried_first_next_time() {
    let (_open, open) = listener();
    // The port of the URI is that of all addresses.
    let (_silent, other) = silent((Ipv4Addr::new(127, 0, 0, 2), open.port()).into());
    let resolver = Resolver::new(move |_| Ok(vec![other, other, other, open]));
    let mut connector = TcpConnector::new().with_resolver(&resolver).within(Some(LONG));
    let uri: Uri = format!("http://several.test:{}/", open.port()).parse().unwrap();
    let stream = timeout(LONG, connector.call(uri.clone())).await.unwrap().unwrap();
    assert_eq!(stream.inner().peer_addr().unwrap(), open);
    // From here on the clock stands still: no other address gets its turn.
    tokio::time::pause();
    let (_hold, held) = channel::<()>();
    let _held = tokio::task::spawn_blocking(move || held.recv());
    for _ in 0..3 {
        let stream = connector.call(uri.clone()).await.unwrap();
        assert_eq!(stream.inner().peer_addr().unwrap(), open);
    }
}

#[tokio::test]
async fn the_last_failure_is_reported() {
    let (_, closed) = listener();
    let failure = race(vec![closed, closed], None).await.unwrap_err();
    assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
    let failure = race(Vec::new(), None).await.unwrap_err();
    assert_eq!(failure.to_string(), "the name has no address");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_socket_that_was_connected_to_itself_counts_as_refused() {
    for host in ["127.0.0.1:0", "127.0.0.7:0", "[::1]:0"] {
        let Ok(socket) = TcpListener::bind(host) else { continue };
        let address = socket.local_addr().unwrap();
        drop(socket);
        // What the system does by itself when it happens to choose this port.
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
        };
        let socket = socket.unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let stream = socket.connect(address).await.unwrap();
        let failure = refuse_itself(stream).unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        assert!(failure.to_string().contains("nothing listens there"), "{failure}");
        // The port is free at once, even for a server that does not set SO_REUSEADDR.
        let server = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        server.bind(&address.into()).unwrap();
    }
    let (_open, open) = listener();
    assert!(connect(open).await.is_ok());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_good_address_behind_silent_ones_is_reached_within_the_limit_of_the_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let (_silent, silent) = silent(([127, 0, 0, 2], good.port()).into());
    // All the time that the machine may take to be in time once.
    for attempt in 0.. {
        assert!(attempt < 50, "the good address was never reached");
        let host = format!("behind{attempt}.test");
        let resolver = Resolver::new(move |_| Ok([[silent; 14].as_slice(), &[good]].concat()));
        let mut builder = HyperTransport::builder().no_proxy();
        builder.tcp = builder.tcp.with_resolver(&resolver);
        let url = format!("http://{host}:{}/", good.port());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let limit = Some(Duration::from_millis(400));
        let timing = Timing::new(limit, Some(Duration::from_millis(600)));
        let transport = builder.build();
        let result = transport.send(request, timing, &Interrupt::never()).await;
        let failure = result.map(|(head, _)| head).unwrap_err();
        assert_eq!(failure.cause(), Cause::TimedOut);
        // Then it is the answer that does not come.
        if failure.stage() == Stage::AfterSend {
            return;
        }
    }
}
