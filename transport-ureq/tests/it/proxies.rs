//! Requests that go through a proxy, and those that do not.

#[cfg(feature = "ring")]
pub(crate) mod tunnels;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use etcd_v2_proto::proxy::Proxies;
use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage, Timing};
use transport_ureq::UreqTransport;

use crate::server::Server;
use crate::{PATIENCE, ask, failure, get, in_a_child, put};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(60);

/// A transport whose environment has these variables.
fn with(variables: &[(&str, &str)]) -> UreqTransport {
    UreqTransport::builder().proxies(from(variables)).build()
}

fn from(variables: &[(&str, &str)]) -> Proxies {
    Proxies::from_vars(|name| {
        let found = variables.iter().find(|(wanted, _)| *wanted == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn proxies_are_told_the_whole_uri_and_who_asks() {
    let proxy = Server::answering(OK);
    let login = format!("http://me:secret@{}", proxy.address());
    for proxies in [from(&[("http_proxy", login.as_str())]), Proxies::all(&login).unwrap()] {
        let transport = UreqTransport::builder().proxies(proxies).build();
        for _ in 0..2 {
            let request = put("http://etcd.test:2379/v2/keys/k?prevExist=true", "value=v");
            assert_eq!(ask(&transport, request).unwrap().1, "ok");
        }
        assert_eq!(ask(&transport, get("http://etcd.test/")).unwrap().1, "ok");
    }
    assert_eq!(
        proxy.accepted(),
        6,
        "one connection for each write, and one for the other endpoint"
    );
    let texts = proxy.texts();
    for text in [&texts[0], &texts[1], &texts[3], &texts[4]] {
        let line = "PUT http://etcd.test:2379/v2/keys/k?prevExist=true HTTP/1.1\r\n";
        assert!(text.starts_with(line) && text.ends_with("\r\n\r\nvalue=v"), "{text}");
        let lower = text.to_lowercase();
        assert_eq!(
            lower.matches("proxy-authorization: basic bwu6c2vjcmv0\r\n").count(),
            1,
            "{text}"
        );
        assert_eq!(lower.matches("host: etcd.test:2379\r\n").count(), 1, "{text}");
    }
    assert!(texts[2].starts_with("GET http://etcd.test/ HTTP/1.1\r\n"), "{}", texts[2]);
}

#[test]
fn writes_take_no_kept_connection_to_a_proxy() {
    let proxy = Server::answering(OK);
    let transport = UreqTransport::builder().proxies(Proxies::all(&proxy.url("")).unwrap()).build();
    let url = "http://etcd.test:2379/v2/keys/k";
    let write = || put(url, "value=v");
    for (request, connections) in
        [(get(url), 1), (get(url), 1), (write(), 2), (write(), 3), (get(url), 3)]
    {
        assert_eq!(ask(&transport, request).unwrap().1, "ok");
        assert_eq!(proxy.accepted(), connections, "{:?}", proxy.requests());
    }
}

#[test]
fn a_request_leaves_for_the_proxy_in_one_piece() {
    let proxy = Server::start(|mut peer| {
        let text = peer.read_once();
        assert!(
            text.starts_with("PUT http://etcd.test/ HTTP/1.1\r\n") && text.ends_with("value=v")
        );
        peer.say(OK);
    });
    let transport = with(&[("HTTP_PROXY", &proxy.url(""))]);
    assert_eq!(ask(&transport, put("http://etcd.test/", "value=v")).unwrap().1, "ok");
}

#[test]
fn large_bodies_pass_a_proxy_unchanged() {
    let proxy = Server::start(|mut peer| {
        while let Some(request) = peer.request() {
            let body = request.split_once("\r\n\r\n").unwrap().1;
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let transport = with(&[("HTTP_PROXY", &proxy.url(""))]);
    let text: String = (0..200_000).map(|number: u32| format!("{number} ")).collect();
    for _ in 0..2 {
        let request = put("http://etcd.test/", "").map(|_| text.clone().into());
        assert!(ask(&transport, request).unwrap().1 == text);
    }
    assert_eq!((proxy.accepted(), proxy.requests()), (2, vec!["PUT http://etcd.test/".into(); 2]));
}

#[test]
fn connections_to_proxies_are_not_mixed_up_with_others() {
    let (one, other, direct) =
        (Server::answering(OK), Server::answering(OK), Server::answering(OK));
    let port = direct.address().port();
    let transport = with(&[("http_proxy", &one.url("")), ("no_proxy", "localhost:1")]);
    let second = with(&[("http_proxy", &other.url(""))]);
    for _ in 0..3 {
        for url in [format!("http://etcd.test:{port}/"), direct.url("/")] {
            ask(&transport, get(&url)).unwrap();
            ask(&second, get(&url)).unwrap();
        }
    }
    for proxy in [&one, &other] {
        let line = format!("GET http://etcd.test:{port}/");
        assert_eq!((proxy.accepted(), proxy.requests()), (1, vec![line; 3]));
    }
    assert_eq!((direct.accepted(), direct.requests()), (2, vec!["GET /".into(); 6]));
}

#[test]
fn one_call_switches_proxies_off() {
    let (proxy, server) = (Server::answering(OK), Server::answering(OK));
    // All addresses of this machine are known as loopback ones, save through a proxy for everything.
    let everything = Proxies::all(&proxy.url("")).unwrap();
    let builder = UreqTransport::builder().proxies(everything);
    ask(&builder.clone().build(), get(&server.url("/"))).unwrap();
    assert_eq!((proxy.accepted(), server.accepted()), (1, 0));
    ask(&builder.no_proxy().build(), get(&server.url("/"))).unwrap();
    assert_eq!((proxy.accepted(), server.accepted()), (1, 1));
}

#[test]
fn the_environment_decides_by_default() {
    // The test runs itself, in processes with an environment of their own.
    if std::env::var("TEST").is_ok() {
        return goes_by_the_environment();
    }
    let proxy = Server::answering(OK);
    let value = proxy.address().to_string();
    for name in ["HTTP_PROXY", "http_proxy"] {
        in_a_child("proxies::the_environment_decides_by_default", &[(name, &value), ("TEST", "1")]);
    }
    assert_eq!(proxy.requests(), ["GET http://no-such-host.invalid/"; 2]);
}

fn goes_by_the_environment() {
    let url = "http://no-such-host.invalid/";
    assert_eq!(ask(&UreqTransport::new(), get(url)).unwrap().1, "ok");
    let direct = UreqTransport::builder().no_proxy().build();
    assert_eq!(failure(&direct, get(url)).stage(), Stage::BeforeSend);
}

#[test]
fn what_is_no_proxy_fails_the_requests_that_would_go_through_it() {
    let server = Server::answering(OK);
    let transport = with(&[("http_proxy", "socks5://me:secret@127.0.0.1:1")]);
    let failure = failure(&transport, put("http://etcd.test/", "v"));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    assert_eq!(
        failure.to_string(),
        "could not connect: invalid HTTP_PROXY: socks5:// proxies are not supported, only http:// ones"
    );
    assert_eq!(ask(&transport, get(&server.url("/"))).unwrap().1, "ok");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let transport = with(&[("http_proxy", &format!("http://me:secret@{address}"))]);
    let failure = failure(&transport, put("http://etcd.test/", "v"));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    let text = failure.to_string();
    let expected = format!("cannot connect to the proxy http://{address}: Connection refused");
    assert!(text.contains(&expected) && !text.contains("secret"), "{text}");
}

#[test]
fn what_a_proxy_answers_by_itself_is_for_the_core_to_judge() {
    let proxy = Server::answering(
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
    );
    let transport = with(&[("http_proxy", &proxy.url(""))]);
    assert_eq!(ask(&transport, put("http://etcd.test/", "v")).unwrap().0, 407);
}

#[test]
fn idle_connections_to_a_proxy_are_looked_at_before_use() {
    let (closed, is_closed) = std::sync::mpsc::channel();
    let proxy = Server::start(move |mut peer| {
        peer.request();
        peer.say(OK);
        drop(peer);
        closed.send(()).unwrap();
    });
    let transport = with(&[("http_proxy", &proxy.url(""))]);
    for _ in 0..3 {
        ask(&transport, put("http://etcd.test/", "v")).unwrap();
        is_closed.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!((proxy.accepted(), proxy.requests().len()), (3, 3));
}

#[test]
fn limits_hold_for_requests_through_a_proxy() {
    let proxy = Server::start(|mut peer| while !peer.sees_close() {});
    let transport = with(&[("http_proxy", &proxy.url(""))]);
    let (began, timing) = (Instant::now(), Timing::new(Some(PATIENCE), Some(SHORT)));
    let result = transport.send(put("http://etcd.test/", "v"), timing, &Interrupt::never());
    let failure = result.err().unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
    assert!((SHORT..PATIENCE / 2).contains(&began.elapsed()));
}

#[test]
fn passwords_of_proxies_are_not_shown() {
    let proxies = Proxies::all("http://me:secret@proxy.test:1").unwrap();
    let builder = UreqTransport::builder().proxies(proxies);
    let shown = format!("{builder:?} {builder:#?} {:?}", builder.clone().build());
    assert!(shown.contains("proxy.test:1") && !shown.contains("secret"), "{shown}");
}
