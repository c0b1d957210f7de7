//! For which names a certificate is good.

use std::sync::LazyLock;

use etcd_v2_client::proto::tls::Tls;
use xtask::certificates::Pair;
use xtask::server::{Security, Server};

use super::refusals::complaints;
use super::{ANNA, CA, ETCD, MUTUAL, Space, mutual, showing, trusting};

both! {
    mutual:
    addresses_and_names_of_the_certificate_are_good,
    a_certificate_for_others_is_refused_with_the_names_it_has,
    another_name_can_be_checked,
    a_common_name_counts_for_nothing,
    danger_is_what_it_says,
}

/// Shows a certificate for names that lead elsewhere.
static ELSEWHERE: LazyLock<Server> =
    LazyLock::new(|| start(&CA.for_hosts(&["etcd.test", "10.1.2.3", "fe80::1"]).unwrap()));
/// Shows a certificate whose only name is a common one.
static COMMON: LazyLock<Server> = LazyLock::new(|| start(&CA.for_user("127.0.0.1").unwrap()));

fn start(shown: &Pair) -> Server {
    Server::secured(&ETCD, Security::showing(shown)).unwrap()
}

fn works(space: &Space, endpoint: &str, tls: Tls) {
    let space = space.used_by(space.client.secured([endpoint], tls));
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
}

fn addresses_and_names_of_the_certificate_are_good(space: &Space) {
    for host in ["127.0.0.1", "localhost"] {
        works(space, &MUTUAL.endpoint().replace("127.0.0.1", host), showing(&ANNA));
    }
    works(space, MUTUAL.endpoint(), showing(&ANNA).server_name("::1"));
}

fn a_certificate_for_others_is_refused_with_the_names_it_has(space: &Space) {
    for host in ["127.0.0.1", "localhost"] {
        let endpoint = ELSEWHERE.endpoint().replace("127.0.0.1", host);
        let expected = format!(
            "the certificate of the server is not valid for {host}, only for etcd.test, 10.1.2.3, \
             fe80::1: use one of these names in the endpoint, or set the server name to check"
        );
        assert_eq!(complaints(space, &endpoint, trusting()), [&*expected; 2]);
    }
}

fn another_name_can_be_checked(space: &Space) {
    for name in ["etcd.test", "10.1.2.3", "fe80::1"] {
        works(space, ELSEWHERE.endpoint(), trusting().server_name(name));
    }
    for text in complaints(space, ELSEWHERE.endpoint(), trusting().server_name("127.0.0.1")) {
        assert!(text.contains("not valid for 127.0.0.1, only for etcd.test"), "{text}");
    }
    for text in complaints(space, &mutual()[0], showing(&ANNA).server_name("etcd.test")) {
        assert!(text.contains("not valid for etcd.test, only for 127.0.0.1, "), "{text}");
    }
}

fn a_common_name_counts_for_nothing(space: &Space) {
    let expected = "the certificate of the server is not valid for 127.0.0.1, nor for any other \
                    name: it has no subject alternative names, and a common name does not count; it \
                    has to be issued again with 127.0.0.1 among them";
    assert_eq!(complaints(space, COMMON.endpoint(), trusting()), [expected; 2]);
}

fn danger_is_what_it_says(space: &Space) {
    for server in [&ELSEWHERE, &COMMON] {
        works(space, server.endpoint(), Tls::new().danger_accept_any_certificate());
    }
    // It says nothing about what the server accepts.
    for text in complaints(space, &mutual()[0], Tls::new().danger_accept_any_certificate()) {
        assert!(text.contains("the server wants a client certificate"), "{text}");
    }
    works(space, &mutual()[0], showing(&ANNA).danger_accept_any_certificate());
}
