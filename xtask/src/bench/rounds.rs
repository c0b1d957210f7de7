//! Running the contestants, round by round.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use xtask::server::Server;

use crate::{arguments::Bench, cargo::seconds, interrupt};

use super::{
    contestants::Contestants,
    samples::{Kind, Report, Sample, Samples},
    stub::Stub,
    workloads::{WORKLOADS, Workload},
};

/// All workloads against the server of fixed answers.
pub(crate) fn against_the_stub(
    contestants: &Contestants,
    stub: &Stub,
    bench: &Bench,
    samples: &mut Samples,
) -> Result<()> {
    for workload in WORKLOADS.iter().filter(|workload| bench.wants(workload.name)) {
        let (whole, short, _) = workload.requests;
        let run = Runs {
            contestants,
            workload,
            server: "stub",
            endpoint: stub.endpoint(),
            stub: Some(stub),
            requests: if bench.quick { short } else { whole },
            after: 17,
        };
        let rounds = match workload.name {
            // Of these only the memory counts, which hardly differs from round to round.
            "idle" | "mirror-100000" => 1,
            _ if bench.quick => 3,
            _ => 9,
        };
        run.rounds(rounds, samples)?;
        run.count(samples)?;
    }
    Ok(())
}

/// The workloads that make sense there against a real server.
pub(crate) fn against_etcd(
    contestants: &Contestants,
    etcd: &Path,
    bench: &Bench,
    samples: &mut Samples,
) -> Result<()> {
    let wanted = |it: &&Workload| it.requests.2 > 0 && bench.wants(it.name);
    for workload in WORKLOADS.iter().filter(wanted) {
        // A new one each time: its history has nothing but what follows.
        let server = Server::start(etcd)?;
        put(server.endpoint()).context("cannot make the key that all ask for")?;
        let run = Runs {
            contestants,
            workload,
            server: "etcd",
            endpoint: server.endpoint(),
            stub: None,
            requests: workload.requests.2,
            after: 20,
        };
        if workload.name == "watch" {
            // What the watches are to find: the server keeps the last thousand changes.
            let writes = Runs { requests: 980, ..run };
            writes.once("async", "set", &contestants.program("async"))?;
        }
        run.rounds(if bench.quick { 2 } else { 5 }, samples)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Runs<'a> {
    contestants: &'a Contestants,
    workload: &'a Workload,
    server: &'static str,
    endpoint: &'a str,
    /// Where the server counts what it is asked.
    stub: Option<&'a Stub>,
    requests: u32,
    after: u64,
}

impl Runs<'_> {
    /// So many rounds, in each of which all have a turn, and not always in the same order.
    fn rounds(&self, rounds: u32, samples: &mut Samples) -> Result<()> {
        println!("\n=== {} ({}), {rounds} rounds", self.workload.title, self.server);
        let begin = Instant::now();
        let present: Vec<_> = self
            .workload
            .contestants
            .iter()
            .filter(|contestant| self.contestants.program(contestant).is_file())
            .collect();
        for round in 0..rounds {
            for turn in 0..present.len() {
                // Every second round goes backwards, so nobody always follows the same one.
                let shifted = (turn + round as usize) % present.len();
                let place = if round % 2 == 0 { shifted } else { present.len() - 1 - shifted };
                let contestant = present[place];
                let program = self.contestants.program(contestant);
                let report = self.once(contestant, self.workload.name, &program)?;
                self.add(contestant, round, Kind::Timed, report, samples);
            }
        }
        println!("=== done in {}", seconds(begin.elapsed()));
        Ok(())
    }

    /// One more run of those that can count their allocations, and one of a single request if it is
    /// large.
    fn count(&self, samples: &mut Samples) -> Result<()> {
        for contestant in self.workload.contestants {
            let program = self.contestants.program(contestant);
            let is_large = ["list-", "mirror-"].iter().any(|it| self.workload.name.starts_with(it));
            if is_large && program.is_file() {
                let single = Self { requests: 1, ..*self };
                let report = single.once(contestant, self.workload.name, &program)?;
                self.add(contestant, 0, Kind::Single, report, samples);
            }
            if let Some(program) = self.contestants.counting(contestant) {
                let few = Self { requests: self.requests.min(2_000), ..*self };
                let report = few.once(contestant, self.workload.name, &program)?;
                self.add(contestant, 0, Kind::Counted, report, samples);
            }
        }
        Ok(())
    }

    fn add(
        &self,
        contestant: &'static str,
        round: u32,
        kind: Kind,
        report: Report,
        samples: &mut Samples,
    ) {
        let (server, workload) = (self.server, self.workload.name);
        samples.add(Sample { server, workload, contestant, round, kind, report });
    }

    fn once(&self, contestant: &str, workload: &str, program: &Path) -> Result<Report> {
        ensure!(!interrupt::requested(), "interrupted");
        let core = if self.workload.concurrent && cores() > 1 { "1" } else { "0" };
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program).args([contestant, workload, self.endpoint]);
        command.args([self.requests.to_string(), self.after.to_string()]);
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        let asked = || self.stub.map(Stub::asked).transpose();
        let before = asked()?;
        let output = command.output().context("cannot run taskset")?;
        if !output.status.success() {
            bail!("{contestant} has failed at {workload}: {}", output.status);
        }
        let mut report = Report::parse(&String::from_utf8_lossy(&output.stdout))?;
        // Of which the first is not measured.
        report.asked = before.zip(asked()?).map(|(before, after)| after - before - 1.0);
        Ok(report)
    }
}

fn put(endpoint: &str) -> Result<()> {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    let body = "value=some+value";
    write!(
        stream,
        "PUT /v2/keys/bench/key HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    Ok(())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
