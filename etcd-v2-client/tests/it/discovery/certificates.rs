//! Which name a certificate has to have.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use etcd_v2_client::proto::tls::Tls;
use etcd_v2_client::{Error, Order, Outcome};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::name_server::NameServer;

use super::{Colour, LONGEST, SSL, asking, one, start};

/// A server with a certificate for one name, which trusts nobody but itself.
struct Secure {
    address: SocketAddr,
    certificate: String,
}

impl Secure {
    fn called(name: &str) -> Self {
        let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with this process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Whoever does not like the certificate hangs up.
                _ = answer(stream.unwrap(), &config);
            }
        });
        Self { address, certificate: own.cert.pem() }
    }

    /// Records for `example.com` that lead here, by the name `localhost`.
    fn record(&self) -> NameServer {
        start([(SSL, one("localhost.", self.address.port()))])
    }

    fn tls(&self) -> Tls {
        Tls::new().only_ca_pem(self.certificate.as_bytes())
    }
}

fn answer(mut stream: TcpStream, config: &Arc<ServerConfig>) -> Result<(), std::io::Error> {
    stream.set_read_timeout(Some(LONGEST))?;
    let mut session = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = Stream::new(&mut session, &mut stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.extend(byte);
    }
    let body = r#"{"action":"get","node":{"key":"/file","value":"1","modifiedIndex":1}}"#;
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nX-Etcd-Index: 1\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// What is read from the cluster that is found at `example.com`.
fn read(colour: Colour, server: &Secure) -> Result<Option<String>, Error> {
    let endpoints = colour.find(&asking(&[&server.record()])).unwrap();
    match colour {
        #[cfg(feature = "hyper")]
        Colour::Async => {
            use etcd_v2_client::Client;
            use etcd_v2_client::hyper::HyperTransport;

            let transport = HyperTransport::builder().tls(server.tls()).unwrap().build();
            let client = Client::builder().endpoints(endpoints).transport(Arc::new(transport));
            let client = client.order(Order::AsGiven).policy(patient).build().unwrap();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let read = runtime.block_on(async { client.keys().get("/file").await })?;
            Ok(read.value().map(str::to_owned))
        }
        #[cfg(feature = "ureq")]
        Colour::Blocking => {
            use etcd_v2_client::blocking::Client;
            use etcd_v2_client::ureq::UreqTransport;

            let transport = UreqTransport::builder().tls(server.tls()).unwrap().build();
            let client = Client::builder().endpoints(endpoints).transport(Arc::new(transport));
            let client = client.order(Order::AsGiven).policy(patient).build().unwrap();
            Ok(client.keys().get("/file")?.value().map(str::to_owned))
        }
        #[cfg(not(all(feature = "hyper", feature = "ureq")))]
        other => panic!("this build has no transport for {other:?}"),
    }
}

fn patient(policy: &mut etcd_v2_client::Policy) {
    policy.read_head = policy.write_head.map(Into::into);
    policy.passes = Some(1);
}

fn the_target_has_to_be_in_the_certificate(colour: Colour) {
    assert_eq!(read(colour, &Secure::called("localhost")).unwrap().as_deref(), Some("1"));
}

fn the_domain_in_the_certificate_does_not_help(colour: Colour) {
    let error = read(colour, &Secure::called("example.com")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    let text = error.to_string();
    assert!(text.contains("example.com") && text.contains("localhost"), "{text}");
}

#[cfg(feature = "hyper")]
#[test]
fn the_target_has_to_be_in_the_certificate_async() {
    the_target_has_to_be_in_the_certificate(Colour::Async);
}

#[cfg(feature = "ureq")]
#[test]
fn the_target_has_to_be_in_the_certificate_blocking() {
    the_target_has_to_be_in_the_certificate(Colour::Blocking);
}

#[cfg(feature = "hyper")]
#[test]
fn the_domain_in_the_certificate_does_not_help_async() {
    the_domain_in_the_certificate_does_not_help(Colour::Async);
}

#[cfg(feature = "ureq")]
#[test]
fn the_domain_in_the_certificate_does_not_help_blocking() {
    the_domain_in_the_certificate_does_not_help(Colour::Blocking);
}
