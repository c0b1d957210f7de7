//! Secured connections that are made through a proxy.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;

use etcd_v2_proto::Failure;

use super::*;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::patient;
use crate::server::Peer;

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy that connects everybody with the same server, whatever the name.
pub(crate) fn proxy_to(target: SocketAddr) -> Server {
    Server::start(move |mut peer| {
        if peer.request().is_some() {
            peer.say(ESTABLISHED);
            relay(&peer, target);
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

fn transport(authority: &Authority, proxy: &str) -> UreqTransport {
    let proxies = from(&[("https_proxy", proxy)]);
    UreqTransport::builder().proxies(proxies).tls(authority.tls()).unwrap().build()
}

fn answering(authority: &Authority) -> Server {
    Server::secured(authority.server().unwrap(), |mut peer| {
        while peer.request().is_some() {
            peer.say(OK);
        }
    })
}

#[test]
fn a_tunnel_is_made_once_and_serves_many_requests() {
    let authority = authority();
    let server = answering(&authority);
    let proxy = proxy_to(server.address());
    let transport = transport(&authority, &format!("me:secret@{}", proxy.address()));
    for _ in 0..3 {
        let answer = ask(&transport, put("https://etcd.test:2379/v2/keys/k", "v"));
        assert_eq!(answer.unwrap().1, "ok");
    }
    assert_eq!((server.accepted(), server.requests()), (1, vec!["PUT /v2/keys/k".into(); 3]));
    assert_eq!(
        proxy.texts(),
        ["CONNECT etcd.test:2379 HTTP/1.1\r\nHost: etcd.test:2379\r\n\
          Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"]
    );
    let inside = server.texts().concat().to_lowercase();
    assert!(!inside.contains("proxy-authorization"), "that is between the proxy and us: {inside}");
    ask(&transport, get("https://etcd.test/")).unwrap();
    assert_eq!(proxy.requests(), ["CONNECT etcd.test:2379", "CONNECT etcd.test:443"]);
}

#[test]
fn each_scheme_has_its_proxy() {
    let authority = authority();
    let server = answering(&authority);
    let (plain, tunnels) = (Server::answering(OK), proxy_to(server.address()));
    let (http, https) = (plain.url(""), tunnels.url(""));
    let proxies = from(&[("http_proxy", http.as_str()), ("https_proxy", https.as_str())]);
    let tls = authority.tls();
    let transport = UreqTransport::builder().tls(tls).unwrap().proxies(proxies).build();
    for _ in 0..3 {
        ask(&transport, get("http://etcd.test:2379/")).unwrap();
        ask(&transport, get("https://etcd.test:2379/")).unwrap();
        // This machine is reached without.
        ask(&transport, get(&server.url("/"))).unwrap();
    }
    assert_eq!(plain.requests(), ["GET http://etcd.test:2379/"; 3]);
    assert_eq!(tunnels.requests(), ["CONNECT etcd.test:2379"]);
    assert_eq!((plain.accepted(), server.accepted(), server.requests().len()), (1, 2, 6));
}

#[test]
fn certificates_are_checked_through_a_tunnel() {
    let authority = authority();
    let server = answering(&authority);
    let proxy = proxy_to(server.address());
    let transport = transport(&authority, &proxy.url(""));
    let failure = failure(&transport, put("https://other.test/", "v"));
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert!(failure.to_string().contains("not valid for other.test, only for"), "{failure}");
}

/// What is said when a proxy answers `CONNECT` like this, with the address of the proxy left out.
fn refusal(login: &str, answer: &'static str) -> (Failure, String) {
    let proxy = Server::start(move |mut peer| {
        peer.request();
        peer.say(answer);
        if !answer.is_empty() {
            peer.sees_close();
        }
    });
    let address = proxy.address().to_string();
    let transport = transport(&authority(), &format!("http://{login}{address}"));
    let failure = failure(&transport, put("https://etcd.test:2379/", "v"));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken));
    let text = failure.to_string().replace(&address, "PROXY");
    (failure, text)
}

#[test]
fn proxies_that_refuse_are_explained() {
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
        let (_, text) = refusal(login, answer);
        assert_eq!(text, format!("could not connect: {expected}"));
    }
}

#[test]
fn asking_for_a_tunnel_is_part_of_connecting() {
    let authority = authority();
    for say in ["", "HTTP/1.1 200 OK\r\nX: "] {
        let proxy = Server::start(move |mut peer| {
            peer.request();
            while peer.say(say) {
                thread::sleep(SHORT / 300);
                if say.is_empty() {
                    peer.sees_close();
                    return;
                }
            }
        });
        let transport = transport(&authority, &proxy.url(""));
        for timing in [
            Timing::new(Some(SHORT), Some(PATIENCE)),
            Timing::new(None, Some(SHORT)),
            Timing::new(Some(SHORT), None).with_handshake(Some(PATIENCE)),
        ] {
            let began = Instant::now();
            let request = put("https://etcd.test/", "v");
            let failure = transport.send(request, timing, &Interrupt::never()).err().unwrap();
            assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
            assert!((SHORT..PATIENCE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
        }
    }
}

#[test]
fn interrupts_end_the_wait_for_a_tunnel() {
    let (asked, is_asked) = mpsc::channel();
    let proxy = Server::start(move |mut peer| {
        peer.request();
        asked.send(()).unwrap();
        peer.sees_close();
    });
    let (transport, interrupt) = (transport(&authority(), &proxy.url("")), Interrupt::new());
    let result = thread::scope(|scope| {
        let stopper = interrupt.clone();
        scope.spawn(move || {
            is_asked.recv_timeout(PATIENCE).unwrap();
            stopper.stop();
        });
        transport.send(put("https://etcd.test/", "v"), patient(), &interrupt)
    });
    let failure = result.err().unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Stopped));
}
