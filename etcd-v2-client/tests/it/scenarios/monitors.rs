//! What drives a client's monitor: when it begins, and that it ends.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Instant;

#[cfg(feature = "hyper")]
use etcd_v2_client::proto::{bytes::Bytes, http};
#[cfg(feature = "hyper")]
use etcd_v2_client::{
    AsyncBody, AsyncTransport, Client, Error, Failure, Interrupt, Outcome, Timing, async_trait,
    hyper::HyperTransport,
};
#[cfg(feature = "ureq")]
use etcd_v2_client::{blocking, ureq::UreqTransport};

use super::liveness::{answering, leader, probes};
use crate::both::ms;
#[cfg(feature = "hyper")]
use crate::both::timed;
use crate::server::{PATIENCE, Server};

/// Waits until nobody has it any more.
fn until_gone<T>(transport: &Weak<T>) {
    let began = Instant::now();
    while transport.strong_count() > 0 {
        assert!(began.elapsed() < PATIENCE, "something has kept the transport");
        thread::sleep(ms(5));
    }
}

/// Waits until a server was probed.
fn until_probed(server: &Server, times: usize) {
    let began = Instant::now();
    while probes(server) < times {
        assert!(began.elapsed() < PATIENCE, "nobody has probed it");
        thread::sleep(ms(5));
    }
}

#[cfg(feature = "ureq")]
#[test]
fn nothing_of_a_monitor_is_left_when_its_blocking_client_is_gone() {
    let server = answering(leader);
    let transport = Arc::new(UreqTransport::new());
    let (left, url) = (Arc::downgrade(&transport), server.url());
    let client = blocking::Client::with_transport([url], transport).unwrap();
    let mut watch = client.keys().watch("/a");
    let interrupt = watch.interrupt().clone();
    let watching = thread::spawn(move || watch.next());
    until_probed(&server, 1);
    drop(client);
    // A watch needs it as long as it lasts.
    until_probed(&server, 2);
    interrupt.stop();
    assert!(watching.join().unwrap().unwrap().unwrap_err().is_stopped());
    until_gone(&left);
}

#[cfg(feature = "hyper")]
#[test]
fn nothing_of_a_monitor_is_left_when_its_async_client_is_gone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = answering(leader);
    let transport = Arc::new(HyperTransport::new());
    let (left, url) = (Arc::downgrade(&transport), server.url());
    let client = Client::with_transport([url], transport).unwrap();
    let mut watch = client.keys().watch("/a");
    let watching = runtime.spawn(async move { watch.next().await.is_some() });
    until_probed(&server, 1);
    drop(client);
    until_probed(&server, 2);
    watching.abort();
    until_gone(&left);
    let began = Instant::now();
    while runtime.metrics().num_alive_tasks() > 0 {
        assert!(began.elapsed() < PATIENCE, "a task is left");
        thread::sleep(ms(5));
    }
}

#[cfg(feature = "hyper")]
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A write that nobody answers, on this runtime: how it ends.
#[cfg(feature = "hyper")]
fn write(client: &Client, runtime: &tokio::runtime::Runtime) -> Error {
    let keys = client.keys();
    let (result, took) = timed(|| runtime.block_on(keys.set("/a", "1")));
    assert!(took < ms(5000), "{took:?}");
    result.unwrap_err()
}

#[cfg(feature = "hyper")]
#[test]
fn a_monitor_goes_on_when_its_runtime_is_gone_or_not_driven_any_more() {
    let client = |server: &Server| {
        let builder = Client::builder().endpoints([server.url()]);
        builder.policy(|policy| policy.write_head = None).build().unwrap()
    };
    for is_dropped in [true, false] {
        let server = Server::hung();
        let client = client(&server);
        let first = runtime();
        assert_eq!(write(&client, &first).outcome(), Outcome::Unknown);
        let kept = (!is_dropped).then_some(first);
        // Time for the first one to be missed.
        thread::sleep(ms(800));
        assert_eq!(write(&client, &runtime()).outcome(), Outcome::Unknown);
        drop(kept);
    }
}

/// The transport of the feature, but nothing runs beside the calls.
#[cfg(feature = "hyper")]
#[derive(Debug)]
struct Alone(HyperTransport);

#[cfg(feature = "hyper")]
#[async_trait]
impl AsyncTransport for Alone {
    fn now(&self) -> std::time::Duration {
        self.0.now()
    }

    async fn send(
        &self,
        request: http::Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(http::response::Parts, Box<dyn AsyncBody>), Failure> {
        self.0.send(request, timing, interrupt).await
    }

    async fn sleep(
        &self,
        pause: std::time::Duration,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        self.0.sleep(pause, interrupt).await
    }
}

#[cfg(feature = "hyper")]
#[test]
fn without_a_way_to_run_it_there_is_no_monitor_and_limits_hold() {
    let server = answering(leader);
    let builder = Client::builder().endpoints([server.url()]);
    let builder = builder.policy(|policy| policy.write_head = Some(ms(900)));
    let client = builder.transport(Arc::new(Alone(HyperTransport::new()))).build().unwrap();
    for _ in 0..2 {
        assert!(write(&client, &runtime()).is_timeout());
    }
    assert_eq!(probes(&server), 0);
}
