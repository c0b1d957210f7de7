//! Secured connections that last: reuse, ends, interrupts.

use std::io::Read;
use std::sync::{Arc, Mutex, mpsc};

use etcd_v2_proto::{AsyncTransport, Cause, Interrupt, Stage, Timing};
use http::Method;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};
use transport_hyper::HyperTransport;
use xtask::Stream;
use xtask::certificates::Authority;

use crate::certificates::{Trusted, authority};
use crate::server::{Peer, Server};
use crate::{PATIENCE, ask, eventually, failure, failure_within, get, put, request, tasks};

/// What only the TLS side of a peer can do.
pub(crate) fn with_tls(peer: &mut Peer, act: impl FnOnce(&mut ServerConnection)) {
    let Stream::Secured(stream) = &mut peer.stream else { panic!("not secured") };
    act(&mut stream.conn);
    stream.conn.complete_io(&mut stream.sock).unwrap();
}

/// Announces the end, as TLS has it.
fn goodbye(peer: &mut Peer) {
    with_tls(peer, |tls| tls.send_close_notify());
}

/// One configuration for each version, with many tickets for the newer one.
pub(crate) fn versions(authority: &Authority) -> [Arc<ServerConfig>; 2] {
    let pair = authority.for_hosts(&["127.0.0.1"]).unwrap();
    let mut newer = Arc::unwrap_or_clone(pair.server(&[&TLS13], None).unwrap());
    newer.send_tls13_tickets = 8;
    [pair.server(&[&TLS12], None).unwrap(), Arc::new(newer)]
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let authority = authority();
    for config in versions(&authority) {
        let server = Server::secured(config, |peer| {
            while peer.request().is_some() {
                peer.answer("ok");
            }
        });
        let transport = authority.transport();
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST, Method::GET] {
            let answer = ask(&transport, request(method, &server, "/", "v")).await;
            assert_eq!(answer.unwrap().1, "ok");
        }
        assert_eq!((server.accepted(), server.requests().len()), (1, 5));
    }
}

/// Acts on an idle connection when told to.
fn when_idle(act: impl Fn(&mut Peer) + Send + Sync + 'static) -> (Server, impl Fn(), Authority) {
    let authority = authority();
    let ((idle, is_idle), (done, is_done)) = (mpsc::channel(), mpsc::channel());
    let is_idle = Mutex::new(is_idle);
    let server = Server::secured(versions(&authority)[1].clone(), move |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
            is_idle.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            act(peer);
            done.send(()).unwrap();
        }
    });
    let wait = move || {
        idle.send(()).unwrap();
        is_done.recv_timeout(PATIENCE).unwrap();
    };
    (server, wait, authority)
}

/// Its tasks are its connections.
fn without_a_reaper(authority: &Authority) -> HyperTransport {
    HyperTransport::builder().idle_timeout(None).tls(authority.tls()).unwrap().build()
}

#[tokio::test]
async fn words_of_tls_itself_do_not_spoil_an_idle_connection() {
    let (server, act, authority) =
        when_idle(|peer| with_tls(peer, |tls| tls.refresh_traffic_keys().unwrap()));
    let transport = authority.transport();
    for _ in 0..5 {
        assert_eq!(ask(&transport, put(&server, "/")).await.unwrap().1, "ok");
        act();
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn data_on_an_idle_connection_spoils_it() {
    let (server, act, authority) = when_idle(|peer| {
        peer.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    });
    let transport = without_a_reaper(&authority);
    for _ in 0..3 {
        assert_eq!(ask(&transport, put(&server, "/")).await.unwrap().1, "ok");
        act();
        tasks(0).await;
    }
    assert_eq!((server.accepted(), server.requests().len()), (3, 3));
}

#[tokio::test]
async fn connections_closed_while_idle_are_found_out_before_sending() {
    let authority = authority();
    for config in versions(&authority) {
        for end in [goodbye as fn(&mut Peer), Peer::close, Peer::reset] {
            for method in [Method::GET, Method::PUT] {
                let (closed, is_closed) = mpsc::channel();
                let server = Server::secured(config.clone(), move |peer| {
                    peer.request();
                    peer.answer("ok");
                    end(peer);
                    peer.close();
                    closed.send(()).unwrap();
                });
                let transport = without_a_reaper(&authority);
                for path in ["/1", "/2", "/3"] {
                    ask(&transport, request(method.clone(), &server, path, "")).await.unwrap();
                    is_closed.recv_timeout(PATIENCE).unwrap();
                    tasks(0).await;
                }
                let expected = ["/1", "/2", "/3"].map(|path| format!("{method} {path}"));
                assert_eq!((server.accepted(), server.lines()), (3, expected.to_vec()));
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_as_we_send_is_after_sending_and_not_repeated() {
    let authority = authority();
    for end in [goodbye as fn(&mut Peer), Peer::close, Peer::reset] {
        for method in [Method::GET, Method::PUT] {
            let server = Server::secured(authority.server().unwrap(), move |peer| {
                peer.request();
                peer.answer("ok");
                peer.request();
                end(peer);
            });
            let transport = authority.transport();
            ask(&transport, get(&server, "/0")).await.unwrap();
            let failure = failure(&transport, request(method, &server, "/1", "")).await;
            assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
            assert_eq!((server.accepted(), server.saw("/1")), (1, 1));
        }
    }
}

#[tokio::test]
async fn interrupts_end_the_wait_for_an_answer() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), move |peer| {
        peer.request();
        peer.drain();
    });
    let interrupt = Interrupt::new();
    let call = tokio::spawn({
        let (transport, request) = (authority.transport(), put(&server, "/"));
        let interrupt = interrupt.clone();
        async move { failure_within(&transport, request, Timing::default(), &interrupt).await }
    });
    eventually("the request is there", || server.requests().len() == 1).await;
    interrupt.stop();
    let failure = call.await.unwrap();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Stopped));
    eventually("the connection is closed", || server.closed() == 1).await;
}

#[tokio::test]
async fn dropping_an_answer_or_the_transport_closes_with_the_word_of_tls() {
    let authority = authority();
    let (closed, is_closed) = mpsc::channel();
    let server = Server::secured(authority.server().unwrap(), move |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
        let rest = [b"".as_slice(), b"k"][peer.number - 1];
        peer.write(rest);
        closed.send(peer.stream.read(&mut [0]).map_err(|error| error.kind())).unwrap();
    });
    let transport = authority.transport();
    let never = Interrupt::never();
    drop(transport.send(get(&server, "/"), Timing::default(), &never).await.unwrap());
    let end = || is_closed.try_recv().ok();
    let mut said = None;
    eventually("the first is closed", || {
        said = end();
        said.is_some()
    })
    .await;
    assert_eq!(said, Some(Ok(0)));
    ask(&transport, get(&server, "/")).await.unwrap();
    assert_eq!(server.accepted(), 2);
    drop(transport);
    eventually("the second is closed", || {
        said = end();
        said.is_some()
    })
    .await;
    assert_eq!(said, Some(Ok(0)));
}
