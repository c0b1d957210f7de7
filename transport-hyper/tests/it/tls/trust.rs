//! Who is trusted, and what is said about the others.

use std::sync::Arc;

use etcd_v2_proto::tls::{Tls, TlsVersion};
use etcd_v2_proto::{Cause, Interrupt, Stage, Timing};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ServerConfig};
use transport_hyper::HyperTransport;
use xtask::certificates::{Authority, Pair};

use crate::certificates::{Trusted, authority, transport};
use crate::server::Server;
use crate::{PATIENCE, ask, failure, failure_within, get, get_at, in_a_child, put, put_at};

fn answering(config: Arc<ServerConfig>) -> Server {
    Server::secured(config, |peer| {
        while peer.request().is_some() {
            peer.answer("ok");
        }
    })
}

/// What is said about a server, which must not have heard a request.
async fn complaint(tls: Tls, config: Arc<ServerConfig>, host: &str) -> String {
    let server = answering(config);
    let url = server.url("/").replace("127.0.0.1", host);
    let failure = failure(&transport(tls), put_at(&url)).await;
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::Broken), "{failure}");
    assert!(server.requests().is_empty());
    let text = failure.to_string();
    text.strip_prefix("could not connect: ").unwrap().to_owned()
}

#[tokio::test]
async fn a_given_ca_vouches_for_names_and_addresses() {
    let authority = authority();
    let server = answering(authority.server().unwrap());
    let extra = Tls::new().add_ca_pem(authority.pem());
    for tls in [authority.tls(), extra, Tls::new().danger_accept_any_certificate()] {
        let transport = transport(tls);
        for host in ["127.0.0.1", "localhost"] {
            let url = server.url("/k").replace("127.0.0.1", host);
            assert_eq!(ask(&transport, put_at(&url)).await.unwrap().1, "ok");
        }
    }
    assert_eq!(server.lines(), ["PUT /k"; 6]);
}

