//! Every way that bytes can take to a server.

#[cfg(feature = "ring")]
use etcd_v2_proto::proxy::Proxies;
#[cfg(feature = "ring")]
use rustls::version::{TLS12, TLS13};
use transport_ureq::{Builder, UreqTransport};

#[cfg(feature = "ring")]
use crate::certificates::{Trusted, authority};
#[cfg(feature = "ring")]
use crate::proxies::tunnels::proxy_to;
use crate::server::{Peer, Server};

/// A server, and a transport that reaches it in one of the ways.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) transport: UreqTransport,
    base: String,
    _proxy: Option<Server>,
}

impl Way {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// A server with this script for each way: plain, secured with both versions of TLS, through a tunnel.
pub(crate) fn ways(
    builder: &Builder,
    script: impl Fn(Peer) + Clone + Send + Sync + 'static,
) -> Vec<Way> {
    let server = Server::start(script.clone());
    let transport = builder.clone().build();
    let base = server.url("");
    #[cfg_attr(not(feature = "ring"), expect(unused_mut, reason = "there is no other way"))]
    let mut ways = vec![Way { name: "plain", server, transport, base, _proxy: None }];
    #[cfg(feature = "ring")]
    {
        let authority = authority();
        let pair = authority.for_hosts(&["127.0.0.1", "etcd.test"]).unwrap();
        for (name, version) in [("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13), ("tunnel", &TLS13)] {
            let server = Server::secured(pair.server(&[version], None).unwrap(), script.clone());
            let mut builder = builder.clone().tls(authority.tls()).unwrap();
            let (mut base, mut proxy) = (server.url(""), None);
            if name == "tunnel" {
                let tunnels = proxy_to(server.address());
                let url = tunnels.url("");
                builder = builder.proxies(Proxies::from_vars(|name| {
                    (name == "https_proxy").then(|| url.clone())
                }));
                (base, proxy) = ("https://etcd.test:2379".into(), Some(tunnels));
            }
            ways.push(Way { name, server, transport: builder.build(), base, _proxy: proxy });
        }
    }
    ways
}
