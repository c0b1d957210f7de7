//! What people get to read when servers and clients do not trust each other.

use std::sync::LazyLock;

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::proto::tls::Tls;
use xtask::server::{Security, Server};

use super::{ANNA, CA, Client, ETCD, HERE, STRANGER, Space, mutual, once, showing, trusting};
use crate::live::servers;

both! {
    mutual:
    the_platform_is_trusted_unless_another_ca_is_named,
    an_unknown_ca_is_told_to_be_added,
    an_expired_certificate_says_since_when,
    clients_without_a_certificate_learn_that_they_need_one,
    plain_http_to_a_secured_port_is_told_to_use_https,
    https_to_a_plain_port_is_told_to_use_http,
}

/// Shows a certificate whose time is over.
static EXPIRED: LazyLock<Server> = LazyLock::new(|| {
    Server::secured(&ETCD, Security::showing(&CA.expired(&HERE).unwrap())).unwrap()
});

/// Why neither a write nor a read with these settings gets through.
pub(super) fn complaints(space: &Space, endpoint: &str, tls: Tls) -> [String; 2] {
    complaints_of(space, &space.client.secured([endpoint], tls))
}

fn complaints_of(space: &Space, client: &Client) -> [String; 2] {
    let client = once(client);
    let write = client.send(Set::new(space.at("file"), "1")).unwrap_err();
    let read = client.send(Get::new(space.at("file"))).unwrap_err();
    [write, read].map(|error| {
        assert!(!error.is_timeout() && !error.is_unauthorized(), "{error}");
        let text = error.to_string();
        let (_, reason) = text
            .split_once("could not connect: ")
            // Some servers say what they want only when the request is on its way.
            .or_else(|| text.split_once("connection broke: "))
            .unwrap();
        reason.split(" (at http").next().unwrap().to_owned()
    })
}

/// The same, when nothing may have left.
fn not_sent(space: &Space, endpoint: &str, tls: Tls) -> [String; 2] {
    let client = space.client.secured([endpoint], tls);
    let error = client.send(Set::new(space.at("file"), "1")).unwrap_err();
    assert_eq!((error.outcome(), error.may_have_applied()), (Outcome::NotSent, false), "{error}");
    complaints_of(space, &client)
}

const UNKNOWN: &str = "the certificate of the server was not signed by a CA that is trusted here: \
                       add the certificate of its CA to the trusted ones";

fn the_platform_is_trusted_unless_another_ca_is_named(space: &Space) {
    // The client that everybody gets who asks for nothing. A bare machine trusts nobody at all.
    for text in complaints_of(space, &space.client) {
        assert!(text == UNKNOWN || text.contains("the platform has none: install its"), "{text}");
    }
    let anna = Tls::new().identity_pem(&ANNA.certificate, &ANNA.key);
    let space = space.used_by(space.client.secured(mutual(), anna.add_ca_pem(CA.pem())));
    space.set("file", "1").unwrap();
}

fn an_unknown_ca_is_told_to_be_added(space: &Space) {
    let tls = Tls::new().only_ca_pem(STRANGER.pem());
    let tls = tls.identity_pem(&ANNA.certificate, &ANNA.key);
    assert_eq!(not_sent(space, &mutual()[0], tls), [UNKNOWN; 2]);
}

fn an_expired_certificate_says_since_when(space: &Space) {
    for text in not_sent(space, EXPIRED.endpoint(), trusting()) {
        let expected = "the certificate of the server expired at 2002-01-01T00:00:00Z; it is 2";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("Z now by this machine's clock"), "{text}");
    }
    let tls = trusting().danger_accept_any_certificate();
    space.used_by(space.client.secured([EXPIRED.endpoint()], tls)).set("file", "1").unwrap();
}

fn clients_without_a_certificate_learn_that_they_need_one(space: &Space) {
    let stranger = STRANGER.for_user("anna").unwrap();
    let expired = CA.expired(&HERE).unwrap();
    for tls in [trusting(), showing(&stranger), showing(&expired)] {
        for text in complaints(space, &mutual()[0], tls) {
            assert!(text.contains("the server wants a client certificate"), "{text}");
        }
    }
    super::welcome(space, mutual()).set("file", "1").unwrap();
}

fn plain_http_to_a_secured_port_is_told_to_use_https(space: &Space) {
    let client = space.client.at([mutual()[0].replace("https", "http")]);
    let expected = "the server closed the connection without an answer; if it speaks TLS on this \
                    port, use https://";
    assert_eq!(complaints_of(space, &client), [expected; 2]);
}

fn https_to_a_plain_port_is_told_to_use_http(space: &Space) {
    let endpoint = servers::quiet()[0].replace("http", "https");
    for text in not_sent(space, &endpoint, trusting()) {
        assert!(text.contains("it may not speak TLS on this port (then use http://)"), "{text}");
    }
}
