//! A process that is stopped and continued: a response that came meanwhile is not late.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, thread};

use etcd_v2_proto::{AsyncTransport, Interrupt, Timing};
use transport_hyper::HyperTransport;

use crate::server::{Peer, Server};
use crate::{chunk, get_at};

/// Far more than the child needs between its request and the signal.
const LIMIT: Duration = Duration::from_secs(2);

fn signal(child: &Child, name: &str) {
    // A shell has it built in.
    let command = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
}

/// Asks in a child process, which is stopped while the server responds, until its limit is over.
fn is_answered(test: &str, before: &'static str, after: &'static str) {
    is_answered_by(|handler| Server::start(handler), "", test, before.to_owned(), after.to_owned());
}

fn is_answered_by(
    start: impl FnOnce(Handler) -> Server,
    ca: &str,
    test: &str,
    before: String,
    after: String,
) {
    let (asked, is_asked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (may_go_on, done) = (Mutex::new(may_go_on), Arc::new(Mutex::new(())));
    let held = done.lock().unwrap();
    let server = start({
        let done = Arc::clone(&done);
        Box::new(move |peer| {
            peer.request();
            peer.write(&before);
            asked.send(()).unwrap();
            may_go_on.lock().unwrap().recv().unwrap();
            peer.write(&after);
            asked.send(()).unwrap();
            // Keeps the connection open.
            drop(done.lock());
        })
    });
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("stopped::{test}"), "--nocapture"])
        .env("TEST_URL", server.url("/"))
        .env("TEST_CA", ca)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    is_asked.recv().unwrap();
    // By now it waits for more.
    thread::sleep(LIMIT / 4);
    signal(&child, "STOP");
    go_on.send(()).unwrap();
    is_asked.recv().unwrap();
    thread::sleep(LIMIT + LIMIT / 4);
    signal(&child, "CONT");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    drop(held);
}

type Handler = Box<dyn Fn(&mut Peer) + Send + Sync>;

async fn ask_within_the_limit(transport: HyperTransport, url: &str) -> String {
    let timing = Timing::new(None, Some(LIMIT));
    let (_, mut body) = transport.send(get_at(url), timing, &Interrupt::never()).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = chunk(&mut body, Some(LIMIT)).await.unwrap() {
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).unwrap()
}

fn child(url: &str, multi_thread: bool) {
    let mut builder = if multi_thread {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build().unwrap();
    assert_eq!(runtime.block_on(ask_within_the_limit(HyperTransport::new(), url)), "ok");
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_head_that_came_while_the_process_was_stopped_is_taken() {
    match env::var("TEST_URL") {
        Ok(url) => child(&url, false),
        Err(_) => is_answered("a_head_that_came_while_the_process_was_stopped_is_taken", "", WHOLE),
    }
}

#[test]
fn a_head_that_came_meanwhile_is_taken_with_several_threads() {
    match env::var("TEST_URL") {
        Ok(url) => child(&url, true),
        Err(_) => {
            is_answered("a_head_that_came_meanwhile_is_taken_with_several_threads", "", WHOLE)
        }
    }
}

#[test]
fn a_body_that_came_while_the_process_was_stopped_is_taken() {
    match env::var("TEST_URL") {
        Ok(url) => child(&url, false),
        Err(_) => {
            is_answered("a_body_that_came_while_the_process_was_stopped_is_taken", HEAD, "ok")
        }
    }
}

#[cfg(feature = "ring")]
mod secured {
    use etcd_v2_proto::tls::Tls;

    use super::*;
    use crate::certificates::{authority, transport};
    use crate::tls::sessions::versions;

    /// The largest record of TLS, which takes more than one turn of reading.
    const LARGE: usize = 16 << 10;

    #[test]
    fn a_large_record_that_came_while_the_process_was_stopped_is_taken() {
        if let (Ok(url), Ok(ca)) = (env::var("TEST_URL"), env::var("TEST_CA")) {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let transport = transport(Tls::new().only_ca_pem(ca));
            let text = runtime.block_on(ask_within_the_limit(transport, &url));
            assert_eq!(text.len(), LARGE);
            return;
        }
        let test = "secured::a_large_record_that_came_while_the_process_was_stopped_is_taken";
        let authority = authority();
        for config in versions(&authority) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
            let start = |handler| Server::secured(config, handler);
            let ca = authority.pem().to_owned();
            is_answered_by(start, &ca, test, head, "x".repeat(LARGE));
        }
    }
}
