//! Ways through a proxy, and past it.

use etcd_v2_client::keys::Get;
use etcd_v2_client::proto::proxy::Proxies;

use crate::both::{Colour, both};
use crate::server::Server;

both!(
    a_proxy_of_the_builder_is_asked_for_the_endpoint,
    what_a_proxy_of_the_builder_is_not_for_goes_straight_to_the_endpoint,
);

fn a_proxy_of_the_builder_is_asked_for_the_endpoint(colour: Colour) {
    let proxy = Server::healthy();
    let setup = colour.patient(["http://etcd.test:2379"]);
    let client = setup.proxies(Proxies::all(&proxy.url()).unwrap()).build();
    client.send(Get::new("/a")).unwrap();
    assert_eq!(proxy.lines(), ["GET http://etcd.test:2379/v2/keys/a"]);
}

fn what_a_proxy_of_the_builder_is_not_for_goes_straight_to_the_endpoint(colour: Colour) {
    let (proxy, server) = (Server::healthy(), Server::healthy());
    for (proxies, expected) in [
        (Proxies::all(&proxy.url()).unwrap(), (1, 0)),
        (Proxies::all(&proxy.url()).unwrap().except("127.0.0.1"), (1, 1)),
        (Proxies::none(), (1, 2)),
    ] {
        let client = colour.patient([server.url()]).proxies(proxies).build();
        client.send(Get::new("/a")).unwrap();
        assert_eq!((proxy.count(), server.count()), expected);
    }
}

#[test]
fn no_proxy_of_the_builder_takes_proxies_back() {
    let (proxy, server) = (Server::healthy(), Server::healthy());
    let proxies = Proxies::all(&proxy.url()).unwrap();
    #[cfg(feature = "hyper")]
    {
        let builder = etcd_v2_client::Client::builder().endpoints([server.url()]);
        let client = builder.proxies(proxies.clone()).no_proxy().build().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(client.keys().get("/a")).unwrap();
    }
    #[cfg(feature = "ureq")]
    {
        let builder = etcd_v2_client::blocking::Client::builder().endpoints([server.url()]);
        let client = builder.proxies(proxies).no_proxy().build().unwrap();
        client.keys().get("/a").unwrap();
    }
    assert_eq!(proxy.count(), 0);
    assert!(server.count() > 0);
}
