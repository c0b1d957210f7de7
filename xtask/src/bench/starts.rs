//! How long it takes from the start of a program to the answer to its first request.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::interrupt;

use super::{
    contestants::Contestants,
    samples::{Kind, Report, Sample, Samples, median},
    stub::Stub,
    workloads::Workload,
};

pub(crate) const FIRST: Workload = Workload {
    name: "first",
    title: "from the start of a program to its first answer",
    // Starts in each of three rounds.
    requests: (20, 7, 0),
    concurrent: true,
    contestants: &[
        "first-hyper",
        "first-ours-hyper",
        "first-ureq",
        "first-ours-ureq",
        "go",
        "true",
    ],
};

/// Starts all of them in turn, on whichever core. `true` is what a program costs that does nothing.
pub(crate) fn measure(
    contestants: &Contestants,
    stub: &Stub,
    quick: bool,
    samples: &mut Samples,
) -> Result<()> {
    println!("\n=== {}", FIRST.title);
    let starts = if quick { FIRST.requests.1 } else { FIRST.requests.0 };
    for round in 0..3 {
        let mut times = vec![Vec::new(); FIRST.contestants.len()];
        for _ in 0..starts {
            for (contestant, times) in FIRST.contestants.iter().zip(&mut times) {
                times.extend(start(contestants, contestant, stub.endpoint())?);
            }
        }
        for (contestant, times) in FIRST.contestants.iter().copied().zip(times) {
            let whole: f64 = times.iter().sum();
            let requests = f64::from(starts);
            let Some(median) = median(times) else { continue };
            let report =
                Report { requests, wall_s: whole, p50_us: median * 1e6, ..Report::NOTHING };
            let (server, workload) = ("stub", FIRST.name);
            samples.add(Sample { server, workload, contestant, round, kind: Kind::Timed, report });
        }
    }
    Ok(())
}

/// The time in seconds; none of a program that is not there.
fn start(contestants: &Contestants, contestant: &str, endpoint: &str) -> Result<Option<f64>> {
    ensure!(!interrupt::requested(), "interrupted");
    let mut command = match contestant {
        "true" => Command::new("true"),
        _ => {
            let program = contestants.program(contestant);
            if !program.is_file() {
                return Ok(None);
            }
            Command::new(program)
        }
    };
    if contestant == "go" {
        command.args(["go", FIRST.name, endpoint, "0", "0"]);
    } else {
        command.arg(endpoint);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status().with_context(|| format!("cannot run {contestant}"))?;
    ensure!(status.success(), "{contestant} has failed: {status}");
    Ok(Some(begin.elapsed().as_secs_f64()))
}
