//! Ways to a server, and failures on them.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage, Timing};
use socket2::{Domain, Socket, Type};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{PATIENCE, ask, failure, get, put};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(60);

/// An address at which connecting takes forever: a listener that accepts nothing, its queue full.
struct Deaf {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Deaf {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queue.push(stream);
        }
        Self { address, _listener: listener, _queue: queue }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

#[test]
fn connect_limit_is_before_sending_and_within_the_head_limit() {
    let deaf = Deaf::new();
    let transport = UreqTransport::new();
    for timing in [
        Timing::new(Some(SHORT), None),
        Timing::new(Some(SHORT), Some(PATIENCE)),
        Timing::new(Some(PATIENCE), Some(SHORT)),
        Timing::new(None, Some(SHORT)),
    ] {
        let began = Instant::now();
        let result = transport.send(put(&deaf.url(), "v"), timing, &Interrupt::never());
        let failure = result.err().unwrap();
        let took = began.elapsed();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
        assert!(failure.to_string().starts_with("timed out while connecting"), "{failure}");
        assert!((SHORT..PATIENCE / 2).contains(&took), "{took:?}");
    }
}

#[test]
fn interrupt_used_while_connecting_counts_when_the_limit_is_reached() {
    let deaf = Deaf::new();
    for (way, cause) in
        [(Interrupt::stop as fn(&Interrupt), Cause::Stopped), (Interrupt::leave, Cause::Left)]
    {
        let interrupt = Interrupt::new();
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(SHORT / 4);
                way(&interrupt);
            });
            // Long enough for the other thread to get its turn on a busy machine.
            let timing = Timing::new(Some(10 * SHORT), None);
            UreqTransport::new().send(get(&deaf.url()), timing, &interrupt)
        });
        let failure = result.err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
        assert_eq!(interrupt.take().is_some(), cause == Cause::Stopped);
    }
}

#[test]
fn refused_connection_is_before_sending_in_the_words_of_the_system() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failure = failure(&UreqTransport::new(), put(&format!("http://{address}/"), "v"));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    let text = failure.to_string();
    assert!(text.starts_with("could not connect: Connection refused (os error"), "{text}");
    let source = failure.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn localhost_means_whichever_of_its_addresses_answers() {
    let server = Server::answering(OK);
    let port = server.address().port();
    let transport = UreqTransport::new();
    for timing in [crate::patient(), Timing::default()] {
        let request = get(&format!("http://localhost:{port}/"));
        let result = transport.send(request, timing, &Interrupt::never());
        assert_eq!(result.unwrap().0.status, 200);
    }
}

#[test]
fn ipv6_addresses_need_no_name() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: there is no IPv6 loopback here");
        return;
    };
    let server = Server::on(listener, |mut peer| {
        peer.request();
        peer.say(OK);
    });
    let url = server.url("/");
    assert!(url.starts_with("http://[::1]:"), "{url}");
    assert_eq!(ask(&UreqTransport::new(), get(&url)).unwrap().1, "ok");
}

#[test]
fn name_without_an_address_is_before_sending() {
    let failure = failure(&UreqTransport::new(), get("http://no-such-host.invalid:2379/"));
    assert_eq!(failure.stage(), Stage::BeforeSend);
    println!("{failure}");
}

#[test]
#[cfg(not(feature = "tls"))]
fn https_says_that_there_is_no_tls_and_asks_nobody() {
    let server = Server::answering(OK);
    let url = server.url("/").replace("http://", "https://");
    let failure = failure(&UreqTransport::new(), get(&url));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Unsupported));
    let text = "could not connect: this transport was built without TLS, so https cannot be used";
    assert_eq!(failure.to_string(), text);
    assert_eq!(server.accepted(), 0);
}
