//! What people get to read.

use std::io;

use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, InvalidMessage};

use super::*;
use crate::conversation::Failure;
use crate::error::ConnectionError;
use crate::tls::tests::certificates::between;

/// What becomes of a certificate that was changed before it was signed.
fn complaint_of(host: &str, names: &[&str], change: fn(&mut rcgen::CertificateParams)) -> String {
    let authority = Authority::new("test CA");
    let server = server(BOTH, &authority.issue_with(names, change), None);
    complaint(&Tls::new().only_ca_pem(authority.pem()), host, &server)
}

#[test]
fn unknown_cas_are_told_to_be_added() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    for pair in [unknown.issue(&["etcd.test"]), certificates::self_signed(&["etcd.test"])] {
        let server = server(BOTH, &pair, None);
        let text = complaint(&Tls::new().only_ca_pem(known.pem()), "etcd.test", &server);
        assert_eq!(
            text,
            "the certificate of the server was not signed by a CA that is trusted here: add the \
             certificate of its CA to the trusted ones"
        );
    }
}

#[test]
fn cas_made_anew_are_told_from_unknown_ones() {
    let (before, after) = (Authority::new("test CA"), Authority::new("test CA"));
    let server = server(BOTH, &after.issue(&["etcd.test"]), None);
    let text = complaint(&Tls::new().only_ca_pem(before.pem()), "etcd.test", &server);
    assert!(text.contains("if the CA was made anew under its old name"), "{text}");
}

#[test]
fn name_mismatches_list_the_names_of_the_certificate() {
    for (host, expected) in [
        ("other.test", "other.test"),
        ("10.0.0.2", "10.0.0.2"),
        ("[::1]", "::1"),
        ("a.b.wild.test", "a.b.wild.test"),
    ] {
        let names = ["etcd.test", "*.wild.test", "10.0.0.1", "fe80::1"];
        let text = complaint_of(host, &names, |_| {});
        assert_eq!(
            text,
            format!(
                "the certificate of the server is not valid for {expected}, only for etcd.test, \
                 *.wild.test, 10.0.0.1, fe80::1: use one of these names in the endpoint, or set the \
                 server name to check"
            )
        );
    }
}

#[test]
fn common_names_do_not_count() {
    let text = complaint_of("etcd.test", &[], |params| {
        params.distinguished_name.push(DnType::CommonName, "etcd.test");
    });
    assert!(text.contains("not valid for etcd.test, nor for any other name"), "{text}");
    assert!(text.contains("a common name does not count"), "{text}");
}

#[test]
fn expired_and_early_certificates_say_when() {
    let text = complaint_of("etcd.test", &["etcd.test"], |params| {
        between(params, 2001, 2002);
    });
    assert!(
        text.starts_with("the certificate of the server expired at 2002-01-01T00:00:00Z; it is 2")
    );
    assert!(text.ends_with("Z now by this machine's clock"), "{text}");
    let text = complaint_of("etcd.test", &["etcd.test"], |params| {
        between(params, 4000, 9999);
    });
    assert!(text.contains("is not valid before 4000-01-01T00:00:00Z; it is 2"), "{text}");
}

