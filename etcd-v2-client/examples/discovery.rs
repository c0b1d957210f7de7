//! Finding a cluster by the SRV records of a domain, and reading from it, in both colours.
//!
//! `discovery DOMAIN [NAME_SERVER…]` asks these name servers (`10.0.0.53:53`), or those of the system.
//! Without arguments, it publishes the endpoints in `ETCD_V2_ENDPOINTS` under a domain of its own, at a
//! name server that it runs on a loopback port meanwhile.

#[path = "discovery/name_server.rs"]
#[expect(dead_code, reason = "the tests make it say more than this tour does")]
mod name_server;

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use etcd_v2_client::discovery::SrvDiscoverer;
use etcd_v2_client::{Endpoint, Order};

use name_server::{NameServer, Reply};

type Ending = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Ending {
    let mut arguments = env::args().skip(1);
    let Some(domain) = arguments.next() else {
        let server = publish(&endpoints())?;
        println!("A name server of our own at {} knows {OWN_DOMAIN}.", server.address);
        return find(SrvDiscoverer::new().name_servers([server.address]), OWN_DOMAIN).await;
    };
    let servers: Vec<SocketAddr> =
        arguments.map(|text| text.parse()).collect::<Result<_, _>>().map_err(|error| {
            format!("a name server is an address with a port, such as 10.0.0.53:53: {error}")
        })?;
    let discoverer = match servers.is_empty() {
        true => SrvDiscoverer::new(),
        false => SrvDiscoverer::new().name_servers(servers),
    };
    find(discoverer, &domain).await
}

async fn find(discoverer: SrvDiscoverer, domain: &str) -> Ending {
    println!("\nAsynchronous: discoverer.discover({domain:?}).await");
    asynchronous(&discoverer, domain).await?;
    println!("\nBlocking: discoverer.discover({domain:?})");
    // Like every blocking call, in a place where that is allowed.
    let domain = domain.to_owned();
    tokio::task::spawn_blocking(move || blocking(&discoverer, &domain)).await??;
    Ok(())
}

async fn asynchronous(discoverer: &SrvDiscoverer, domain: &str) -> Ending {
    use etcd_v2_client::Client;
    use etcd_v2_client::discovery::AsyncDiscoverer;

    let endpoints = discoverer.discover(domain).await?;
    show(&endpoints);
    let client = Client::builder().endpoints(endpoints).order(Order::AsGiven).build()?;
    let root = client.keys().list("/").await?;
    println!("  {} answers at index {}", client.pinned(), root.etcd_index().unwrap_or_default());

    // What a program does now and then.
    client.set_endpoints(discoverer.discover(domain).await?)?;
    println!("  discovered again: client.set_endpoints(discoverer.discover({domain:?}).await?)");
    Ok(())
}

fn blocking(discoverer: &SrvDiscoverer, domain: &str) -> Ending {
    use etcd_v2_client::blocking::Client;
    use etcd_v2_client::discovery::BlockingDiscoverer;

    let endpoints = discoverer.discover(domain)?;
    show(&endpoints);
    let client = Client::builder().endpoints(endpoints).order(Order::AsGiven).build()?;
    let root = client.keys().list("/")?;
    println!("  {} answers at index {}", client.pinned(), root.etcd_index().unwrap_or_default());

    client.set_endpoints(discoverer.discover(domain)?)?;
    println!("  discovered again: client.set_endpoints(discoverer.discover({domain:?})?)");
    Ok(())
}

fn show(endpoints: &[Endpoint]) {
    for (number, endpoint) in (1..).zip(endpoints) {
        println!("  {number}. {endpoint}");
    }
}

fn endpoints() -> String {
    env::var("ETCD_V2_ENDPOINTS").unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned())
}

/// A name server that knows these endpoints, separated by commas, all with the same chance.
fn publish(endpoints: &str) -> Result<NameServer, Box<dyn Error + Send + Sync>> {
    let (mut ssl, mut plain) = (Vec::new(), Vec::new());
    for endpoint in Endpoint::parse_list([endpoints])? {
        let (scheme, place) = endpoint.as_str().split_once("://").unwrap_or_default();
        let (records, port) = if scheme == "https" { (&mut ssl, 443) } else { (&mut plain, 80) };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, given)) if !given.ends_with(']') => (host, given.parse()?),
            _ => (place, port),
        };
        // Records hold names, and this is the name of a loopback address.
        let target = match host {
            "127.0.0.1" | "[::1]" => "localhost.".to_owned(),
            host => format!("{host}."),
        };
        records.push((0, 1, port, target));
    }
    let lists = [("_etcd-client-ssl._tcp", ssl), ("_etcd-client._tcp", plain)];
    let lists = lists.into_iter().filter(|(_, records)| !records.is_empty());
    let names = lists.map(|(name, records)| (format!("{name}.{OWN_DOMAIN}"), Reply::Srv(records)));
    Ok(NameServer::start(names)?)
}

const OWN_DOMAIN: &str = "cluster.test";
