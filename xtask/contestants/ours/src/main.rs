//! This library: `async` on a runtime of one thread, `async-mt` on one of many, `async-root` in the
//! root future of the latter, `async-unguarded` without any limit or monitor, `async-of-100` with 99 more
//! endpoints that are never asked, `blocking`, and `core`, which is what it does without a network.

mod asynchronous;
mod blocking;
mod core;
mod mirror;

use measure::Job;

fn main() {
    let job = Job::from_args();
    match job.contestant.as_str() {
        "blocking" => blocking::run(&job),
        "core" if job.workload.starts_with("decode-") => core::run(&job),
        "core" => mirror::run(&job),
        _ => asynchronous::run(job),
    }
}
