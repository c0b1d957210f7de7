//! Secured connections that are made through a proxy.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;

use super::*;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::server::Peer;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy that connects everybody with the same server, whatever the name.
fn proxy_to(target: SocketAddr) -> Server {
    Server::start(move |peer| {
        if peer.request().is_some() {
            peer.write(ESTABLISHED);
            relay(peer, target);
        }
    })
}

fn relay(peer: &Peer, target: SocketAddr) {
    let (client, server) = (peer.stream.socket(), TcpStream::connect(target).unwrap());
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(&server, client));
        copy(client, &server);
    });
}

fn transport(authority: &Authority, proxy: &str) -> HyperTransport {
    let proxies = from(&[("https_proxy", proxy)]);
    HyperTransport::builder().proxies(proxies).tls(authority.tls()).unwrap().build()
}

fn answering(authority: &Authority) -> Server {
    Server::secured(authority.server().unwrap(), |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
        }
    })
}

#[tokio::test]
async fn a_tunnel_is_made_once_and_serves_many_requests() {
    let authority = authority();
    let server = answering(&authority);
    let proxy = proxy_to(server.address);
    let transport = transport(&authority, &format!("me:secret@{}", proxy.address));
    for _ in 0..3 {
        let answer = ask(&transport, put_at("https://etcd.test:2379/v2/keys/k")).await;
        assert_eq!(answer.unwrap().1, "ok");
    }
    assert_eq!((server.accepted(), server.lines()), (1, vec!["PUT /v2/keys/k".into(); 3]));
    assert_eq!(
        proxy.requests(),
        ["CONNECT etcd.test:2379 HTTP/1.1\r\nHost: etcd.test:2379\r\n\
          Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"]
    );
    let inside = server.requests().concat().to_lowercase();
    assert!(!inside.contains("proxy-authorization"), "that is between the proxy and us: {inside}");
    ask(&transport, get_at("https://etcd.test/")).await.unwrap();
    assert_eq!(proxy.lines(), ["CONNECT etcd.test:2379", "CONNECT etcd.test:443"]);
}

#[tokio::test]
async fn each_scheme_has_its_proxy() {
    let authority = authority();
    let server = answering(&authority);
    let (plain, tunnels) = (Server::echo(), proxy_to(server.address));
    let (http, https) = (plain.url(""), tunnels.url(""));
    let proxies = from(&[("http_proxy", http.as_str()), ("https_proxy", https.as_str())]);
    let builder = HyperTransport::builder().proxies(proxies);
    let transport = builder.tls(authority.tls()).unwrap().build();
    for _ in 0..3 {
        ask(&transport, get_at("http://etcd.test:2379/")).await.unwrap();
        ask(&transport, get_at("https://etcd.test:2379/")).await.unwrap();
        // This machine is reached without.
        ask(&transport, get(&server, "/")).await.unwrap();
    }
    assert_eq!(plain.lines(), ["GET http://etcd.test:2379/"; 3]);
    assert_eq!(tunnels.lines(), ["CONNECT etcd.test:2379"]);
    assert_eq!((plain.accepted(), server.accepted(), server.requests().len()), (1, 2, 6));
}

#[tokio::test]
async fn certificates_are_checked_through_a_tunnel() {
    let authority = authority();
    let server = answering(&authority);
    let proxy = proxy_to(server.address);
    let transport = transport(&authority, &proxy.url(""));
    let failure = failure(&transport, put_at("https://other.test/")).await;
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert!(failure.to_string().contains("not valid for other.test, only for"), "{failure}");
}

/// What is said when a proxy answers `CONNECT` like this, with the address of the proxy left out.
async fn refusal(login: &str, answer: &'static str) -> String {
    let proxy = Server::start(move |peer| {
        peer.request();
        peer.write(answer);
        if !answer.is_empty() {
            peer.drain();
        }
    });
    let address = proxy.address.to_string();
    let transport = transport(&authority(), &format!("http://{login}{address}"));
    let failure = failure(&transport, put_at("https://etcd.test:2379/")).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    failure.to_string().replace(&address, "PROXY")
}

#[tokio::test]
async fn proxies_that_refuse_are_explained() {
    for (login, answer, expected) in [
        (
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            "the proxy http://PROXY wants a user name and a password (407): put them into its URL",
        ),
        (
            "me:secret@",
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
            "the proxy http://PROXY does not accept the user name and password in its URL (407)",
        ),
        (
            "",
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            "the proxy http://PROXY refuses to connect to etcd.test:2379 (403 Forbidden)",
        ),
        (
            "",
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            "the proxy http://PROXY cannot connect to etcd.test:2379 (502 Bad Gateway)",
        ),
        (
            "",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "what listens at http://PROXY does not answer as an HTTP proxy does",
        ),
        ("", "", "the proxy http://PROXY closed the connection without an answer"),
    ] {
        assert_eq!(refusal(login, answer).await, format!("could not connect: {expected}"));
    }
}

#[tokio::test(start_paused = true)]
async fn asking_for_a_tunnel_is_part_of_connecting() {
    let clock = Clock::hold();
    let proxy = Server::start(move |peer| {
        peer.request();
        peer.drain();
    });
    let tunnelling = transport(&authority(), &proxy.url(""));
    for (number, timing) in [
        Timing::new(Some(SECOND), Some(9 * SECOND)),
        Timing::new(None, Some(SECOND)),
        Timing::new(Some(SECOND), None).with_handshake(Some(9 * SECOND)),
    ]
    .into_iter()
    .enumerate()
    {
        let transport = tunnelling.clone();
        let call = tokio::spawn(async move {
            let request = put_at("https://etcd.test/");
            failure_within(&transport, request, timing, &Interrupt::never()).await
        });
        eventually("the proxy is asked", || proxy.requests().len() == number + 1).await;
        clock.advance(SECOND).await;
        let failure = call.await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
        eventually("the connection is closed", || proxy.closed() == number + 1).await;
    }
}

#[tokio::test]
async fn interrupts_end_the_wait_for_a_tunnel() {
    let proxy = Server::start(move |peer| {
        peer.request();
        peer.drain();
    });
    let (transport, interrupt) = (transport(&authority(), &proxy.url("")), Interrupt::new());
    let call = tokio::spawn({
        let interrupt = interrupt.clone();
        async move {
            let request = put_at("https://etcd.test/");
            failure_within(&transport, request, Timing::default(), &interrupt).await
        }
    });
    eventually("the proxy is asked", || proxy.requests().len() == 1).await;
    interrupt.stop();
    let failure = call.await.unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Stopped));
}
