//! Key spaces under other paths, and servers without one.

use etcd_v2_client::keys::{Delete, Get, Set, Wait};
use etcd_v2_client::{ErrorKind, Outcome};
use xtask::server::Server;

use super::needs;
use super::patience::until;
use super::servers::ETCD;
use super::space::{Client, Space};

both! {
    quiet:
    the_usual_prefix_can_be_given,
    a_wrong_prefix_is_no_missing_key,
    an_endpoint_may_have_a_path,
    an_endpoint_may_have_a_name,
    credentials_do_no_harm_where_nobody_asks,
}

fn the_usual_prefix_can_be_given(space: &Space) {
    space.set("file", "1").unwrap();
    for prefix in ["/v2/keys", "v2/keys/", "/v2//keys"] {
        let keys = space.client.keys_at(prefix);
        assert_eq!(keys.send(Get::new(space.at("file"))).unwrap().value(), Some("1"));
        let start = keys.send(Set::new(space.at("file"), "2")).unwrap().index().unwrap();
        let set = keys.send(Set::new(space.at("file"), "1")).unwrap();
        let mut watch = keys.watch(Wait::new(space.at("file")).after(start));
        assert_eq!(watch.change().node(), set.node());
    }
    // A prefix within the key space: a view of a part of it.
    let part = space.client.keys_at(&format!("/v2/keys{}", space.at("")));
    assert_eq!(part.send(Get::new("/file")).unwrap().value(), Some("1"));
}

fn a_wrong_prefix_is_no_missing_key(space: &Space) {
    let keys = space.client.keys_at("/v4/keys");
    for error in [
        keys.send(Get::new("/file")).unwrap_err(),
        keys.send(Set::new("/file", "1")).unwrap_err(),
        keys.watch("/file").next().unwrap().unwrap_err(),
    ] {
        assert!(!error.is_key_not_found());
        assert_eq!(error.outcome(), Outcome::Rejected);
        assert!(mentions_v2(error.kind(), &error.to_string()), "{error}");
    }
    let error = space.client.keys_at("/v2/members").send(Get::new("/file")).unwrap_err();
    assert!(!error.is_key_not_found(), "another API's 404: {error}");
    let error = space.client.keys_at("/v2/../keys").send(Get::new("/file")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(it) if it.field == "key prefix"), "{error}");
}

fn an_endpoint_may_have_a_path(space: &Space) {
    space.set("v2/keys/file", "1").unwrap();
    let endpoint = format!("{}/v2/keys{}", space.client.pinned(), space.at(""));
    let read = space.client.at([endpoint]).keys().send(Get::new("/file")).unwrap();
    assert_eq!(read.key(), Some(&*space.at("v2/keys/file")));
}

/// The server does not listen on all addresses that the name may have.
fn an_endpoint_may_have_a_name(space: &Space) {
    let endpoint = space.client.pinned().replace("127.0.0.1", "localhost");
    let space = space.asking([endpoint]);
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
}

fn credentials_do_no_harm_where_nobody_asks(space: &Space) {
    let endpoint = space.client.pinned().replace("http://", "http://somebody:secret@");
    let space = space.asking([endpoint]);
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    assert!(!space.client.pinned().contains("secret"));
}

/// Whether the server is said not to have the API, directly or as all that an endpoint had to say.
fn mentions_v2(kind: &ErrorKind, text: &str) -> bool {
    matches!(kind, ErrorKind::V2Disabled | ErrorKind::Unavailable) && text.contains("--enable-v2")
}

#[test]
fn a_server_without_v2_is_recognised() {
    if needs::V2_SWITCH.is_missing(concat!(module_path!(), "::a_server_without_v2_is_recognised")) {
        return;
    }
    let server = Server::without_v2(&ETCD).unwrap().unwrap();
    let clients = [
        #[cfg(feature = "hyper")]
        Client::asynchronous([server.endpoint()]),
        #[cfg(feature = "ureq")]
        Client::blocking([server.endpoint()]),
    ];
    for client in clients {
        let keys = client.keys();
        until("the server answers", || {
            keys.send(Get::new("/file")).is_err_and(|error| error.outcome() == Outcome::Rejected)
        });
        for error in [
            keys.send(Get::new("/file")).unwrap_err(),
            keys.send(Get::new("/file").quorum()).unwrap_err(),
            keys.send(Set::new("/file", "1")).unwrap_err(),
            keys.send(Delete::new("/file")).unwrap_err(),
            keys.wait("/file").unwrap_err(),
            keys.watch("/file").next().unwrap().unwrap_err(),
        ] {
            assert!(!error.is_key_not_found());
            assert_eq!(error.outcome(), Outcome::Rejected);
            assert!(mentions_v2(error.kind(), &error.to_string()), "{error}");
        }
    }
}
