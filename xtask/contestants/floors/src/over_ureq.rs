//! ureq, with its agent as it comes.

use std::time::Instant;

use measure::{Job, Meter};
use ureq::Agent;

pub(crate) fn run(job: &Job) {
    let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
    let url = format!("{}/v2/keys/bench/key", job.base);
    ask(job, &agent, &url);
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        ask(job, &agent, &url);
        meter.lap(began);
    }
    meter.end();
}

fn ask(job: &Job, agent: &Agent, url: &str) {
    let mut answer = match job.workload.as_str() {
        "set" => agent
            .put(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .send("value=some+value"),
        _ => agent.get(url).call(),
    }
    .expect("an answer");
    let body = answer.body_mut().read_to_vec().expect("a body");
    assert!(!body.is_empty(), "a body");
}
