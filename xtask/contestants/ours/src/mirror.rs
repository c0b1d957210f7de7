//! A mirror without a network: a listing that is there already, and then one change after the other.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_v2_client::Policy;
use etcd_v2_client::proto::bytes::Bytes;
use etcd_v2_client::proto::{Action, Cluster, Conversation, Event, Mirror, Start};
use measure::{Job, Meter};

use crate::core::{PIECE, head};

pub(crate) fn run(job: &Job) {
    let (workload, files) = job.workload.split_once('-').expect("a number of files");
    let files: u64 = files.parse().expect("a number of files");
    let cluster = Cluster::parse([&job.base]).expect("a cluster");
    let policy = Arc::new(Policy::default());
    let start = Start::new(cluster.route(), policy, 1, Duration::ZERO);
    let mut mirror = Mirror::new(format!("/nodes-{files}"), start);
    assert!(tell(&mut mirror, LISTED, &Bytes::from(measure::listing(job))) > files as usize);

    let changes: Vec<_> = (LISTED + 1..).take(job.requests as usize).collect();
    let mut meter = Meter::begin(job.requests);
    for index in changes {
        let began = Instant::now();
        if workload == "snapshot" {
            black_box(mirror.snapshot().clone());
        } else {
            assert_eq!(tell(&mut mirror, index - 1, &change(index, files)), 1);
        }
        meter.lap(began);
    }
    meter.end();
}

/// Answers the next question of the mirror, and counts the updates that come of it.
fn tell(mirror: &mut Mirror, index: u64, body: &Bytes) -> usize {
    let mut pieces = body.chunks(PIECE);
    let (mut is_answered, mut updates) = (false, 0);
    loop {
        let event = match mirror.poll(Duration::ZERO) {
            Action::Send { .. } if is_answered => return updates,
            Action::Send { .. } => {
                is_answered = true;
                Event::Head(head(index))
            }
            Action::Read { .. } => match pieces.next() {
                Some(piece) => Event::Chunk(body.slice_ref(piece)),
                None => Event::End,
            },
            Action::Yield(update) => {
                black_box(update.expect("an update"));
                updates += 1;
                continue;
            }
            Action::Wait(_) | Action::Finish(_) => panic!("a mirror goes on at once"),
        };
        mirror.handle(Duration::ZERO, event);
    }
}

/// A change of some file of the listing, here and there.
fn change(index: u64, files: u64) -> Bytes {
    let file = index * 7919 % files;
    let key = format!("/nodes-{files}/{:04}/file-{:04}", file / 100, file % 100);
    let node =
        format!(r#"{{"key":"{key}","value":"v","modifiedIndex":{index},"createdIndex":{index}}}"#);
    Bytes::from(format!(r#"{{"action":"set","node":{node}}}"#))
}

/// The index of the listing.
const LISTED: u64 = 1_000_000;
