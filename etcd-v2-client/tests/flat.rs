//! What watches and mirrors keep of 100,000 changes: nothing. It has a binary of its own, because it looks at
//! the memory of the whole process.

#![cfg(all(target_os = "linux", any(feature = "hyper", feature = "ureq")))]
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

use etcd_v2_client::keys::{Change, Wait};
use etcd_v2_client::mirror::{Snapshot, Update};
use etcd_v2_client::{Error, Order};

/// How many changes there are, and after how many it is looked at the memory.
const CHANGES: u64 = 100_000;
const WARM: u64 = 20_000;
/// Where the changes begin.
const FIRST: u64 = 10;
/// How many keys they are of.
const KEYS: u64 = 50;
/// In KiB. One change is more than 100 bytes, so a tenth of them would not pass unseen.
const MOST: u64 = 1024;

/// One test at a time, since they share the memory.
static ALONE: Mutex<()> = Mutex::new(());

/// A server on which something changes whenever somebody waits for it.
fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the process, as its connections do with their clients.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(&stream));
        }
    });
    url
}

/// Answers one request after the other, until the client hangs up.
fn serve(stream: &TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    loop {
        let (mut request, mut line) = (String::new(), String::new());
        reader.read_line(&mut request).ok().filter(|length| *length > 0)?;
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        }
        let number = |name: &str| -> Option<u64> {
            let (_, rest) = request.split_once(name)?;
            rest.split(['&', ' ']).next()?.parse().ok()
        };
        if request.contains("stream=true") {
            let from = number("waitIndex=").unwrap_or(FIRST);
            let head = format!("transfer-encoding: chunked\r\nx-etcd-index: {}", from - 1);
            write!(writer, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n").ok()?;
            for index in from.. {
                let body = change(index);
                write!(writer, "{:x}\r\n{body}\r\n", body.len()).ok()?;
            }
        }
        let (index, body) = match number("waitIndex=") {
            // As if it happened just now.
            Some(index) => (index - 1, change(index)),
            None => (FIRST - 1, r#"{"action":"get","node":{"key":"/d","dir":true}}"#.to_owned()),
        };
        let length = body.len();
        let head = format!("content-length: {length}\r\nx-etcd-index: {index}");
        write!(writer, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").ok()?;
    }
}

fn change(index: u64) -> String {
    format!(
        r#"{{"action":"set","node":{{"key":"/d/{}","value":"{index:060}","modifiedIndex":{index},"createdIndex":{index}}}}}"#,
        index % KEYS
    )
}

/// What is really there, in KiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Takes all changes, each of which has to have the next index.
fn stays_flat(what: &str, mut next: impl FnMut() -> u64) {
    let mut warm = 0;
    for number in 0..CHANGES {
        assert_eq!(next(), FIRST + number);
        if number == WARM {
            warm = memory();
        }
    }
    let end = memory();
    println!("{what}: {warm} KiB after {WARM} changes, {end} KiB after {CHANGES}");
    assert!(end <= warm + MOST, "{what}: from {warm} to {end} KiB");
}

fn index_of_change(item: Option<Result<Change, Error>>) -> u64 {
    item.unwrap().unwrap().index().unwrap()
}

/// The index of an update that is about a change.
fn index_of_update(update: &Update) -> Option<u64> {
    match update {
        Update::Upserted { node, .. } => node.node().modified_index(),
        _ => None,
    }
}

fn has_all_keys(snapshot: &Snapshot) {
    assert_eq!(snapshot.len(), usize::try_from(KEYS + 1).unwrap());
    assert_eq!(snapshot.index(), Some(FIRST + CHANGES - 1));
}

fn streams() -> Wait {
    Wait::new("/d").recursive().after(FIRST - 1).stream()
}

#[cfg(feature = "ureq")]
#[test]
fn memory_is_flat_over_100_000_changes_blocking() {
    use etcd_v2_client::blocking::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let client = Client::builder().endpoints([start()]).order(Order::AsGiven).build().unwrap();
    let mut watch = client.keys().watch(streams());
    stays_flat("blocking, streams", || index_of_change(watch.next()));
    let (mirror, mut updates) = client.keys().mirror("/d");
    let mut next = || loop {
        if let Some(index) = index_of_update(&updates.next().unwrap().unwrap()) {
            return index;
        }
    };
    stays_flat("blocking, a mirror by long polls", &mut next);
    has_all_keys(&mirror.snapshot());
}

#[cfg(feature = "hyper")]
#[test]
fn memory_is_flat_over_100_000_changes_async() {
    use etcd_v2_client::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder().endpoints([start()]).order(Order::AsGiven).build().unwrap();
    let mut watch = client.keys().watch(streams());
    stays_flat("async, streams", || index_of_change(runtime.block_on(watch.next())));
    let (mirror, mut updates) = client.keys().mirror("/d");
    let mut next = || loop {
        let update = runtime.block_on(updates.next()).unwrap().unwrap();
        if let Some(index) = index_of_update(&update) {
            return index;
        }
    };
    stays_flat("async, a mirror by long polls", &mut next);
    has_all_keys(&mirror.snapshot());
}
