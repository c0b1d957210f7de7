//! Secured connections: whom they trust, and what they say about it.

#[cfg(feature = "ring")]
mod bodies;
#[cfg(feature = "ring")]
mod handshakes;
#[cfg(feature = "ring")]
mod sessions;
#[cfg(feature = "ring")]
mod trust;

#[cfg(not(feature = "ring"))]
use etcd_v2_proto::Stage;
#[cfg(not(feature = "ring"))]
use etcd_v2_proto::tls::Tls;
#[cfg(not(feature = "ring"))]
use transport_ureq::UreqTransport;

#[cfg(not(feature = "ring"))]
use crate::server::Server;
#[cfg(not(feature = "ring"))]
use crate::{failure, get};

#[test]
#[cfg(not(feature = "ring"))]
fn without_cryptography_https_says_what_to_do() {
    let error = UreqTransport::builder().tls(Tls::new()).unwrap_err();
    assert!(error.to_string().contains("switch on the feature `ring`"), "{error}");

    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let url = server.url("/").replace("http://", "https://");
    let failure = failure(&UreqTransport::new(), get(&url));
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert!(failure.to_string().contains("switch on the feature `ring`"), "{failure}");
}
