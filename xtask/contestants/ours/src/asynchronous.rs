//! The asynchronous client.

use std::time::{Duration, Instant};

use etcd_v2_client::keys::Wait;
use etcd_v2_client::mirror::Update;
use etcd_v2_client::{Client, Keys, Order, Policy};
use measure::{Job, Meter};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

pub(crate) fn run(job: Job) {
    let runtime = runtime(&job);
    if job.contestant == "async-root" {
        return runtime.block_on(carry_out(job));
    }
    runtime.block_on(async { tokio::spawn(carry_out(job)).await.expect("a run to its end") });
}

fn runtime(job: &Job) -> Runtime {
    let mut builder = match job.contestant.as_str() {
        "async-mt" | "async-root" => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build().expect("a runtime")
}

async fn carry_out(job: Job) {
    let mut endpoints = vec![job.base.clone()];
    if job.contestant == "async-of-100" {
        endpoints.extend((1..100).map(|number| format!("http://10.0.0.{number}:2379")));
    }
    let client = Client::builder()
        .endpoints(&endpoints)
        .order(Order::AsGiven)
        .policy(|policy| {
            if job.contestant == "async-unguarded" {
                unguard(policy);
            } else {
                // The limits of busy machines.
                policy.read_deadline = Some(Duration::from_secs(60));
                policy.read_head = Some(Duration::from_secs(30).into());
                policy.listing_head = Some(Duration::from_secs(30).into());
            }
        })
        .build()
        .expect("a client");
    let keys = client.keys();
    keys.get("/bench/key").await.expect("a first answer");
    match job.workload.as_str() {
        "get64" => concurrently(&job, &keys).await,
        "watch" | "stream" => watch(&job, &keys).await,
        "idle" => idle(&job, &keys).await,
        "mirror-100000" => mirror(&keys).await,
        _ => sequentially(&job, &keys).await,
    }
}

/// Takes away all that limits or watches over a request.
fn unguard(policy: &mut Policy) {
    policy.any_cluster = true;
    for limit in [
        &mut policy.read_deadline,
        &mut policy.write_deadline,
        &mut policy.connect,
        &mut policy.write_head,
        &mut policy.silence,
        &mut policy.late,
    ] {
        *limit = None;
    }
    policy.read_head = None;
}

async fn sequentially(job: &Job, keys: &Keys) {
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        request(job, keys).await;
        meter.lap(began);
    }
    meter.end();
}

async fn request(job: &Job, keys: &Keys) {
    match job.workload.as_str() {
        "set" => {
            assert!(keys.set("/bench/key", "some value").await.expect("a set").index().is_some())
        }
        "list-10000" => {
            let list = keys.list("/nodes-10000").await.expect("a listing");
            assert_eq!(list.node().map(|node| node.leaves().count()), Some(10_000));
        }
        "list-100000" => {
            let list = keys.list("/nodes-100000").await.expect("a listing");
            assert_eq!(list.node().map(|node| node.leaves().count()), Some(100_000));
        }
        _ => assert!(keys.get("/bench/key").await.expect("a get").value().is_some()),
    }
}

async fn concurrently(job: &Job, keys: &Keys) {
    let share = job.share(WORKERS);
    let worker = |share: u32| {
        let keys = keys.clone();
        async move {
            let mut laps = Vec::with_capacity(share as usize);
            for _ in 0..share {
                let began = Instant::now();
                assert!(keys.get("/bench/key").await.expect("a get").value().is_some());
                laps.push(began.elapsed());
            }
            laps
        }
    };
    // The connections are made before the measuring begins.
    let warm: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(worker(10))).collect();
    for task in warm {
        task.await.expect("a worker");
    }
    let mut meter = Meter::begin(job.requests);
    let tasks: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(worker(share))).collect();
    for task in tasks {
        meter.laps(task.await.expect("a worker"));
    }
    meter.end();
}

const WORKERS: u32 = 64;

async fn watch(job: &Job, keys: &Keys) {
    let wait = Wait::new("/bench/key").after(job.after);
    let mut watch = keys.watch(if job.workload == "stream" { wait.stream() } else { wait });
    watch.next().await.expect("an item").expect("a change");
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        watch.next().await.expect("an item").expect("a change");
        meter.lap(began);
    }
    meter.end();
}

async fn mirror(keys: &Keys) {
    let mut meter = Meter::begin(1);
    let began = Instant::now();
    let (mirror, mut updates) = keys.mirror("/nodes-100000");
    while !matches!(
        updates.next().await.expect("an update").expect("an update"),
        Update::Resynced { .. }
    ) {}
    meter.lap(began);
    assert!(mirror.snapshot().len() > 100_000, "files and directories");
    meter.end();
}

async fn idle(job: &Job, keys: &Keys) {
    let meter = Meter::begin(0);
    let tasks: Vec<_> = (0..job.requests)
        .map(|_| {
            let mut watch = keys.watch("/idle");
            tokio::spawn(async move { panic!("a watch has told {:?}", watch.next().await) })
        })
        .collect();
    // Long enough for all heads to have come, on any machine.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(tasks.iter().all(|task: &JoinHandle<()>| !task.is_finished()), "a watch has ended");
    meter.end();
}
