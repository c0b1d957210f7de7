//! What a mirror costs, in times of the listing that it is made of. It has a binary of its own, because it
//! counts allocations.
//!
//! `cargo test --release -p etcd-v2-proto --test memory -- --nocapture` does it with 100,000 nodes and
//! tells the figures; without optimisation there are fewer, and the figures are the same.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dhat::{Alloc, HeapStats, Profiler};
use etcd_v2_proto::http::Response;
use etcd_v2_proto::mirror::{Mirror, Update};
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Policy, Start};

#[global_allocator]
static ALLOC: Alloc = Alloc;

const DIRECTORIES: usize = if cfg!(debug_assertions) { 10 } else { 100 };
const FILES: usize = 1000;

/// A listing of directories with 1000 files each, about 150 bytes a file, in no order.
fn listing() -> String {
    let mut body = r#"{"action":"get","node":{"key":"/services","dir":true,"nodes":["#.to_owned();
    for dir in 0..DIRECTORIES {
        let comma = if dir == 0 { "" } else { "," };
        let key = format!("/services/group-{:02}", dir * 7 % DIRECTORIES);
        let _ = write!(body, r#"{comma}{{"key":"{key}","dir":true,"nodes":["#);
        for file in 0..FILES {
            let comma = if file == 0 { "" } else { "," };
            let (name, index) = (file * 371 % FILES, 1000 + dir * FILES + file);
            let value = format!("http://10.1.{dir}.{}:8080/v1/{:032}", file % 256, name);
            let _ = write!(
                body,
                r#"{comma}{{"key":"{key}/node-{name:04}","value":"{value}","modifiedIndex":{index},"createdIndex":{index}}}"#
            );
        }
        let _ = write!(body, r#"],"modifiedIndex":{dir},"createdIndex":{dir}}}"#);
    }
    body.push_str(r#"],"modifiedIndex":4,"createdIndex":4}}"#);
    body
}

fn send(mirror: &mut Mirror, index: u64, body: impl Into<bytes::Bytes>) {
    let now = Duration::ZERO;
    let Action::Send { .. } = mirror.poll(now) else { panic!("it does not ask") };
    let mut head = Response::new(());
    head.headers_mut().insert("x-etcd-index", index.into());
    mirror.handle(now, Event::Head(head.into_parts().0));
    let Action::Read { .. } = mirror.poll(now) else { panic!("it does not read") };
    mirror.handle(now, Event::Chunk(body.into()));
    let Action::Read { .. } = mirror.poll(now) else { panic!("it does not read on") };
    mirror.handle(now, Event::End);
}

fn next(mirror: &mut Mirror) -> Update {
    match mirror.poll(Duration::ZERO) {
        Action::Yield(Ok(update)) => update,
        other => panic!("nothing is told: {other:?}"),
    }
}

#[test]
fn a_large_mirror_costs_little_more_than_its_text() {
    let body = listing();
    let (nodes, size) = (1 + DIRECTORIES + DIRECTORIES * FILES, body.len());
    let body = bytes::Bytes::from(body);
    let cluster = Cluster::parse(["http://a:1"]).unwrap();
    let policy = Arc::new(Policy::default());
    let start = Start::new(cluster.route(), policy, 1, Duration::ZERO);

    let _profiler = Profiler::builder().testing().build();
    let mut mirror = Mirror::new("/services", start);
    let began = Instant::now();
    send(&mut mirror, 200_000, body);
    let first = next(&mut mirror);
    println!("{nodes} nodes, {size} bytes of JSON, listed in {:?}", began.elapsed());
    assert_eq!(first.key(), Some("/services"));
    drop(first);
    let mut told = 1;
    while !matches!(next(&mut mirror), Update::Resynced { .. }) {
        told += 1;
    }
    assert_eq!((told, mirror.snapshot().len()), (nodes, nodes));
    assert!(matches!(mirror.poll(Duration::ZERO), Action::Send { .. }));

    let times = |bytes: usize| bytes as f64 / size as f64;
    let listed = HeapStats::get();
    println!("kept: {:.2} times the body", times(listed.curr_bytes));
    println!("at most: {:.2} times the body, itself included", times(listed.max_bytes));
    println!("in {} blocks", listed.curr_blocks);
    assert!(times(listed.curr_bytes) <= 1.2, "{}", listed.curr_bytes);
    assert!(times(listed.max_bytes) <= 3.0, "{}", listed.max_bytes);

    // A snapshot is a count.
    let before = HeapStats::get();
    let snapshot = mirror.snapshot().clone();
    assert_eq!(HeapStats::get().total_blocks, before.total_blocks);

    // A change costs the run that it is in, and not the mirror.
    let key = "/services/group-05/node-0500";
    let event = format!(
        r#"{{"action":"set","node":{{"key":"{key}","value":"x","modifiedIndex":200001,"createdIndex":200001}}}}"#
    );
    send(&mut mirror, 200_000, event);
    let before = HeapStats::get();
    let update = next(&mut mirror);
    let after = HeapStats::get();
    let (blocks, bytes) =
        (after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes);
    println!("a change, with a snapshot kept: {blocks} blocks, {bytes} bytes");
    assert_eq!(update.key(), Some(key));
    assert!(bytes < 32 << 10, "{bytes}");
    assert_eq!(mirror.snapshot().value(key), Some("x"));
    assert_ne!(snapshot.value(key), Some("x"));
}
