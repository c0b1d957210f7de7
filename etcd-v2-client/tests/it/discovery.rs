//! Discovery in both colours, at a real name server on a loopback port.
//!
//! | module | what the name server does | what has to come of it |
//! |---|---|---|
//! | [`records`] | it has records | endpoints, in order, by UDP or TCP, behind aliases, always fresh |
//! | [`failures`] | it has none, fails, is silent, is not there | an error that names the culprit, in time |
//! | `certificates` | it has records for servers with TLS | verified by the target, not by the domain |
//! | [`callers`] | it answers | whoever calls from wherever gets the endpoints |

/// Makes two tests of each function that is claimed of either [`Colour`].
macro_rules! both {
    ($($claim:ident,)+) => { $(
        mod $claim {
            #[test]
            fn async_() {
                super::$claim(crate::discovery::Colour::Async);
            }

            #[test]
            fn blocking() {
                super::$claim(crate::discovery::Colour::Blocking);
            }
        }
    )+ };
}

mod callers;
#[cfg(all(feature = "ring", any(feature = "hyper", feature = "ureq")))]
mod certificates;
mod failures;
mod records;

use std::time::Duration;

use etcd_v2_client::Error;
use etcd_v2_client::discovery::{AsyncDiscoverer, BlockingDiscoverer, SrvDiscoverer, SrvError};

use crate::name_server::{NameServer, Reply};

const SSL: &str = "_etcd-client-ssl._tcp.example.com";
const PLAIN: &str = "_etcd-client._tcp.example.com";

/// Long enough for anything that is going to happen at all, on a busy machine too.
const LONGEST: Duration = Duration::from_secs(20);

/// In which way a discoverer is used.
#[derive(Clone, Copy, Debug)]
enum Colour {
    Async,
    Blocking,
}

impl Colour {
    fn discover(self, discoverer: &SrvDiscoverer, domain: &str) -> Result<Vec<String>, Error> {
        let found = match self {
            // A runtime that can do nothing, neither sockets nor time.
            Self::Async => tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(AsyncDiscoverer::discover(discoverer, domain)),
            Self::Blocking => BlockingDiscoverer::discover(discoverer, domain),
        };
        Ok(found?.into_iter().map(String::from).collect())
    }

    /// What is found at `example.com`.
    fn find(self, discoverer: &SrvDiscoverer) -> Result<Vec<String>, Error> {
        self.discover(discoverer, "example.com")
    }

    /// The error in the error.
    fn fail(self, discoverer: &SrvDiscoverer, judge: impl FnOnce(&SrvError)) -> Error {
        let error = self.find(discoverer).unwrap_err();
        judge(SrvError::of(&error).unwrap());
        error
    }
}

/// Asks nobody else, and is as patient as a busy machine may demand.
fn asking(servers: &[&NameServer]) -> SrvDiscoverer {
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    SrvDiscoverer::new().name_servers(addresses).time_limit(LONGEST)
}

/// One record.
fn one(target: &str, port: u16) -> Reply {
    Reply::Srv(vec![(0, 0, port, target.to_owned())])
}

fn start<const N: usize>(replies: [(&str, Reply); N]) -> NameServer {
    NameServer::start(replies).unwrap()
}
