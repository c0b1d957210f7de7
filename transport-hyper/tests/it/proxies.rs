//! Requests that go through a proxy, and those that do not.

#[cfg(feature = "ring")]
mod tunnels;

use std::net::TcpListener;
use std::time::Duration;

use etcd_v2_proto::proxy::Proxies;
use etcd_v2_proto::{Cause, Interrupt, Stage, Timing};
use transport_hyper::HyperTransport;

use crate::clock::Clock;
use crate::connectors::Noting;
use crate::server::Server;
use crate::{ask, eventually, failure, failure_within, get, get_at, in_a_child, put_at, tasks};

const SECOND: Duration = Duration::from_secs(1);

/// A transport whose environment has these variables.
fn with(variables: &[(&str, &str)]) -> HyperTransport {
    HyperTransport::builder().proxies(from(variables)).build()
}

fn from(variables: &[(&str, &str)]) -> Proxies {
    Proxies::from_vars(|name| {
        let found = variables.iter().find(|(wanted, _)| *wanted == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[tokio::test]
async fn proxies_are_told_the_whole_uri_and_who_asks() {
    let proxy = Server::echo();
    let login = format!("http://me:secret@{}", proxy.address);
    for proxies in [from(&[("http_proxy", login.as_str())]), Proxies::all(&login).unwrap()] {
        let transport = HyperTransport::builder().proxies(proxies).build();
        let url = "http://etcd.test:2379/v2/keys/k?prevExist=true";
        for _ in 0..2 {
            assert_eq!(ask(&transport, put_at(url)).await.unwrap().1, url);
        }
        let bare = ask(&transport, get_at("http://etcd.test")).await;
        assert_eq!(bare.unwrap().1, "http://etcd.test/");
    }
    assert_eq!(
        proxy.accepted(),
        6,
        "one connection for each write, and one for the other endpoint"
    );
    let texts = proxy.requests();
    for text in [&texts[0], &texts[1], &texts[3], &texts[4]] {
        let line = "PUT http://etcd.test:2379/v2/keys/k?prevExist=true HTTP/1.1\r\n";
        assert!(text.starts_with(line) && text.ends_with("\r\n\r\nvalue=1"), "{text}");
        for header in ["proxy-authorization: Basic bWU6c2VjcmV0\r\n", "host: etcd.test:2379\r\n"] {
            assert_eq!(text.matches(header).count(), 1, "{text}");
        }
    }
}

#[tokio::test]
async fn writes_take_no_kept_connection_to_a_proxy() {
    let proxy = Server::echo();
    let transport = HyperTransport::builder().proxies(Proxies::all(&proxy.url("")).unwrap());
    let (transport, url) = (transport.build(), "http://etcd.test:2379/v2/keys/k");
    for (request, connections) in
        [(get_at(url), 1), (get_at(url), 1), (put_at(url), 2), (put_at(url), 3), (get_at(url), 3)]
    {
        assert_eq!(ask(&transport, request).await.unwrap().1, url);
        assert_eq!(proxy.accepted(), connections, "{:?}", proxy.lines());
    }
}

#[tokio::test]
async fn connectors_are_asked_for_the_proxy() {
    let proxy = Server::echo();
    let (one, other) = (Noting::default(), Noting::default());
    for builder in [
        HyperTransport::builder().connector(one.clone()),
        HyperTransport::builder().connector_with_tls(other.clone()),
    ] {
        let transport = builder.proxies(Proxies::all(&proxy.url("")).unwrap()).build();
        ask(&transport, get_at("http://etcd.test/")).await.unwrap();
    }
    assert_eq!((one.asked(), other.asked()), (vec![proxy.url("/")], vec![proxy.url("/")]));
}

#[tokio::test]
async fn connections_to_proxies_are_not_mixed_up_with_others() {
    let (one, other, direct) = (Server::echo(), Server::echo(), Server::echo());
    let port = direct.address.port();
    let transport = with(&[("http_proxy", &one.url("")), ("no_proxy", "localhost:1")]);
    let second = with(&[("http_proxy", &other.url(""))]);
    for _ in 0..3 {
        for url in [format!("http://etcd.test:{port}/"), direct.url("/")] {
            ask(&transport, get_at(&url)).await.unwrap();
            ask(&second, get_at(&url)).await.unwrap();
        }
    }
    for proxy in [&one, &other] {
        let line = format!("GET http://etcd.test:{port}/");
        assert_eq!((proxy.accepted(), proxy.lines()), (1, vec![line; 3]));
    }
    assert_eq!((direct.accepted(), direct.lines()), (2, vec!["GET /".into(); 6]));
}

#[tokio::test]
async fn one_call_switches_proxies_off() {
    let (proxy, server) = (Server::echo(), Server::echo());
    // Loopback addresses are excepted by the environment only, not by a proxy for everything.
    let builder = || HyperTransport::builder().proxies(Proxies::all(&proxy.url("")).unwrap());
    ask(&builder().build(), get(&server, "/")).await.unwrap();
    assert_eq!((proxy.accepted(), server.accepted()), (1, 0));
    ask(&builder().no_proxy().build(), get(&server, "/")).await.unwrap();
    assert_eq!((proxy.accepted(), server.accepted()), (1, 1));
}

#[tokio::test]
async fn the_environment_decides_by_default() {
    // The test runs itself, in processes with an environment of their own.
    if std::env::var("TEST").is_ok() {
        return goes_by_the_environment().await;
    }
    let proxy = Server::echo();
    let value = proxy.address.to_string();
    for name in ["HTTP_PROXY", "http_proxy"] {
        in_a_child("proxies::the_environment_decides_by_default", &[(name, &value), ("TEST", "1")]);
    }
    assert_eq!(proxy.lines(), ["GET http://no-such-host.invalid/"; 2]);
}

async fn goes_by_the_environment() {
    let url = "http://no-such-host.invalid/";
    assert_eq!(ask(&HyperTransport::new(), get_at(url)).await.unwrap().1, url);
    let direct = HyperTransport::builder().no_proxy().build();
    assert_eq!(failure(&direct, get_at(url)).await.stage(), Stage::BeforeSend);
}

#[tokio::test]
async fn what_is_no_proxy_fails_the_requests_that_would_go_through_it() {
    let server = Server::echo();
    let transport = with(&[("http_proxy", "socks5://me:secret@127.0.0.1:1")]);
    let failure = failure(&transport, put_at("http://etcd.test/")).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    assert_eq!(
        failure.to_string(),
        "could not connect: invalid HTTP_PROXY: socks5:// proxies are not supported, only http:// ones"
    );
    assert_eq!(ask(&transport, get(&server, "/")).await.unwrap().1, "/");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let transport = with(&[("http_proxy", &format!("http://me:secret@{address}"))]);
    let failure = failure(&transport, put_at("http://etcd.test/")).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    let text = failure.to_string();
    let expected = format!("cannot connect to the proxy http://{address}: Connection refused");
    assert!(text.contains(&expected) && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn what_a_proxy_answers_by_itself_is_for_the_core_to_judge() {
    let proxy = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno");
    });
    let transport = with(&[("http_proxy", &proxy.url(""))]);
    assert_eq!(ask(&transport, put_at("http://etcd.test/")).await.unwrap().0, 407);
}

#[tokio::test]
async fn connections_to_a_proxy_that_are_dead_are_not_used() {
    let proxy = Server::start(|peer| {
        peer.request();
        peer.answer("ok");
    });
    let builder = HyperTransport::builder().proxies(Proxies::all(&proxy.url("")).unwrap());
    let transport = builder.idle_timeout(None).build();
    for _ in 0..3 {
        ask(&transport, put_at("http://etcd.test/")).await.unwrap();
        tasks(0).await;
    }
    assert_eq!((proxy.accepted(), proxy.requests().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn limits_hold_for_requests_through_a_proxy() {
    let clock = Clock::hold();
    let proxy = Server::start(|peer| {
        peer.request();
        peer.drain();
    });
    let transport = with(&[("http_proxy", &proxy.url(""))]);
    let call = tokio::spawn(async move {
        let (request, timing) = (put_at("http://etcd.test/"), Timing::new(None, Some(SECOND)));
        failure_within(&transport, request, timing, &Interrupt::never()).await
    });
    eventually("the request is there", || proxy.requests().len() == 1).await;
    clock.advance(SECOND).await;
    let failure = call.await.unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
}

#[test]
fn passwords_of_proxies_are_not_shown() {
    let proxies = Proxies::all("http://me:secret@proxy.test:1").unwrap();
    let builder = HyperTransport::builder().proxies(proxies);
    let shown = format!("{builder:?} {builder:#?}") + &format!("{:?}", builder.build());
    assert!(shown.contains("proxy.test:1") && !shown.contains("secret"), "{shown}");
}
