//! Handshakes between a client and a server in memory, with certificates made on the spot.

mod certificates;
mod inputs;
mod refusals;

use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::server::{ServerConnection, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{Connection, Error, ServerConfig, SupportedProtocolVersion};

use super::*;
use crate::tls::tests::certificates::Authority;

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A server with these PEM texts that asks for a certificate of this CA if there is one.
fn server(
    versions: &[&'static SupportedProtocolVersion],
    (chain, key): &(String, String),
    clients: Option<&Authority>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in pem::certificates("CA", authority.pem().as_bytes()).unwrap() {
                roots.add(certificate).unwrap();
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = pem::certificates("chain", chain.as_bytes()).unwrap();
    let key = pem::private_key("key", key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// Lets the two talk until both are content, and returns the error that the client sees.
fn shake(tls: &Tls, host: &str, server: &Arc<ServerConfig>) -> Result<ClientConnection, Error> {
    let name = tls.server_name_for(host).unwrap();
    let client = ClientConnection::new(tls.client_config().unwrap(), name).unwrap();
    let mut server: Connection = ServerConnection::new(Arc::clone(server)).unwrap().into();
    let mut client: Connection = client.into();
    for _ in 0..10 {
        let _ = pass(&mut client, &mut server);
        pass(&mut server, &mut client)?;
    }
    assert!(!client.is_handshaking());
    match client {
        Connection::Client(client) => Ok(client),
        Connection::Server(_) => unreachable!(),
    }
}

fn pass(from: &mut Connection, to: &mut Connection) -> Result<(), Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut wire = wire.as_slice();
    while !wire.is_empty() {
        to.read_tls(&mut wire).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

/// What people get to read when the handshake fails.
fn complaint(tls: &Tls, host: &str, server: &Arc<ServerConfig>) -> String {
    match shake(tls, host, server) {
        Ok(_) => panic!("the handshake succeeded"),
        Err(error) => explain(&error).unwrap().to_string(),
    }
}

#[test]
fn certificates_of_a_given_ca_are_good_for_their_names_and_addresses() {
    let authority = Authority::new("test CA");
    let server =
        server(BOTH, &authority.issue(&["etcd.test", "*.wild.test", "10.0.0.1", "::1"]), None);
    for tls in [Tls::new().only_ca_pem(authority.pem()), Tls::new().danger_accept_any_certificate()]
    {
        for host in ["etcd.test", "a.wild.test", "10.0.0.1", "[::1]", "::1"] {
            let client = shake(&tls, host, &server).unwrap();
            assert_eq!(client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        }
    }
}

#[test]
fn several_cas_can_be_trusted_at_once() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let both = format!("{}{}", one.pem(), other.pem());
    for tls in [
        Tls::new().only_ca_pem(&both),
        Tls::new().only_ca_pem(one.pem()).add_ca_pem(other.pem()),
        Tls::new().add_ca_pem(one.pem()).only_ca_pem(other.pem()),
        Tls::new().add_ca_pem(both),
    ] {
        for authority in [&one, &other] {
            let server = server(BOTH, &authority.issue(&["etcd.test"]), None);
            shake(&tls, "etcd.test", &server).unwrap();
        }
    }
}

#[test]
fn self_signed_certificates_can_be_trusted_as_they_are() {
    let pair = certificates::self_signed(&["etcd.test"]);
    let server = server(BOTH, &pair, None);
    shake(&Tls::new().only_ca_pem(&pair.0), "etcd.test", &server).unwrap();
}

#[test]
fn the_name_to_check_can_be_another_one() {
    let authority = Authority::new("test CA");
    let named = server(BOTH, &authority.issue(&["etcd.test", "10.0.0.1"]), None);
    let tls = Tls::new().only_ca_pem(authority.pem());
    for name in ["etcd.test", "10.0.0.1"] {
        shake(&tls.clone().server_name(name), "192.168.7.7", &named).unwrap();
    }
    assert!(shake(&tls.server_name("other.test"), "etcd.test", &named).is_err());
}

#[test]
fn versions_below_the_minimum_are_not_spoken() {
    let authority = Authority::new("test CA");
    let pair = authority.issue(&["etcd.test"]);
    let (old, new) = (server(&[&TLS12], &pair, None), server(&[&TLS13], &pair, None));
    let tls = Tls::new().only_ca_pem(authority.pem());
    shake(&tls, "etcd.test", &old).unwrap();
    shake(&tls.clone().min_version(TlsVersion::V1_2), "etcd.test", &old).unwrap();
    let tls = tls.min_version(TlsVersion::V1_3);
    shake(&tls, "etcd.test", &new).unwrap();
    let text = complaint(&tls, "etcd.test", &old);
    assert!(text.contains("no version of TLS that is allowed here"), "{text}");
}

#[test]
fn a_client_can_show_a_certificate() {
    let authority = Authority::new("test CA");
    for version in [&TLS12, &TLS13] {
        let server = server(&[version], &authority.issue(&["etcd.test"]), Some(&authority));
        let (chain, key) = authority.issue(&["client"]);
        let tls = Tls::new().only_ca_pem(authority.pem());
        shake(&tls.clone().identity_pem(&chain, &key), "etcd.test", &server).unwrap();
        // Both in one file, in either order.
        for both in [format!("{chain}{key}"), format!("{key}{chain}")] {
            shake(&tls.clone().identity_pem(&both, &both), "etcd.test", &server).unwrap();
        }
        let sec1 = certificates::as_sec1(&key);
        shake(&tls.identity_pem(&chain, sec1), "etcd.test", &server).unwrap();
    }
}

#[test]
fn only_http_1_1_is_offered() {
    let config = Tls::new().danger_accept_any_certificate().client_config().unwrap();
    assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    assert!(!config.enable_early_data);
}
