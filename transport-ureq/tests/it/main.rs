//! The transport against a scripted server.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests, but not the functions that they share"
)]

mod bodies;
#[cfg(feature = "ring")]
mod certificates;
mod connecting;
mod early;
mod endings;
mod interrupts;
mod limits;
mod pool;
mod proxies;
#[cfg(feature = "ring")]
mod response_limits;
mod server;
mod settings;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod stopped;
#[cfg(feature = "tls")]
mod tls;
mod ways;
mod wire;

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{BlockingBody, BlockingTransport, Failure, Interrupt, Timing};
use http::{Request, StatusCode};
use transport_ureq::UreqTransport;

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(10);

fn request(method: &str, url: &str, body: &'static str) -> Request<Bytes> {
    let host = url.split('/').nth(2).unwrap();
    let request = Request::builder().method(method).uri(url).header("Host", host);
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn get(url: &str) -> Request<Bytes> {
    request("GET", url, "")
}

fn put(url: &str, body: &'static str) -> Request<Bytes> {
    request("PUT", url, body)
}

fn patient() -> Timing {
    Timing::new(Some(PATIENCE), Some(PATIENCE))
}

/// Sends a request and gives up on it after a while.
fn send(
    transport: &UreqTransport,
    request: Request<Bytes>,
) -> Result<(http::response::Parts, Box<dyn BlockingBody>), Failure> {
    transport.send(request, patient(), &Interrupt::never())
}

/// The failure of a request that must not succeed.
fn failure(transport: &UreqTransport, request: Request<Bytes>) -> Failure {
    match send(transport, request) {
        Ok((head, _)) => panic!("answered with {}", head.status),
        Err(failure) => failure,
    }
}

/// Reads all that is left of a body.
fn rest(body: &mut dyn BlockingBody) -> Result<String, Failure> {
    let mut text = Vec::new();
    while let Some(piece) = body.read(Some(PATIENCE), &Interrupt::never())? {
        assert!(!piece.is_empty() && piece.len() <= 64 << 10, "{} bytes", piece.len());
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8(text).unwrap())
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

/// Sends a request and reads the whole answer.
fn ask(
    transport: &UreqTransport,
    request: Request<Bytes>,
) -> Result<(StatusCode, String), Failure> {
    let (head, mut body) = send(transport, request)?;
    Ok((head.status, rest(&mut *body)?))
}
