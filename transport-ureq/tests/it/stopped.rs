//! A process that is stopped past a limit, and continued.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "ring")]
use etcd_v2_proto::tls::Tls;
use etcd_v2_proto::{BlockingTransport, Interrupt, Timing};
use transport_ureq::UreqTransport;

#[cfg(feature = "ring")]
use crate::certificates::{authority, transport};
use crate::server::{Peer, Server};
use crate::{PATIENCE, get};

/// The limit for the head of a response, and for every piece of its body.
const LIMIT: Duration = Duration::from_millis(1500);

/// In the child: what to ask, and the CA to trust.
const URL: &str = "ASK_URL";
const CA: &str = "ASK_CA";

fn signal(name: &str, process: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(status.unwrap().success());
}

/// Stops a process for longer than its limit, and does something meanwhile.
fn while_stopped(process: u32, act: impl FnOnce()) {
    signal("STOP", process);
    let began = Instant::now();
    while !fs::read_to_string(format!("/proc/{process}/stat")).unwrap().contains(") T ") {
        assert!(began.elapsed() < PATIENCE, "it does not stop");
        thread::sleep(Duration::from_millis(1));
    }
    act();
    thread::sleep(LIMIT + LIMIT / 2);
    signal("CONT", process);
}

/// Stops the child when it has got the first part of the response, and sends the rest.
fn script(
    child: &Arc<Mutex<Option<u32>>>,
    parts: (String, String),
) -> impl Fn(Peer) + Send + Sync + 'static {
    let child = Arc::clone(child);
    move |mut peer| {
        peer.request().unwrap();
        peer.say(&parts.0);
        // It most likely waits for the rest then; if it does not, it must get it all the same.
        thread::sleep(LIMIT / 8);
        let process = child.lock().unwrap().unwrap();
        while_stopped(process, || {
            peer.say(&parts.1);
        });
        peer.sees_close();
    }
}

fn ask_in_a_child(url: &str, ca: &str, pid: &Mutex<Option<u32>>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "stopped::asks_as_told", "--nocapture"]);
    command.env(URL, url).env(CA, ca).stdout(Stdio::piped()).stderr(Stdio::piped());
    // The server waits for the lock until it may know the process.
    let mut pid = pid.lock().unwrap();
    let child = command.spawn().unwrap();
    *pid = Some(child.id());
    child
}

/// A server with this script, and the CA that vouches for it.
fn start(secured: bool, script: impl Fn(Peer) + Send + Sync + 'static) -> (Server, String) {
    #[cfg(feature = "ring")]
    if secured {
        let authority = authority();
        return (Server::secured(authority.server().unwrap(), script), authority.pem().to_owned());
    }
    assert!(!secured);
    (Server::start(script), String::new())
}

#[test]
fn response_that_arrived_while_the_process_was_stopped_counts() {
    let fill = format!("X-Fill: {}\r\n", "y".repeat(1000)).repeat(40);
    let long = "0123456789".repeat(3000);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n".to_owned();
    let parts = [
        (String::new(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody".to_owned()),
        ("HTTP/1.1 200 OK\r\nContent-".into(), "Length: 4\r\n\r\nbody".into()),
        ("HTTP/1.1 200 OK\r\n".into(), format!("{fill}Content-Length: 30000\r\n\r\n{long}")),
        (head.clone(), long.clone()),
        (head + "01234", long[5..].into()),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r".into(),
            "\nbody\r\n0\r\n\r\n".into(),
        ),
    ];
    thread::scope(|scope| {
        for parts in &parts {
            for secured in [false, true] {
                if secured && cfg!(not(feature = "ring")) {
                    continue;
                }
                scope.spawn(move || {
                    let pid = Arc::new(Mutex::new(None));
                    let (server, ca) = start(secured, script(&pid, parts.clone()));
                    let child = ask_in_a_child(&server.url("/"), &ca, &pid);
                    let output = child.wait_with_output().unwrap();
                    let said = String::from_utf8_lossy(&output.stdout);
                    let is_good = output.status.success() && said.contains("1 passed");
                    assert!(is_good, "{secured} {}: {said}", parts.0);
                });
            }
        }
    });
}

#[test]
fn asks_as_told() {
    let Ok(url) = std::env::var(URL) else { return };
    let transport = match std::env::var(CA).unwrap() {
        ca if ca.is_empty() => UreqTransport::new(),
        #[cfg(feature = "ring")]
        ca => transport(Tls::new().only_ca_pem(ca)),
        #[cfg(not(feature = "ring"))]
        ca => panic!("no TLS for {ca}"),
    };
    let never = Interrupt::never();
    let timing = Timing::new(Some(PATIENCE), Some(LIMIT));
    let (head, mut body) = transport.send(get(&url), timing, &never).unwrap();
    let mut length = 0;
    while let Some(piece) = body.read(Some(LIMIT), &never).unwrap() {
        length += piece.len();
    }
    let announced = head.headers.get("content-length");
    let announced = announced.map_or(4, |length| length.to_str().unwrap().parse().unwrap());
    assert_eq!(length, announced);
}
