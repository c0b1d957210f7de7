//! Servers that speak TLS, most of which let in only those who show a certificate.

mod names;
mod refusals;
mod settings;
mod users;

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use etcd_v2_client::keys::Get;
use etcd_v2_client::proto::tls::{Tls, TlsVersion};
use xtask::certificates::{Authority, Pair};
use xtask::server::{Cluster, Security, Server};

use super::servers::{self, ETCD};
use super::space::{Client, Space};
use super::views::{Members, Server as Its, Stats};

both! {
    mutual:
    everything_works_with_certificates_on_both_sides,
    tls_1_3_alone_is_enough,
    members_are_learned_with_https_and_nothing_else,
    a_killed_member_stops_nothing_over_tls,
}

/// Where all servers of the tests can be reached.
const HERE: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// Who signed all that is in order.
static CA: LazyLock<Authority> = LazyLock::new(|| Authority::new("CA of the tests").unwrap());
/// Who signed nothing that is in order.
static STRANGER: LazyLock<Authority> = LazyLock::new(|| Authority::new("another CA").unwrap());

static SHOWN: LazyLock<Pair> = LazyLock::new(|| CA.for_hosts(&HERE).unwrap());
static ANNA: LazyLock<Pair> = LazyLock::new(|| CA.for_user("anna").unwrap());

static MUTUAL: LazyLock<Server> =
    LazyLock::new(|| Server::secured(&ETCD, Security::showing(&SHOWN).admitting(&CA)).unwrap());
static THREE: LazyLock<Mutex<Cluster>> = LazyLock::new(|| {
    Mutex::new(Cluster::secured(&ETCD, 3, Security::showing(&SHOWN).admitting(&CA)).unwrap())
});

/// A server that wants a certificate of its clients.
pub(super) fn mutual() -> Vec<String> {
    vec![MUTUAL.endpoint().to_owned()]
}

fn lock_three() -> MutexGuard<'static, Cluster> {
    let mut cluster = THREE.lock().unwrap_or_else(PoisonError::into_inner);
    servers::revive_all(&mut cluster);
    cluster
}

/// What a client needs who trusts the right CA.
fn trusting() -> Tls {
    Tls::new().only_ca_pem(CA.pem())
}

/// The same, with a certificate to show.
fn showing(pair: &Pair) -> Tls {
    trusting().identity_pem(&pair.certificate, &pair.key)
}

/// What a client needs whom the servers let in.
pub(super) fn admitted() -> Tls {
    showing(&ANNA)
}

/// A client that the servers let in.
fn welcome<U: AsRef<str>>(space: &Space, endpoints: impl IntoIterator<Item = U>) -> Space {
    space.used_by(space.client.secured(endpoints, showing(&ANNA)))
}

fn set(endpoints: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    endpoints.into_iter().map(|endpoint| endpoint.to_string()).collect()
}

fn everything_works_with_certificates_on_both_sides(space: &Space) {
    let space = welcome(space, mutual());
    let first = space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    let read = space.send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.node(), first.node());

    let mut watch = space.watch_after(&first);
    space.set("file", "2").unwrap();
    assert_eq!(watch.change().value(), Some("2"));
    // Now it waits first.
    let waiting = thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.change());
        space.set("file", "3").unwrap();
        waiting.join().unwrap()
    });
    assert_eq!(waiting.value(), Some("3"));

    let large = "x".repeat(1 << 20);
    space.set("large", &large).unwrap();
    assert_eq!(space.get("large").unwrap().value(), Some(&*large));

    assert_eq!(Members(&space.client).list().unwrap()[0].client_urls, mutual());
    assert!(Its(&space.client).health().unwrap().healthy);
    assert!(Its(&space.client).version().unwrap().server.starts_with(|it: char| it.is_numeric()));
    assert!(Stats(&space.client).store().is_ok());
}

fn tls_1_3_alone_is_enough(space: &Space) {
    let tls = showing(&ANNA).min_version(TlsVersion::V1_3);
    let space = space.used_by(space.client.secured(mutual(), tls));
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
}

fn members_are_learned_with_https_and_nothing_else(space: &Space) {
    let cluster = lock_three();
    let space = welcome(space, [&cluster.endpoints()[1]]);
    let membership = Its(&space.client).sync().unwrap();
    assert_eq!(set(&membership.endpoints), set(cluster.endpoints()));
    assert_eq!(membership.refused.len(), 0);
    assert_eq!(set(space.client.endpoints()), set(cluster.endpoints()));
    assert!(space.client.endpoints().iter().all(|endpoint| endpoint.starts_with("https://")));
    space.set("file", "1").unwrap();
}

fn a_killed_member_stops_nothing_over_tls(space: &Space) {
    let mut cluster = lock_three();
    let endpoints = cluster.endpoints();
    let space = welcome(space, &endpoints);
    let start = space.set("file", "0").unwrap();
    let mut watch = space.watch_after(&start);
    space.set("file", "1").unwrap();
    assert_eq!(watch.change().value(), Some("1"));
    assert_eq!(space.client.pinned(), endpoints[0]);

    cluster.members()[0].kill9().unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    assert_ne!(space.client.pinned(), endpoints[0]);
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    space.set("file", "2").unwrap();
    let changes = std::iter::from_fn(|| watch.next());
    assert_eq!(changes.flatten().next().unwrap().value(), Some("2"), "after an error, perhaps");
    // Also by a client that does not know yet.
    welcome(&space, &endpoints).set("file", "3").unwrap();
}

/// A client that asks once, as it is certain what comes of it.
fn once(client: &Client) -> Client {
    client.patient().with(|policy| policy.passes = Some(1))
}
