//! Finding real servers by SRV records.

use std::collections::BTreeSet;

use etcd_v2_client::discovery::SrvDiscoverer;
use etcd_v2_client::{Endpoint, Order};

use crate::name_server::{NameServer, Reply};

use super::servers;
use super::space::{Client, Space};

both! {
    three:
    a_cluster_is_found_by_its_records,
    members_that_are_gone_from_the_records_are_asked_no_more,
    a_dead_member_in_the_records_does_no_harm,
}

const NAME: &str = "_etcd-client._tcp.example.com";

/// Records for these endpoints, in this order.
fn records<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Reply {
    let ports = endpoints.into_iter().map(|url| url.as_ref().rsplit(':').next().unwrap().parse());
    let records =
        (0..).zip(ports).map(|(priority, port)| (priority, 0, port.unwrap(), "localhost.".into()));
    Reply::Srv(records.collect())
}

fn as_found<U: AsRef<str>>(endpoints: impl IntoIterator<Item = U>) -> Vec<String> {
    endpoints.into_iter().map(|url| url.as_ref().replace("127.0.0.1", "localhost")).collect()
}

/// What is found by the discoverer of the colour of this client.
fn find(client: &Client, server: &NameServer) -> Vec<Endpoint> {
    let discoverer = SrvDiscoverer::new().name_servers([server.address]);
    match client {
        #[cfg(feature = "hyper")]
        Client::Async(_) => {
            use etcd_v2_client::discovery::AsyncDiscoverer;
            let found = AsyncDiscoverer::discover(&discoverer, "example.com");
            super::patience::block_on(found).unwrap()
        }
        #[cfg(feature = "ureq")]
        Client::Blocking(_) => {
            use etcd_v2_client::discovery::BlockingDiscoverer;
            BlockingDiscoverer::discover(&discoverer, "example.com").unwrap()
        }
    }
}

fn set_endpoints(client: &Client, endpoints: Vec<Endpoint>) {
    match client {
        #[cfg(feature = "hyper")]
        Client::Async(client) => client.set_endpoints(endpoints).unwrap(),
        #[cfg(feature = "ureq")]
        Client::Blocking(client) => client.set_endpoints(endpoints).unwrap(),
    }
}

fn a_cluster_is_found_by_its_records(space: &Space) {
    let cluster = servers::lock_three();
    let server = NameServer::start([(NAME, records(cluster.endpoints()))]).unwrap();
    let client = space.client.at(find(&space.client, &server));
    assert_eq!(client.endpoints(), as_found(cluster.endpoints()), "in the order of the priorities");
    let space = space.asking(client.endpoints());
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));

    let shuffled = space.client.ordered(find(&space.client, &server), Order::Shuffled);
    let set = BTreeSet::from_iter;
    assert_eq!(set(shuffled.endpoints()), set(as_found(cluster.endpoints())));
}

fn members_that_are_gone_from_the_records_are_asked_no_more(space: &Space) {
    let cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let server = NameServer::start([(NAME, records(&endpoints))]).unwrap();
    let space = space.asking(find(&space.client, &server));
    space.set("file", "1").unwrap();
    assert_eq!(space.client.pinned(), as_found(&endpoints)[0]);

    server.set(NAME, records(&endpoints[1..]));
    set_endpoints(&space.client, find(&space.client, &server));
    assert_eq!(space.client.endpoints(), as_found(&endpoints[1..]));
    space.set("file", "2").unwrap();
    assert_eq!(space.client.pinned(), as_found(&endpoints)[1]);

    // What is in use stays in use.
    server.set(NAME, records(&endpoints));
    set_endpoints(&space.client, find(&space.client, &server));
    assert_eq!(space.client.pinned(), as_found(&endpoints)[1]);
}

fn a_dead_member_in_the_records_does_no_harm(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let server = NameServer::start([(NAME, records(&endpoints))]).unwrap();
    cluster.members()[0].kill9().unwrap();
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    let space = space.asking(find(&space.client, &server));
    space.set("file", "1").unwrap();
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    assert_ne!(space.client.pinned(), as_found(&endpoints)[0]);
    cluster.members()[0].restart().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
}
