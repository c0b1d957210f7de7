//! The blocking client.

use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::blocking::{Client, Keys};
use etcd_v2_client::keys::Wait;
use etcd_v2_client::mirror::Update;
use measure::{Job, Meter};

pub(crate) fn run(job: &Job) {
    let client = Client::builder()
        .endpoints([&job.base])
        .policy(|policy| {
            policy.read_deadline = Some(Duration::from_secs(60));
            policy.read_head = Some(Duration::from_secs(30).into());
            policy.listing_head = Some(Duration::from_secs(30).into());
        })
        .build()
        .expect("a client");
    let keys = client.keys();
    keys.get("/bench/key").expect("a first answer");
    match job.workload.as_str() {
        "get64" => concurrently(job, &keys),
        "watch" | "stream" => watch(job, &keys),
        "mirror-100000" => mirror(&keys),
        _ => sequentially(job, &keys),
    }
}

fn sequentially(job: &Job, keys: &Keys) {
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        request(job, keys);
        meter.lap(began);
    }
    meter.end();
}

fn request(job: &Job, keys: &Keys) {
    match job.workload.as_str() {
        "set" => assert!(keys.set("/bench/key", "some value").expect("a set").index().is_some()),
        "list-10000" => {
            let list = keys.list("/nodes-10000").expect("a listing");
            assert_eq!(list.node().map(|node| node.leaves().count()), Some(10_000));
        }
        "list-100000" => {
            let list = keys.list("/nodes-100000").expect("a listing");
            assert_eq!(list.node().map(|node| node.leaves().count()), Some(100_000));
        }
        _ => assert!(keys.get("/bench/key").expect("a get").value().is_some()),
    }
}

fn concurrently(job: &Job, keys: &Keys) {
    let worker = |share: u32| {
        let mut laps = Vec::with_capacity(share as usize);
        for _ in 0..share {
            let began = Instant::now();
            assert!(keys.get("/bench/key").expect("a get").value().is_some());
            laps.push(began.elapsed());
        }
        laps
    };
    let all = |share: u32| -> Vec<Duration> {
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..WORKERS).map(|_| scope.spawn(move || worker(share))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a worker")).collect()
        })
    };
    all(10);
    let mut meter = Meter::begin(job.requests);
    meter.laps(all(job.share(WORKERS)));
    meter.end();
}

const WORKERS: u32 = 64;

fn watch(job: &Job, keys: &Keys) {
    let wait = Wait::new("/bench/key").after(job.after);
    let mut watch = keys.watch(if job.workload == "stream" { wait.stream() } else { wait });
    watch.next().expect("an item").expect("a change");
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        watch.next().expect("an item").expect("a change");
        meter.lap(began);
    }
    meter.end();
}

fn mirror(keys: &Keys) {
    let mut meter = Meter::begin(1);
    let began = Instant::now();
    let (mirror, mut updates) = keys.mirror("/nodes-100000");
    while !matches!(updates.next().expect("an update").expect("an update"), Update::Resynced { .. })
    {
    }
    meter.lap(began);
    assert!(mirror.snapshot().len() > 100_000, "files and directories");
    meter.end();
}
