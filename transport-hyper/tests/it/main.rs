//! What the transport promises, tried against scripted servers on real sockets.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::future::poll_fn;
use std::process::Command;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_v2_proto::{AsyncBody, AsyncTransport, Failure, Interrupt, Timing};
use http::{Method, Request, StatusCode};
use transport_hyper::HyperTransport;

use crate::server::Server;

mod bodies;
#[cfg(feature = "ring")]
mod certificates;
mod clock;
mod connecting;
mod connectors;
mod early;
mod floods;
#[cfg(unix)]
mod forked;
mod heads;
mod interrupts;
mod limits;
mod pooling;
mod proxies;
#[cfg(feature = "ring")]
mod response_limits;
mod runtimes;
mod server;
mod stale;
#[cfg(unix)]
mod stopped;
#[cfg(feature = "tls")]
mod tls;
mod unsolicited;

/// A request as the core makes it: absolute, and with every header that is not about framing.
fn request(method: Method, server: &Server, path: &str, body: &'static str) -> Request<Bytes> {
    request_at(method, &server.url(path), body)
}

fn request_at(method: Method, url: &str, body: &'static str) -> Request<Bytes> {
    let host = url.split('/').nth(2).unwrap();
    let request = Request::builder().method(method).uri(url).header("Host", host);
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn get_at(url: &str) -> Request<Bytes> {
    request_at(Method::GET, url, "")
}

fn put_at(url: &str) -> Request<Bytes> {
    request_at(Method::PUT, url, "value=1")
}

fn get(server: &Server, path: &str) -> Request<Bytes> {
    request(Method::GET, server, path, "")
}

fn put(server: &Server, path: &str) -> Request<Bytes> {
    request(Method::PUT, server, path, "value=1")
}

/// A whole exchange without limits.
async fn ask(
    transport: &HyperTransport,
    request: Request<Bytes>,
) -> Result<(StatusCode, String), Failure> {
    let (head, mut body) = transport.send(request, Timing::default(), &Interrupt::never()).await?;
    Ok((head.status, rest(&mut body).await?))
}

/// The failure of a request that must not succeed.
async fn failure(transport: &HyperTransport, request: Request<Bytes>) -> Failure {
    failure_within(transport, request, Timing::default(), &Interrupt::never()).await
}

async fn failure_within(
    transport: &HyperTransport,
    request: Request<Bytes>,
    timing: Timing,
    interrupt: &Interrupt,
) -> Failure {
    match transport.send(request, timing, interrupt).await {
        Ok((head, _)) => panic!("answered with {}", head.status),
        Err(failure) => failure,
    }
}

async fn rest(body: &mut Box<dyn AsyncBody>) -> Result<String, Failure> {
    let mut text = Vec::new();
    while let Some(piece) = chunk(body, None).await? {
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn chunk(
    body: &mut Box<dyn AsyncBody>,
    timeout: Option<Duration>,
) -> Result<Option<Bytes>, Failure> {
    poll_fn(|context| body.poll_chunk(context, timeout)).await
}

/// Lets the runtime work until something has come about, without the help of its clock.
async fn eventually(what: &str, mut has_come: impl FnMut() -> bool) {
    let started = Instant::now();
    while !has_come() {
        assert!(started.elapsed() < PATIENCE, "this never came about: {what}");
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until the tasks of this runtime are that many.
async fn tasks(count: usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    eventually("so many tasks are left", || metrics.num_alive_tasks() == count).await;
}

/// Runs an ignored test of this program in a process with these environment variables and no others.
fn in_a_child(test: &str, variables: &[(&str, &str)]) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
