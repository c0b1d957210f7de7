//! Plain serde into strings of its own.

use std::time::Instant;

use measure::{Job, Meter};

use crate::answer::Answer;

pub(crate) fn run(job: &Job) {
    let body = measure::listing(job);
    let files = decode(&body);
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        assert_eq!(decode(&body), files);
        meter.lap(began);
    }
    meter.end();
}

fn decode(body: &[u8]) -> usize {
    let answer: Answer = serde_json::from_slice(body).expect("a listing");
    answer.node.leaves()
}