#[test]
fn certificates_for_something_else_are_told_apart() {
    let text = complaint_of("etcd.test", &["etcd.test"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert!(
        text.contains("has to be issued again with the extended key usage serverAuth"),
        "{text}"
    );
    let text = complaint_of("etcd.test", &["etcd.test"], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    assert!(text.contains("shows the certificate of a CA as its own"), "{text}");
}

#[test]
fn servers_that_want_a_client_certificate_say_so() {
    let (authority, other) = (Authority::new("test CA"), Authority::new("other CA"));
    let tls = Tls::new().only_ca_pem(authority.pem());
    for version in [&TLS12, &TLS13] {
        let server = server(&[version], &authority.issue(&["etcd.test"]), Some(&authority));
        let text = complaint(&tls, "etcd.test", &server);
        assert!(text.starts_with("the server wants a client certificate and got none"), "{text}");
        let (chain, key) = other.issue(&["client"]);
        let text = complaint(&tls.clone().identity_pem(chain, key), "etcd.test", &server);
        assert!(text.contains("CA that signed the client certificate"), "{text}");
        let (chain, key) = authority.issue_with(&["client"], |params| {
            between(params, 2001, 2002);
        });
        let text = complaint(&tls.clone().identity_pem(chain, key), "etcd.test", &server);
        assert!(text.contains("the client certificate has expired"), "{text}");
    }
}

#[test]
fn every_alert_is_named() {
    for code in 0..=255_u8 {
        let alert = AlertDescription::from(code);
        let text = explain(&Error::AlertReceived(alert)).unwrap().to_string();
        assert!(text.ends_with(&format!("(TLS alert {alert:?})")), "{text}");
    }
}

#[test]
fn errors_are_found_behind_others() {
    let plain = || Error::InvalidMessage(InvalidMessage::InvalidContentType);
    let wrapped = io::Error::new(io::ErrorKind::InvalidData, plain());
    let twice = io::Error::other(Failure::before_send(io::Error::other(plain())));
    for error in [wrapped, twice] {
        let explained = explain_handshake(&error).unwrap();
        assert_eq!(explained, ConnectionError::SpeaksNoTls);
        let text = "the server does not speak TLS on this port: use http://";
        assert_eq!(explained.to_string(), text);
    }
    assert_eq!(explain(&io::Error::other("something else")), None);
}

#[test]
fn no_error_after_the_handshake_advises_to_use_http() {
    use rustls::{CertificateError, PeerMisbehaved};
    for error in [
        Error::InvalidMessage(InvalidMessage::InvalidContentType),
        Error::InvalidMessage(InvalidMessage::MessageTooLarge),
        Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion),
        Error::DecryptError,
        Error::PeerMisbehaved(PeerMisbehaved::IllegalTlsInnerPlaintext),
        Error::InvalidCertificate(CertificateError::BadEncoding),
        Error::General("any".to_owned()),
    ] {
        let text = explain(&io::Error::other(error)).unwrap().to_string();
        assert!(!text.contains("http://"), "{text}");
    }
}

fn fixture_server(certificate: &str) -> Arc<ServerConfig> {
    server(BOTH, &(certificate.to_owned(), include_str!("pem/leaf.key").to_owned()), None)
}

#[test]
fn keys_of_a_size_that_is_not_accepted_are_named() {
    let expected = "has an RSA key of 1024 bits, and keys below 2048";
    let tls = Tls::new().only_ca_pem(include_str!("pem/short_ca.pem"));
    let leaf = include_str!("pem/signed_by_short_ca.pem");
    for chain in [leaf.to_owned(), format!("{leaf}{}", include_str!("pem/short_ca.pem"))] {
        let text = complaint(&tls, "etcd.test", &fixture_server(&chain));
        assert!(text.contains(expected), "{text}");
    }
    // No server in this process would use such a key for its own signatures.
    let short = pem::certificates("x", include_bytes!("pem/short.pem")).unwrap().remove(0);
    let bad = || Error::InvalidCertificate(rustls::CertificateError::BadSignature);
    let text = explain(&verifier::of_signature(bad(), &short)).unwrap().to_string();
    assert!(text.contains(expected), "{text}");
    let other = pem::certificates("x", leaf.as_bytes()).unwrap().remove(0);
    assert_eq!(verifier::of_signature(bad(), &other), bad(), "another kind of key");
}

#[test]
fn certificates_of_version_1_are_named() {
    let tls = Tls::new().only_ca_pem(include_str!("pem/ca.pem"));
    // rustls makes no server of it by itself.
    let chain = pem::certificates("chain", include_bytes!("pem/version_1.pem")).unwrap();
    let key = pem::private_key("key", include_bytes!("pem/leaf.key")).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(BOTH)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let server = Arc::new(server);
    let text = complaint(&tls, "etcd.test", &server);
    assert!(text.contains("X.509 version 1") && text.contains("-extfile"), "{text}");
    let tls = tls.identity_pem(include_str!("pem/version_1.pem"), include_str!("pem/leaf.key"));
    let text = tls.client_config().unwrap_err().to_string();
    assert!(text.contains("client certificate: is of X.509 version 1"), "{text}");
}

#[test]
fn expired_and_early_intermediates_are_told_from_the_certificate_of_the_server() {
    let authority = Authority::new("test CA");
    for (from, until, expected) in [
        (2001, 2002, "expired at 2002-01-01T00:00:00Z; it is 2"),
        (2001, 2020, "expired at 2020-01-01T00:00:00Z; it is 2"),
        (4000, 4100, "is not valid before 4000-01-01T00:00:00Z; it is 2"),
    ] {
        let (middle, above) = authority.intermediate(|params| between(params, from, until));
        let (leaf, key) = middle.issue(&["etcd.test"]);
        let server = server(BOTH, &(format!("{leaf}{above}"), key), None);
        let text = complaint(&Tls::new().only_ca_pem(authority.pem()), "etcd.test", &server);
        assert!(text.starts_with("an intermediate certificate, between that of the"), "{text}");
        assert!(text.contains(expected) && text.contains("has to send another one"), "{text}");
    }
    let (middle, above) = authority.intermediate(|_| {});
    let (leaf, key) = middle.issue(&["etcd.test"]);
    let server = server(BOTH, &(format!("{leaf}{above}"), key), None);
    shake(&Tls::new().only_ca_pem(authority.pem()), "etcd.test", &server).unwrap();
}

#[test]
fn ends_of_connections_mean_something_in_the_handshake_only() {
    for (kind, how) in [
        (io::ErrorKind::UnexpectedEof, "closed"),
        (io::ErrorKind::ConnectionReset, "reset"),
        (io::ErrorKind::BrokenPipe, "reset"),
    ] {
        let error = io::Error::from(kind);
        assert_eq!(explain(&error), None);
        let explained = explain_handshake(&io::Error::other(Failure::before_send(error)));
        let text = explained.unwrap().to_string();
        assert!(text.starts_with(&format!("the server {how} the connection during")), "{text}");
    }
    assert_eq!(explain_handshake(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
}
