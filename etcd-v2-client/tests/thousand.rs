//! A thousand idle watches of one client, with a real server: what they take, how often they ask, and that
//! each is told. It has a binary of its own, because it looks at the memory and the sockets of the whole process.

#![cfg(all(target_os = "linux", any(feature = "hyper", feature = "ureq")))]
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use etcd_v2_client::keys::Change;
use etcd_v2_client::observe::{AttemptStarted, Observer};
use etcd_v2_client::{Error, Policy};
use xtask::server::Server;

const WATCHES: usize = 1000;
/// How long each of them may be silent before it asks anew. Ten times that is the default.
const IDLE: Duration = Duration::from_secs(3);
/// In KiB, for each of them. Threads cost more than tasks, and code for debugging more than any other.
const MOST: usize = 200;
/// Long enough for anything that is going to happen at all, on a busy machine too.
const LONGEST: Duration = Duration::from_secs(60);

/// One test at a time, since they share the process.
static ALONE: Mutex<()> = Mutex::new(());

/// What a watch said, and which one.
type Told = (usize, Result<Change, Error>);

/// Counts the requests of watches.
#[derive(Default)]
struct Waits(AtomicUsize);

impl Observer for Waits {
    fn attempt_started(&self, _: &AttemptStarted<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn idle(policy: &mut Policy) {
    policy.watch_idle = Some(IDLE);
}

fn key(number: usize) -> String {
    format!("/crowd/{number}")
}

/// Lets `begin` start all watches and looks what they do. They tell through the sender.
fn a_thousand_wait(colour: &str, server: &Server, waits: &Waits, begin: impl FnOnce(Sender<Told>)) {
    let (sender, told) = mpsc::channel();
    let (memory_before, sockets_before) = (memory(), sockets());
    begin(sender);
    until("all wait", || watchers(server) == WATCHES);
    // One that is begun anew may have its old connection for a moment.
    until("each has one connection", || sockets() == sockets_before + WATCHES);
    let each = memory().saturating_sub(memory_before) / WATCHES;
    println!("{colour}: {WATCHES} watches have as many connections and take {each} KiB each");
    assert!(each <= MOST, "{each} KiB each");

    let (began, before) = (Instant::now(), waits.0.load(Ordering::Relaxed));
    let asked = || waits.0.load(Ordering::Relaxed) - before;
    until("all have asked anew, and again", || asked() >= 2 * WATCHES);
    let time = began.elapsed();
    let each = time * u32::try_from(WATCHES).unwrap() / u32::try_from(asked()).unwrap();
    println!("{colour}: {} requests in {time:.1?}, one in {each:.1?} by each", asked());
    // Each asks after what it may be silent for, less up to a quarter, and may just have been about to.
    let most = time.div_duration_f64(IDLE * 3 / 4) + 1.0;
    assert!(time.div_duration_f64(each) <= most, "each asks every {each:?}");
    assert!(told.try_recv().is_err(), "there is nothing to tell yet");

    let began = Instant::now();
    let written: BTreeSet<_> = write_to_all(server);
    let heard: BTreeSet<_> = (0..WATCHES).map(|_| next(&told, |_| true)).collect();
    assert_eq!(heard, written);
    println!(
        "{colour}: {WATCHES} changes were told to one watch each after {:.1?}",
        began.elapsed()
    );

    until("all wait again", || watchers(server) == WATCHES);
    let began = Instant::now();
    assert!(ask(server, "DELETE", "/v2/keys/crowd?recursive=true").starts_with("HTTP/1.1 200"));
    let removes_own = |(number, change): &(usize, Change)| change.removes(&key(*number));
    let heard: BTreeSet<_> = (0..WATCHES).map(|_| next(&told, removes_own).0).collect();
    assert_eq!(heard, (0..WATCHES).collect());
    println!("{colour}: one change was told to all of them after {:.1?}", began.elapsed());
    assert!(told.try_recv().is_err(), "and to each once");
}

/// Which watch was told, and up to which index.
fn next(
    told: &Receiver<Told>,
    fits: impl FnOnce(&(usize, Change)) -> bool,
) -> (usize, Option<u64>) {
    let (number, item) = told.recv_timeout(LONGEST).unwrap();
    let told = (number, item.unwrap());
    assert!(fits(&told), "{told:?}");
    (number, told.1.index())
}

/// Writes once to each key, as fast as the server takes it.
fn write_to_all(server: &Server) -> BTreeSet<(usize, Option<u64>)> {
    const WRITERS: usize = 8;
    let write = |number| {
        let answer = ask(server, "PUT", &format!("/v2/keys{}?value=1", key(number)));
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        (number, Some(number_after(&answer, "\"modifiedIndex\":")))
    };
    let share = |writer| (writer..WATCHES).step_by(WRITERS).map(write).collect::<Vec<_>>();
    thread::scope(|scope| {
        let writing: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || share(writer))).collect();
        writing.into_iter().flat_map(|writing| writing.join().unwrap()).collect()
    })
}