#[tokio::test]
async fn a_stranger_is_not_trusted() {
    let (authority, other) = (authority(), authority());
    let stranger = other.for_hosts(&["127.0.0.1"]).unwrap().server(ALL_VERSIONS, None).unwrap();
    for tls in [Tls::new(), Tls::new().add_ca_pem(authority.for_hosts(&["x"]).unwrap().certificate)]
    {
        let text = complaint(tls, Arc::clone(&stranger), "127.0.0.1").await;
        assert!(text.contains("not signed by a CA that is trusted here: add the cert"), "{text}");
    }
    let text = complaint(authority.tls(), stranger, "127.0.0.1").await;
    assert!(text.contains("if the CA was made anew under its old name"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_others_is_refused_with_the_names_it_has() {
    let authority = authority();
    let config = authority
        .for_hosts(&["etcd.test", "10.1.2.3"])
        .unwrap()
        .server(ALL_VERSIONS, None)
        .unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let text = complaint(authority.tls(), Arc::clone(&config), host).await;
        let expected =
            format!("not valid for {host}, only for etcd.test, 10.1.2.3: use one of these");
        assert!(text.contains(&expected), "{text}");
    }
    let config = authority.for_user("localhost").unwrap().server(ALL_VERSIONS, None).unwrap();
    let text = complaint(authority.tls(), config, "localhost").await;
    assert!(text.contains("a common name does not count"), "{text}");
}

#[tokio::test]
async fn a_certificate_beyond_its_time_says_when_that_was() {
    let authority = authority();
    let expired = authority.expired(&["127.0.0.1"]).unwrap();
    let text =
        complaint(authority.tls(), expired.server(ALL_VERSIONS, None).unwrap(), "127.0.0.1").await;
    assert!(text.contains("expired at 2002-01-01T00:00:00Z; it is 2"), "{text}");
}

#[tokio::test]
async fn another_name_can_be_checked() {
    let authority = authority();
    let config = authority
        .for_hosts(&["etcd.test", "10.1.2.3"])
        .unwrap()
        .server(ALL_VERSIONS, None)
        .unwrap();
    let server = answering(Arc::clone(&config));
    for name in ["etcd.test", "10.1.2.3"] {
        let transport = transport(authority.tls().server_name(name));
        assert_eq!(ask(&transport, get(&server, "/")).await.unwrap().1, "ok");
    }
    let text = complaint(authority.tls().server_name("other.test"), config, "127.0.0.1").await;
    assert!(text.contains("not valid for other.test"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let authority = authority();
    let pair = authority.for_hosts(&["127.0.0.1"]).unwrap();
    let server = answering(pair.server(&[&TLS12], None).unwrap());
    assert_eq!(ask(&authority.transport(), get(&server, "/")).await.unwrap().1, "ok");
    let tls = authority.tls().min_version(TlsVersion::V1_3);
    let text = complaint(tls, pair.server(&[&TLS12], None).unwrap(), "127.0.0.1").await;
    assert!(text.contains("the server speaks no version of TLS that is allowed here"), "{text}");
}

/// A server that wants client certificates of this CA.
fn demanding(authority: &Authority, version: usize) -> Server {
    let pair = authority.for_hosts(&["127.0.0.1"]).unwrap();
    answering(pair.server(&[[&TLS12, &TLS13][version]], Some(authority)).unwrap())
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let authority = authority();
    let Pair { certificate, key, .. } = authority.for_hosts(&["client"]).unwrap();
    let transport = transport(authority.tls().identity_pem(certificate, key));
    for version in [0, 1] {
        let server = demanding(&authority, version);
        for _ in 0..3 {
            assert_eq!(ask(&transport, put(&server, "/")).await.unwrap().1, "ok");
        }
        assert_eq!(server.accepted(), 1);
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_said_to_be_missing() {
    let authority = authority();
    for version in [0, 1] {
        // In TLS 1.3 the server says so while the request is on its way.
        for _ in 0..20 {
            let server = demanding(&authority, version);
            let failure = failure(&authority.transport(), put(&server, "/")).await;
            let text = failure.to_string();
            let expected = "the server wants a client certificate and got none";
            assert!(text.contains(expected), "{text}");
            let stage = [Stage::BeforeSend, Stage::AfterSend][version];
            assert_eq!(failure.stage(), stage, "{text}");
            assert_eq!(failure.cause(), Cause::Broken);
            assert!(server.requests().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_comes_before_the_request_is_written_is_explained() {
    let authority = authority();
    for _ in 0..200 {
        let server = demanding(&authority, 1);
        // Also one that ends the connection just when another thread hands the request over.
        let (transport, timing) = (authority.transport(), Timing::new(None, Some(PATIENCE)));
        let failure =
            failure_within(&transport, put(&server, "/"), timing, &Interrupt::never()).await;
        let text = failure.to_string();
        assert!(text.contains("the server wants a client certificate and got none"), "{text}");
    }
}

#[tokio::test]
async fn a_refusal_is_heard_even_if_the_request_cannot_be_written_any_more() {
    let authority = authority();
    for _ in 0..20 {
        let server = demanding(&authority, 1);
        let request = put(&server, "/").map(|_| vec![b'x'; 8 << 20].into());
        let failure = failure(&authority.transport(), request).await;
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        let text = failure.to_string();
        assert!(text.contains("the server wants a client certificate and got none"), "{text}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_before_there_is_a_transport() {
    let authority = authority();
    let (one, other) = (authority.for_hosts(&["a"]).unwrap(), authority.for_hosts(&["b"]).unwrap());
    for (tls, field) in [
        (Tls::new().only_ca_pem("nonsense"), "CA certificate"),
        (
            Tls::new().only_ca_pem(authority.pem()).identity_pem(&one.certificate, &other.key),
            "client key",
        ),
        (Tls::new().server_name("not a name"), "server name"),
    ] {
        assert_eq!(HyperTransport::builder().tls(tls).unwrap_err().field, field);
    }
}

#[test]
fn keys_are_not_shown() {
    let authority = authority();
    let Pair { certificate, key, .. } = authority.for_hosts(&["client"]).unwrap();
    let builder =
        HyperTransport::builder().tls(authority.tls().identity_pem(certificate, &key)).unwrap();
    let shown = format!("{builder:?}") + &format!("{:?}", builder.build());
    assert!(key.lines().all(|line| !shown.contains(line)), "{shown}");
}

#[tokio::test]
async fn the_platform_is_trusted_by_default() {
    // The test runs itself, in processes with an environment of their own.
    if let Ok(url) = std::env::var("TEST_URL") {
        return match std::env::var("SSL_CERT_FILE") {
            Ok(file) if std::path::Path::new(&file).exists() => trusts_the_platform(&url).await,
            _ => finds_nobody_to_trust(&url).await,
        };
    }
    let authority = authority();
    let server = answering(authority.server().unwrap());
    let file = std::env::temp_dir().join(format!("transport-hyper-{}.pem", std::process::id()));
    std::fs::write(&file, authority.pem()).unwrap();
    let url = server.url("/");
    let variables = [("TEST_URL", url.as_str()), ("SSL_CERT_FILE", file.to_str().unwrap())];
    let test = "tls::trust::the_platform_is_trusted_by_default";
    in_a_child(test, &variables);
    std::fs::remove_file(&file).unwrap();
    in_a_child(test, &variables);
    assert_eq!(server.lines(), ["GET /"]);
}

async fn trusts_the_platform(url: &str) {
    assert_eq!(ask(&HyperTransport::new(), get_at(url)).await.unwrap().1, "ok");
}

async fn finds_nobody_to_trust(url: &str) {
    let failure = failure(&HyperTransport::new(), get_at(url)).await;
    assert_eq!(failure.stage(), Stage::BeforeSend);
    let text = failure.to_string();
    assert!(text.contains("invalid CA certificates: the platform has none: install"), "{text}");
    let error = HyperTransport::builder().tls(Tls::new()).unwrap_err();
    assert!(text.ends_with(&error.to_string()), "{text}");
}
