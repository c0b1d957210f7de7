//! Bytes that a server sends on an idle connection: they are never the response to the next request.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use transport_hyper::{Builder, HyperTransport};

use crate::connectors::Mortal;
use crate::server::{Peer, Server, answer};
use crate::{ask, get, put};

/// Does something to the first connection, so many milliseconds after its first response, and says so.
fn acts_when_idle(
    pause: u64,
    act: impl Fn(&mut Peer) + Send + Sync + 'static,
) -> (Server, impl Fn()) {
    let (say, said) = mpsc::channel();
    let server = Server::start(move |peer| {
        while peer.request().is_some() {
            peer.answer("true");
            if peer.number == 1 && peer.requests() == 1 {
                thread::sleep(Duration::from_millis(pause));
                act(peer);
                say.send(()).unwrap();
            }
        }
    });
    let said = Mutex::new(said);
    (server, move || said.lock().unwrap().recv().unwrap())
}

async fn is_not_deceived(builder: Builder, pause: u64, bytes: String) {
    let (server, it_is_done) = acts_when_idle(pause, move |peer| peer.write(&bytes));
    let transport = builder.build();
    ask(&transport, get(&server, "/0")).await.unwrap();
    // The runtime does nothing meanwhile.
    it_is_done();
    assert_eq!(ask(&transport, put(&server, "/1")).await.unwrap().1, "true", "after {pause} ms");
    assert_eq!((server.accepted(), server.saw("/1")), (2, 1), "after {pause} ms");
}

/// From whole responses to single bytes.
fn unsolicited() -> [String; 6] {
    [
        answer("forged"),
        answer("forged").repeat(40),
        "HTTP/1.1 200 OK\r\nContent-Len".into(),
        "HTTP/1.1 100 Continue\r\n\r\n".into(),
        "\r\n".into(),
        "\0".into(),
    ]
}

#[tokio::test]
async fn unsolicited_bytes_on_an_idle_connection_are_not_the_next_response() {
    for pause in 0..=12 {
        for bytes in unsolicited() {
            is_not_deceived(HyperTransport::builder(), pause, bytes).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsolicited_bytes_are_not_the_next_response_with_several_threads() {
    for pause in 0..=12 {
        is_not_deceived(HyperTransport::builder(), pause, answer("forged")).await;
    }
}

#[tokio::test]
async fn unsolicited_bytes_are_not_the_next_response_over_another_connector() {
    for pause in 0..=12 {
        let builder = HyperTransport::builder().connector(Mortal::default());
        is_not_deceived(builder, pause, answer("forged")).await;
    }
}

#[tokio::test]
async fn a_busy_runtime_still_hears_that_a_connection_is_closed() {
    for act in [Peer::close as fn(&mut Peer), Peer::finish, Peer::reset] {
        for pause in 0..=12 {
            let (server, it_is_done) = acts_when_idle(pause, act);
            let transport = HyperTransport::new();
            ask(&transport, get(&server, "/0")).await.unwrap();
            it_is_done();
            ask(&transport, put(&server, "/1")).await.unwrap();
            assert_eq!((server.accepted(), server.saw("/1")), (2, 1), "after {pause} ms");
        }
    }
}

#[cfg(feature = "ring")]
mod secured {
    use super::*;
    use crate::certificates::{Trusted, authority};
    use crate::tls::sessions::{versions, with_tls};

    fn secured_acts_when_idle(
        config: std::sync::Arc<rustls::ServerConfig>,
        act: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> (Server, impl Fn()) {
        let (say, said) = mpsc::channel();
        let server = Server::secured(config, move |peer| {
            while peer.request().is_some() {
                peer.answer("true");
                if peer.number == 1 && peer.requests() == 1 {
                    act(peer);
                    say.send(()).unwrap();
                }
            }
        });
        let said = Mutex::new(said);
        (server, move || said.lock().unwrap().recv().unwrap())
    }

    #[tokio::test]
    async fn unsolicited_bytes_in_tls_are_not_the_next_response() {
        let authority = authority();
        for config in versions(&authority) {
            for bytes in unsolicited() {
                let act = move |peer: &mut Peer| peer.write(&bytes);
                let (server, it_is_done) = secured_acts_when_idle(config.clone(), act);
                let transport = authority.transport();
                ask(&transport, get(&server, "/0")).await.unwrap();
                it_is_done();
                assert_eq!(ask(&transport, put(&server, "/1")).await.unwrap().1, "true");
                assert_eq!((server.accepted(), server.saw("/1")), (2, 1));
            }
        }
    }

    #[tokio::test]
    async fn what_tls_says_for_itself_leaves_the_connection_usable() {
        let authority = authority();
        let [_, newer] = versions(&authority);
        let new_keys = |peer: &mut Peer| with_tls(peer, |tls| tls.refresh_traffic_keys().unwrap());
        let (server, it_is_done) = secured_acts_when_idle(newer, new_keys);
        let transport = authority.transport();
        ask(&transport, get(&server, "/0")).await.unwrap();
        it_is_done();
        assert_eq!(ask(&transport, put(&server, "/1")).await.unwrap().1, "true");
        assert_eq!((server.accepted(), server.saw("/1")), (1, 1));
    }
}
