//! This library: `async` on a runtime of one thread, `async-mt` on one of many, `async-root` in the
//! root future of the latter, and `blocking`.

mod asynchronous;
mod blocking;

use measure::Job;

fn main() {
    let job = Job::from_args();
    match job.contestant.as_str() {
        "blocking" => blocking::run(&job),
        _ => asynchronous::run(job),
    }
}