/// How many waits the server knows.
fn watchers(server: &Server) -> usize {
    let answer = ask(server, "GET", "/v2/stats/store");
    usize::try_from(number_after(&answer, "\"watchers\":")).unwrap()
}

/// Asks without the client that is watched.
fn ask(server: &Server, method: &str, target: &str) -> String {
    let address = server.endpoint().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn number_after(text: &str, words: &str) -> u64 {
    let (_, rest) = text.split_once(words).unwrap();
    rest.split(|other: char| !other.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// What is really there, in KiB.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    usize::try_from(number_after(&status.replace(char::is_whitespace, ""), "VmRSS:")).unwrap()
}

fn sockets() -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    // One that is closed meanwhile leads nowhere.
    let targets = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONGEST;
    while !is_so() {
        assert!(Instant::now() < deadline, "this has not happened: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn server() -> Server {
    Server::start(&xtask::obtain(None).unwrap()).unwrap()
}

#[cfg(feature = "hyper")]
#[test]
fn a_thousand_idle_watches_are_all_told_async() {
    use etcd_v2_client::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, waits) = (server(), Arc::<Waits>::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builder = Client::builder().endpoints([server.endpoint()]).observer(waits.clone());
    let client = builder.build().unwrap().with(idle);
    a_thousand_wait("async", &server, &waits, |sender| {
        for number in 0..WATCHES {
            let (mut watch, sender) = (client.keys().watch(key(number)), sender.clone());
            runtime.spawn(async move {
                while let Some(item) = watch.next().await {
                    if sender.send((number, item)).is_err() {
                        break;
                    }
                }
            });
        }
    });
}

#[cfg(feature = "ureq")]
#[test]
fn a_thousand_idle_watches_are_all_told_blocking() {
    use etcd_v2_client::Interrupt;
    use etcd_v2_client::blocking::Client;

    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, waits) = (server(), Arc::<Waits>::default());
    let builder = Client::builder().endpoints([server.endpoint()]).observer(waits.clone());
    let interrupt = Interrupt::new();
    let client = builder.build().unwrap().with(idle).stopped_by(&interrupt);
    thread::scope(|scope| {
        // Whatever happens, nobody shall wait for them.
        let _end = End(interrupt);
        a_thousand_wait("blocking", &server, &waits, |sender| {
            for number in 0..WATCHES {
                let (watch, sender) = (client.keys().watch(key(number)), sender.clone());
                scope.spawn(move || {
                    watch.map_while(|item| sender.send((number, item)).ok()).last();
                });
            }
        });
    });
}

/// The end of all that an interrupt can stop.
#[cfg(feature = "ureq")]
struct End(etcd_v2_client::Interrupt);

#[cfg(feature = "ureq")]
impl Drop for End {
    fn drop(&mut self) {
        self.0.stop();
    }
}
