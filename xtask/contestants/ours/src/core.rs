//! The core alone: a listing that is there already goes through a conversation in pieces.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_v2_client::Policy;
use etcd_v2_client::keys::{Change, Get};
use etcd_v2_client::proto::bytes::Bytes;
use etcd_v2_client::proto::http::{Response, response::Parts};
use etcd_v2_client::proto::{Action, Cluster, Conversation, Event, Exchange};
use measure::{Job, Meter};

pub(crate) fn run(job: &Job) {
    let body = Bytes::from(measure::listing(job));
    let cluster = Cluster::parse([&job.base]).expect("a cluster");
    let policy = Arc::new(Policy::default());
    let (_, files) = job.workload.split_once('-').expect("a number of files");
    let key = format!("/nodes-{files}");
    let files = decode(&key, &body, &cluster, &policy);
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        assert_eq!(decode(&key, &body, &cluster, &policy), files);
        meter.lap(began);
    }
    meter.end();
}

fn decode(key: &str, body: &Bytes, cluster: &Cluster, policy: &Arc<Policy>) -> usize {
    let get = Get::new(key).recursive();
    let policy = Arc::clone(policy);
    let change = talk(Exchange::new(get, cluster.route(), policy, 1, Duration::ZERO), body);
    change.node().map_or(0, |node| node.leaves().count())
}

fn talk(mut exchange: Exchange<Get>, body: &Bytes) -> Change {
    let mut pieces = body.chunks(PIECE);
    loop {
        let event = match exchange.poll(Duration::ZERO) {
            Action::Send { .. } => Event::Head(head(17)),
            Action::Read { .. } => match pieces.next() {
                Some(piece) => Event::Chunk(body.slice_ref(piece)),
                None => Event::End,
            },
            Action::Yield(change) => return change,
            Action::Wait(_) | Action::Finish(_) => panic!("a listing comes at once"),
        };
        exchange.handle(Duration::ZERO, event);
    }
}

/// The head of an answer as of this index.
pub(crate) fn head(index: u64) -> Parts {
    Response::builder().header("X-Etcd-Index", index).body(()).expect("a head").into_parts().0
}

/// As much as a connection has to read, more or less.
pub(crate) const PIECE: usize = 64 * 1024;
