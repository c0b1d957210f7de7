//! Transports of the caller, which need no feature.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use etcd_v2_client::proto::bytes::Bytes;
use etcd_v2_client::proto::http::{self, response::Parts};
use etcd_v2_client::{
    AsyncBody, AsyncTransport, BlockingBody, BlockingTransport, Client, Failure, Interrupt, Timing,
    async_trait, blocking,
};

const ENDPOINT: &str = "http://etcd.test:2379";
const ANSWER: &str =
    r#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":3,"createdIndex":3}}"#;

/// Answers everything at once, without any network.
#[derive(Debug, Default)]
struct Canned {
    sent: AtomicUsize,
}

/// What is left of the answer.
struct Rest(Option<Bytes>);

impl Canned {
    fn answer(&self, request: &http::Request<Bytes>) -> (Parts, Rest) {
        assert_eq!(request.uri().to_string(), format!("{ENDPOINT}/v2/keys/a"));
        self.sent.fetch_add(1, Ordering::SeqCst);
        let (parts, ()) = http::Response::new(()).into_parts();
        (parts, Rest(Some(Bytes::from_static(ANSWER.as_bytes()))))
    }
}

#[async_trait]
impl AsyncTransport for Canned {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: Timing,
        _: &Interrupt,
    ) -> Result<(Parts, Box<dyn AsyncBody>), Failure> {
        let (parts, rest) = self.answer(&request);
        Ok((parts, Box::new(rest)))
    }

    async fn sleep(&self, _: Duration, _: &Interrupt) -> Result<(), Failure> {
        Ok(())
    }
}

impl AsyncBody for Rest {
    fn poll_chunk(
        &mut self,
        _: &mut Context<'_>,
        _: Option<Duration>,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        Poll::Ready(Ok(self.0.take()))
    }
}

impl BlockingTransport for Canned {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Timing,
        _: &Interrupt,
    ) -> Result<(Parts, Box<dyn BlockingBody>), Failure> {
        let (parts, rest) = self.answer(&request);
        Ok((parts, Box::new(rest)))
    }

    fn sleep(&self, _: Duration, _: &Interrupt) -> Result<(), Failure> {
        Ok(())
    }
}

impl BlockingBody for Rest {
    fn read(&mut self, _: Option<Duration>, _: &Interrupt) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.take())
    }
}

#[test]
fn a_transport_of_the_caller_carries_all_calls() {
    let canned = Arc::new(Canned::default());
    // Not even a runtime is needed for it to be asynchronous.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let given = Client::with_transport([ENDPOINT], canned.clone()).unwrap();
    let built = Client::builder().endpoints([ENDPOINT]).transport(canned.clone()).build().unwrap();
    for client in [given, built] {
        let read = runtime.block_on(client.keys().get("/a")).unwrap();
        assert_eq!(read.value(), Some("1"));
    }
    assert_eq!(canned.sent.load(Ordering::SeqCst), 2);

    let given = blocking::Client::with_transport([ENDPOINT], canned.clone()).unwrap();
    let built = blocking::Client::builder().endpoints([ENDPOINT]).transport(canned.clone());
    for client in [given, built.build().unwrap()] {
        assert_eq!(client.keys().get("/a").unwrap().value(), Some("1"));
    }
    assert_eq!(canned.sent.load(Ordering::SeqCst), 4);
}

#[test]
fn proxies_are_not_for_a_transport_of_the_caller() {
    let canned = Arc::new(Canned::default());
    let text = "invalid proxies: are for the transport that a feature brings";
    let builder = Client::builder().endpoints([ENDPOINT]).transport(canned.clone());
    let error = builder.no_proxy().build().unwrap_err();
    assert!(error.to_string().starts_with(text), "{error}");
    let builder = blocking::Client::builder().endpoints([ENDPOINT]).transport(canned);
    let error = builder.no_proxy().build().unwrap_err();
    assert!(error.to_string().starts_with(text), "{error}");
}
