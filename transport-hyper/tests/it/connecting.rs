//! Finding the server.

use std::error::Error;
use std::net::TcpListener;

use bytes::Bytes;
use etcd_v2_proto::{Cause, Failure, Stage};
use http::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use transport_hyper::{HyperTransport, TcpConnector};

use crate::ask;
use crate::server::Server;

async fn ask_at(origin: &str) -> Result<String, Failure> {
    let request = Request::get(format!("{origin}/a")).header("Host", "any").body(Bytes::new());
    ask(&HyperTransport::new(), request.unwrap()).await.map(|(_, text)| text)
}

async fn refused_at(origin: &str) -> Failure {
    let failure = ask_at(origin).await.unwrap_err();
    let hopeless = origin.starts_with("https://");
    let cause = if hopeless { Cause::Unsupported } else { Cause::Broken };
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
    failure
}

#[tokio::test]
async fn a_refused_connection_is_told_in_the_words_of_the_system() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let failure = refused_at(&format!("http://{host}:{port}")).await;
        if cfg!(target_os = "linux") {
            let told = "could not connect: Connection refused (os error 111)";
            assert_eq!(failure.to_string(), told);
        }
        let source = failure.source().unwrap().downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failure_before_sending() {
    refused_at("http://name.invalid:2379").await;
}

#[tokio::test]
#[cfg(not(feature = "tls"))]
async fn https_is_refused_by_a_transport_without_tls() {
    let failure = refused_at("https://127.0.0.1:2379").await;
    let text = "could not connect: this transport was built without TLS, so https cannot be used";
    assert_eq!(failure.to_string(), text);
}

#[tokio::test]
async fn https_is_refused_by_a_connector_that_is_wrongly_said_to_speak_tls() {
    let builder = HyperTransport::builder().connector_with_tls(TcpConnector::new());
    let request = Request::get("https://127.0.0.1:2379/").body(Bytes::new()).unwrap();
    let failure = ask(&builder.build(), request).await.unwrap_err();
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert_eq!(failure.to_string(), "could not connect: https needs a connector that speaks TLS");
}

#[tokio::test]
async fn other_schemes_are_refused() {
    let failure = refused_at("unix://a:1").await;
    assert_eq!(failure.to_string(), "could not connect: the scheme unix is not supported");
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried() {
    // Where the name means ::1 as well, nobody listens there.
    let server = Server::echo();
    let origin = format!("http://localhost:{}", server.address.port());
    assert_eq!(ask_at(&origin).await.unwrap(), "/a");
}

#[tokio::test]
async fn an_ipv6_literal_is_an_address() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: this machine has no IPv6");
        return;
    };
    let server = Server::on(listener, |peer| {
        peer.request();
        peer.answer("six");
        peer.drain();
    });
    let origin = format!("http://[::1]:{}", server.address.port());
    assert_eq!(ask_at(&origin).await.unwrap(), "six");
}

#[tokio::test]
async fn connections_are_probed_and_do_not_delay() {
    use std::time::Duration;
    use tower_service::Service;

    let server = Server::echo();
    let connect = async |mut connector: TcpConnector| -> TokioIo<TcpStream> {
        let uri = format!("http://{}/", server.address).parse().unwrap();
        connector.call(uri).await.unwrap()
    };
    let stream = connect(TcpConnector::new()).await;
    assert!(stream.inner().nodelay().unwrap());
    let socket = socket2::SockRef::from(stream.inner());
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(
        (
            socket.tcp_keepalive_time().unwrap(),
            socket.tcp_keepalive_interval().unwrap(),
            socket.tcp_keepalive_retries().unwrap()
        ),
        (Duration::from_secs(30), Duration::from_secs(10), 3)
    );

    let often =
        TcpConnector::new().tcp_keep_alive(Duration::from_secs(5), Duration::from_secs(1), 2);
    let stream = connect(often).await;
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket2::SockRef::from(stream.inner()).tcp_keepalive_time().unwrap(),
        Duration::from_secs(5)
    );
    assert!(stream.inner().nodelay().unwrap());

    let stream = connect(TcpConnector::new().no_tcp_keep_alive()).await;
    assert!(!socket2::SockRef::from(stream.inner()).keepalive().unwrap());
}

// Other systems do not tell.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_are_probed_as_the_builder_says() {
    use crate::{eventually, get, tasks};

    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
    let server = Server::echo();
    for (builder, expected) in [
        (HyperTransport::builder(), Some(0..=30)),
        (HyperTransport::builder().tcp_keep_alive(HOUR, HOUR, 9), Some(3000..=3600)),
        (HyperTransport::builder().no_tcp_keep_alive(), None),
    ] {
        let transport = builder.build();
        ask(&transport, get(&server, "/a")).await.unwrap();
        eventually("the next probe is due as expected", || match &expected {
            Some(range) => {
                next_probe(server.address.port()).is_some_and(|left| range.contains(&left))
            }
            None => next_probe(server.address.port()).is_none(),
        })
        .await;
        drop(transport);
        tasks(0).await;
    }
}

/// After how many seconds the system probes the only connection to this port, if it will.
#[cfg(target_os = "linux")]
fn next_probe(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let peer = format!("0100007F:{port:04X}");
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // State 1 is an open connection.
    let row = rows.find(|row| row[2] == peer && row[3] == "01").unwrap();
    // Timer 2 is that of keep-alive; its time is in hundredths of a second.
    let left = row[5].strip_prefix("02:")?;
    Some(u64::from_str_radix(left, 16).unwrap() / 100)
}

/// Connects by way of the connector, as one of an application does that is built on it.
#[derive(Clone)]
#[cfg(target_os = "linux")]
struct Wrapping(TcpConnector);

#[cfg(target_os = "linux")]
impl tower_service::Service<http::Uri> for Wrapping {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = transport_hyper::Connecting;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        self.0.call(uri)
    }
}

/// A server that reads nothing of a request for longer than the user timeout, while its system acknowledges every
/// probe; its receive buffer has this size, or that of the system.
#[cfg(target_os = "linux")]
fn slow_to_read(buffer: Option<usize>) -> Server {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer).unwrap();
    }
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(16).unwrap();
    Server::on(socket.into(), |peer| {
        std::thread::sleep(std::time::Duration::from_secs(5));
        peer.request();
        peer.answer("done");
        peer.drain();
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_is_slow_to_read_a_large_request_is_not_given_up() {
    let builders = [
        HyperTransport::builder(),
        HyperTransport::builder().connector(Wrapping(TcpConnector::new())),
    ];
    let mut calls = Vec::new();
    for builder in builders {
        let transport = builder.build();
        for (length, buffer) in [(8 << 20, None), (200 << 10, Some(4096)), (20 << 10, Some(4096))] {
            let (transport, server) = (transport.clone(), slow_to_read(buffer));
            let body = Bytes::from(vec![b'x'; length]);
            let request = Request::put(server.url("/a")).header("Host", "any").body(body).unwrap();
            calls.push(tokio::spawn(async move {
                let answer = ask(&transport, request).await;
                (length, answer.map(|(_, text)| text), server)
            }));
        }
    }
    for call in calls {
        let (length, answer, _server) = call.await.unwrap();
        assert_eq!(answer.unwrap(), "done", "{length} bytes");
    }
}
