//! The crate `etcd` 0.9, over hyper 0.12 and tokio 0.1.

use std::time::Instant;

use etcd::Client;
use etcd::kv::{self, GetOptions, WatchOptions};
use hyper::client::HttpConnector;
use measure::{Job, Meter};
use tokio::runtime::current_thread::Runtime;

fn main() {
    let job = Job::from_args();
    let mut runtime = Runtime::new().expect("a runtime");
    let client = Client::new(&[&job.base], None).expect("a client");
    ask(&job, &mut runtime, &client, 1);
    let mut meter = Meter::begin(job.requests);
    for number in 0..job.requests {
        let began = Instant::now();
        ask(&job, &mut runtime, &client, job.after + 1 + u64::from(number));
        meter.lap(began);
    }
    meter.end();
}

fn ask(job: &Job, runtime: &mut Runtime, client: &Client<HttpConnector>, index: u64) {
    let answer = match job.workload.as_str() {
        "set" => runtime.block_on(kv::set(client, "/bench/key", "some value", None)),
        "watch" => {
            let options = WatchOptions { index: Some(index), ..WatchOptions::default() };
            let change = runtime.block_on(kv::watch(client, "/bench/key", options));
            assert!(change.is_ok(), "a change");
            return;
        }
        listing @ ("list-10000" | "list-100000") => {
            let options = GetOptions { recursive: true, ..GetOptions::default() };
            let key = format!("/nodes-{}", &listing["list-".len()..]);
            runtime.block_on(kv::get(client, &key, options))
        }
        _ => runtime.block_on(kv::get(client, "/bench/key", GetOptions::default())),
    };
    assert!(answer.is_ok(), "an answer");
}
