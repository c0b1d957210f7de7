//! What goes over secured connections, and connectors underneath and instead of TLS.

use std::sync::Arc;

use etcd_v2_proto::Stage;
use transport_hyper::HyperTransport;

use crate::certificates::{Trusted, authority};
use crate::connectors::{Noting, Terminating};
use crate::server::Server;
use crate::tls::sessions::{versions, with_tls};
use crate::{ask, failure, get, get_at, put};

#[tokio::test]
async fn only_a_body_without_a_length_has_to_end_with_the_word_of_tls() {
    let authority = authority();
    for (answer, announced, whole) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", false, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", true, true),
        ("HTTP/1.0 200 OK\r\n\r\nok", true, true),
        ("HTTP/1.0 200 OK\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", true, true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", false, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", true, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", true, false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false, false),
    ] {
        let server = Server::secured(authority.server().unwrap(), move |peer| {
            peer.request();
            peer.write(answer);
            if announced {
                with_tls(peer, |tls| tls.send_close_notify());
            }
        });
        match ask(&authority.transport(), get(&server, "/")).await {
            Ok((_, body)) => assert!(whole && body == "ok", "{answer} {announced}"),
            Err(failure) => {
                assert!(!whole, "{answer} {announced}: {failure}");
                assert_eq!(failure.stage(), Stage::AfterSend);
            }
        }
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    let authority = authority();
    for config in versions(&authority) {
        let server = Server::secured(config, |peer| {
            while let Some(request) = peer.request() {
                peer.answer(request.split_once("\r\n\r\n").unwrap().1);
            }
        });
        let text: String = (0..100_000).map(|number: u32| format!("{number} ")).collect();
        let transport = authority.transport();
        for _ in 0..2 {
            let request = put(&server, "/").map(|_| text.clone().into());
            assert!(ask(&transport, request).await.unwrap().1 == text);
        }
        assert_eq!(server.accepted(), 1);
    }
}

#[tokio::test]
async fn head_and_body_leave_together() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        let text = String::from_utf8(peer.read_once()).unwrap();
        let whole = text.starts_with("PUT / HTTP/1.1\r\n") && text.ends_with("\r\n\r\nvalue=1");
        assert!(whole, "{text}");
        peer.answer("ok");
    });
    assert_eq!(ask(&authority.transport(), put(&server, "/")).await.unwrap().1, "ok");
}

#[tokio::test]
async fn tls_is_spoken_over_any_connector_which_need_not_know_about_it() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
        }
    });
    let connector = Noting::default();
    let builder = HyperTransport::builder().connector(connector.clone());
    let transport = builder.tls(authority.tls()).unwrap().build();
    assert_eq!(ask(&transport, get(&server, "/k")).await.unwrap().1, "ok");
    let url = format!("https://localhost:{}/k", server.address.port());
    assert_eq!(ask(&transport, get_at(&url)).await.unwrap().1, "ok");
    let _ = failure(&transport, get_at("https://[::1]/k")).await;
    let asked = [
        server.url_by("http", "/"),
        format!("http://localhost:{}/", server.address.port()),
        "http://[::1]:443/".to_owned(),
    ];
    assert_eq!(connector.asked(), asked);
}

#[tokio::test]
async fn a_connector_with_tls_of_its_own_is_asked_for_https_and_left_alone() {
    let authority = authority();
    let server = Server::secured(authority.server().unwrap(), |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
        }
    });
    let config = authority.tls().client_config().unwrap();
    let connector = Terminating { tcp: Noting::default(), config: Arc::clone(&config) };
    let tcp = connector.tcp.clone();
    let transport = HyperTransport::builder().connector_with_tls(connector).build();
    for _ in 0..2 {
        assert_eq!(ask(&transport, put(&server, "/k")).await.unwrap().1, "ok");
    }
    assert_eq!(tcp.asked(), [server.url("/")]);
    assert_eq!(server.accepted(), 1);
}
