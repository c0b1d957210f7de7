//! Secured connections: whom they trust, and what they say about it.

#[cfg(feature = "ring")]
mod handshakes;
#[cfg(feature = "ring")]
pub(crate) mod sessions;
#[cfg(feature = "ring")]
mod streams;
#[cfg(feature = "ring")]
mod trust;

#[tokio::test]
#[cfg(not(feature = "ring"))]
async fn without_cryptography_https_says_what_to_do() {
    use etcd_v2_proto::Stage;
    use etcd_v2_proto::tls::Tls;
    use transport_hyper::HyperTransport;

    let error = HyperTransport::builder().tls(Tls::new()).unwrap_err();
    assert!(error.to_string().contains("switch on the feature `ring`"), "{error}");

    let server = crate::server::Server::echo();
    let request = crate::get_at(&server.url_by("https", "/"));
    let failure = crate::failure(&HyperTransport::new(), request).await;
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert!(failure.to_string().contains("switch on the feature `ring`"), "{failure}");
}
