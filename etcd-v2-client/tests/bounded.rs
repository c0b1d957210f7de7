//! What answers without an end, and calls that are given up, can make a process set aside. It has a binary of
//! its own, because it looks at the memory and at the descriptors of the whole process.

#![cfg(all(target_os = "linux", any(feature = "hyper", feature = "ureq")))]
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use etcd_v2_client::keys::Change;
use etcd_v2_client::{Error, ErrorKind, Order, Policy};

/// What is offered, which is more than anybody takes, and the default limit of an answer.
const OFFERED: usize = 1 << 30;
const LIMIT: usize = 64 << 20;

/// How often a call is given up, and how many at once.
const CALLS: usize = 10_000;
const AT_ONCE: usize = 100;

/// One test at a time, since they share what they look at.
static ALONE: Mutex<()> = Mutex::new(());

/// A server that is up to no good.
struct Server {
    url: String,
    /// How many requests wait for an answer that never comes.
    waiting: Arc<AtomicUsize>,
}

fn start() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let waiting = Arc::<AtomicUsize>::default();
    let shared = Arc::clone(&waiting);
    // It ends with the process, as its connections do with their clients.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, waiting) = (stream.unwrap(), Arc::clone(&shared));
            thread::spawn(move || serve(&stream, &waiting));
        }
    });
    Server { url, waiting }
}

/// Answers one request after the other, until the client hangs up.
fn serve(stream: &TcpStream, waiting: &AtomicUsize) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut request, mut line) = (String::new(), String::new());
        reader.read_line(&mut request).ok().filter(|length| *length > 0)?;
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        }
        let begin = r#"{"action":"get","node":{"key":"/a","value":""#;
        let piece = vec![b'v'; 1 << 20];
        if request.contains("/announced") {
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {OFFERED}\r\n\r\n{begin}").ok()?;
            (0..OFFERED / piece.len()).try_for_each(|_| writer.write_all(&piece)).ok()?;
        } else if request.contains("/chunked") {
            write!(writer, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").ok()?;
            for _ in 0..OFFERED / piece.len() {
                write!(writer, "{:x}\r\n", piece.len()).ok()?;
                writer.write_all(&piece).ok()?;
                write!(writer, "\r\n").ok()?;
            }
        } else if request.contains("/refused") {
            write!(writer, "HTTP/1.1 400 Bad Request\r\n\r\n").ok()?;
            (0..OFFERED / piece.len()).try_for_each(|_| writer.write_all(&piece)).ok()?;
        } else {
            waiting.fetch_add(1, Ordering::SeqCst);
            let _ = reader.read(&mut [0]);
            waiting.fetch_sub(1, Ordering::SeqCst);
            return None;
        }
    }
}

/// A figure of this process, in KiB.
fn figure(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn unhurried(policy: &mut Policy) {
    (policy.read_deadline, policy.read_head, policy.passes) = (None, None, Some(1));
}

/// Asks for answers without an end; none takes more than twice its limit.
fn is_bounded(what: &str, mut get: impl FnMut(&str) -> Result<Change, Error>) {
    for key in ["/announced", "/chunked", "/refused"] {
        // The peak begins anew where the memory is now.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = figure("VmRSS");
        let error = get(key).unwrap_err();
        let grown = figure("VmHWM").saturating_sub(before);
        println!("{what}, {key}: {grown} KiB for a limit of {} KiB", LIMIT >> 10);
        match error.kind() {
            ErrorKind::TooLarge { limit } => {
                assert_eq!((*limit, key == "/refused"), (LIMIT, false))
            }
            ErrorKind::Unexpected(_) => assert_eq!(key, "/refused"),
            other => panic!("{key}: {other}"),
        }
        assert!(grown <= (2 * LIMIT) >> 10, "{what}, {key}: {grown} KiB");
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Lets calls wait and gives them up, over and over: what they had open is closed.
fn leaves_nothing(what: &str, server: &Server, mut round: impl FnMut(&dyn Fn())) {
    let mut warm = 0;
    for number in 0..CALLS / AT_ONCE {
        round(&|| until("all wait", || server.waiting.load(Ordering::SeqCst) == AT_ONCE));
        until("all are gone", || server.waiting.load(Ordering::SeqCst) == 0);
        if number == 0 {
            until("they are closed", || descriptors() < AT_ONCE);
            warm = descriptors();
        }
    }
    until("no more are open than after the first round", || descriptors() <= warm);
    println!("{what}: {warm} descriptors after {AT_ONCE} calls, {} after {CALLS}", descriptors());
}

#[cfg(feature = "ureq")]
#[test]
fn hostile_answers_and_calls_that_are_given_up_leave_nothing_blocking() {
    use etcd_v2_client::Interrupt;
    use etcd_v2_client::blocking::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start();
    let builder = Client::builder().endpoints([&server.url]).order(Order::AsGiven);
    let client = builder.policy(unhurried).build().unwrap();
    is_bounded("blocking", |key| client.keys().get(key));
    leaves_nothing("blocking", &server, |wait| {
        let interrupt = Interrupt::new();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                let client = client.stopped_by(&interrupt);
                scope.spawn(move || assert!(client.keys().get("/hung").unwrap_err().is_stopped()));
            }
            wait();
            interrupt.stop();
        });
    });
}

#[cfg(feature = "hyper")]
#[test]
fn hostile_answers_and_calls_that_are_given_up_leave_nothing_async() {
    use etcd_v2_client::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = start();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let builder = Client::builder().endpoints([&server.url]).order(Order::AsGiven);
    let client = builder.policy(unhurried).build().unwrap();
    is_bounded("async", |key| runtime.block_on(client.keys().get(key)));
    leaves_nothing("async", &server, |wait| {
        let calls = (0..AT_ONCE).map(|_| {
            let keys = client.keys();
            runtime.spawn(async move { keys.get("/hung").await })
        });
        let calls: Vec<_> = calls.collect();
        wait();
        for call in calls {
            call.abort();
            assert!(runtime.block_on(call).unwrap_err().is_cancelled());
        }
    });
}
