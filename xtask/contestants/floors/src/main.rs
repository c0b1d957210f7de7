//! What there is without this library: `hyper-floor`, hyper-util's client with prepared requests and no
//! decoding; `hyper-naive`, the same with everything that a client has to do, written down as it comes to
//! mind; `ureq-floor`, ureq without decoding; `tcp`, a kept connection and nothing else; `serde`, the
//! decoding of a listing that is there already.

mod answer;
mod over_hyper;
mod over_tcp;
mod over_ureq;
mod with_serde;

use measure::Job;

fn main() {
    let job = Job::from_args();
    match job.contestant.as_str() {
        "ureq-floor" => over_ureq::run(&job),
        "serde" => with_serde::run(&job),
        "tcp" => over_tcp::run(&job),
        _ => over_hyper::run(job),
    }
}
