//! What can be counted exactly: instructions, allocations and system calls of a request.
//!
//! How many instructions something takes depends on the compiler and on the libraries beneath, so they are
//! counted of the same work without this library, too, and what compares is the ratio.
//!
//! A program runs twice, with so many requests and with three times as many; the difference is free of
//! what happens once.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use xtask::Tool;

use crate::interrupt;

use super::{contestants::Contestants, samples::Report, stub::Stub};

/// All counts, in the order of their taking.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counts(pub(crate) Vec<Count>);

/// How much of something one request of a contestant takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Count {
    pub(crate) workload: String,
    pub(crate) contestant: String,
    pub(crate) what: What,
    pub(crate) number: f64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Instructions,
    Allocations,
    Calls,
}

impl What {
    pub(crate) const ALL: [Self; 3] = [Self::Instructions, Self::Allocations, Self::Calls];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
            Self::Calls => "system-calls",
        }
    }
}

impl Counts {
    pub(crate) fn get(&self, workload: &str, contestant: &str, what: What) -> Option<f64> {
        let is_it = |count: &&Count| {
            (count.workload.as_str(), count.contestant.as_str(), count.what)
                == (workload, contestant, what)
        };
        self.0.iter().find(is_it).map(|count| count.number)
    }
}

/// Who does the same without this library, or what little it would take.
pub(crate) fn floor(workload: &str, contestant: &str) -> Option<&'static str> {
    match (workload, contestant) {
        ("get" | "set", "async") => Some("hyper-floor"),
        ("get" | "set", "blocking") => Some("ureq-floor"),
        ("list-10000", "async" | "blocking") => Some("hyper-naive"),
        ("decode-10000", "core") => Some("serde"),
        _ => None,
    }
}

/// Counts whatever there are tools for here, and says what there is none for.
pub(crate) fn count(contestants: &Contestants, stub: &Stub, jobs: &[Job]) -> Result<Counts> {
    println!("\n=== instructions, allocations and system calls");
    let valgrind = or_say_so("instructions", xtask::valgrind());
    let strace = or_say_so("system calls", xtask::strace());
    let mut counts = Counts::default();
    for (workload, contestant, requests, kinds) in jobs {
        let run = Run { contestants, stub, workload, contestant };
        for what in *kinds {
            let number = match (what, &valgrind, &strace) {
                (What::Instructions, Some(tool), _) => {
                    run.difference(*requests, |requests| run.instructions(tool, requests))
                }
                (What::Calls, _, Some(tool)) => {
                    run.difference(*requests, |requests| run.calls(tool, requests))
                }
                (What::Allocations, ..) => {
                    run.difference(*requests, |requests| run.allocations(requests))
                }
                _ => continue,
            };
            let number = number.with_context(|| {
                format!("cannot count the {} of {contestant} at {workload}", what.name())
            })?;
            let (workload, contestant) = ((*workload).to_owned(), (*contestant).to_owned());
            counts.0.push(Count { workload, contestant, what: *what, number });
        }
    }
    Ok(counts)
}

fn or_say_so(what: &str, tool: Result<Tool>) -> Option<Tool> {
    tool.inspect_err(|error| println!("=== not counting {what}: {error:#}")).ok()
}

struct Run<'a> {
    contestants: &'a Contestants,
    stub: &'a Stub,
    workload: &'a str,
    contestant: &'a str,
}

impl Run<'_> {
    fn difference(&self, requests: u32, count: impl Fn(u32) -> Result<f64>) -> Result<f64> {
        ensure!(!interrupt::requested(), "interrupted");
        let (few, many) = (count(requests)?, count(3 * requests)?);
        Ok((many - few) / f64::from(2 * requests))
    }

    fn instructions(&self, valgrind: &Tool, requests: u32) -> Result<f64> {
        let mut command = valgrind.command();
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        // Behind taskset.
        command.arg("--trace-children=yes");
        let said = self.run(command, &self.contestants.program(self.contestant), requests)?.1;
        let total = said.lines().find_map(|line| line.split_once("Collected :"));
        let number = total.and_then(|(_, number)| number.trim().parse().ok());
        number.with_context(|| format!("valgrind told no number: {said}"))
    }

    fn allocations(&self, requests: u32) -> Result<f64> {
        let program = self.contestants.counting(self.contestant).context("there is no program")?;
        let said = self.run(Command::new("env"), &program, requests)?.0;
        Ok(Report::parse(&said)?.allocations)
    }

    fn calls(&self, strace: &Tool, requests: u32) -> Result<f64> {
        let table = tempfile::NamedTempFile::new().context("cannot make a file")?;
        let mut command = strace.command();
        command.args(["-c", "-f", "-o"]).arg(table.path());
        self.run(command, &self.contestants.program(self.contestant), requests)?;
        let text = fs::read_to_string(table.path()).context("strace has left no table")?;
        total(&text).with_context(|| format!("strace has left no total: {text}"))
    }

    /// What the program says, and what is complained of.
    fn run(&self, mut tool: Command, program: &Path, requests: u32) -> Result<(String, String)> {
        let requests = requests.to_string();
        tool.args(["taskset", "-c", "0"]).arg(program);
        tool.args([self.contestant, self.workload, self.stub.endpoint(), &requests, "17"]);
        tool.stdin(Stdio::null());
        let output = tool.output().context("cannot run it")?;
        let [said, complaint] =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        ensure!(output.status.success(), "it has failed ({}): {complaint}", output.status);
        Ok((said, complaint))
    }
}

/// A workload, a contestant, so many requests, and what to count.
pub(crate) type Job = (&'static str, &'static str, u32, &'static [What]);

/// What is kept on record, with its floors. In how many pieces a large answer is read is a matter of luck, so
/// not everything can be counted of it.
pub(crate) const RECORDED: &[Job] = &[
    ("get", "hyper-floor", 500, &[What::Instructions]),
    ("get", "async", 500, &What::ALL),
    ("get", "ureq-floor", 500, &[What::Instructions]),
    ("get", "blocking", 500, &What::ALL),
    ("set", "hyper-floor", 500, &[What::Instructions]),
    ("set", "async", 500, &What::ALL),
    ("set", "ureq-floor", 500, &[What::Instructions]),
    ("set", "blocking", 500, &What::ALL),
    ("list-10000", "hyper-naive", 1, &[What::Instructions]),
    ("list-10000", "async", 1, &[What::Instructions]),
    ("list-10000", "blocking", 1, &[What::Instructions]),
    ("decode-10000", "serde", 1, &[What::Instructions]),
    ("decode-10000", "core", 1, &[What::Instructions, What::Allocations]),
];

/// What shows how things grow: requests with the number of endpoints, listings and mirrors with what is in them.
pub(crate) const GROWTH: &[Job] = &[
    ("get", "async-of-100", 500, &[What::Instructions, What::Allocations]),
    ("set", "async-of-100", 500, &[What::Instructions, What::Allocations]),
    ("decode-100000", "core", 1, &[What::Instructions]),
    ("snapshot-10000", "core", 20_000, &[What::Instructions]),
    ("snapshot-100000", "core", 20_000, &[What::Instructions]),
    ("apply-10000", "core", 1000, &[What::Instructions]),
    ("apply-100000", "core", 1000, &[What::Instructions]),
];

/// The number of calls in the last line of strace's table.
fn total(table: &str) -> Option<f64> {
    let line = table.lines().rfind(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_total() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 98.00    0.001000           1      1003           writev
  2.00    0.000020          20         1         1 access
------ ----------- ----------- --------- --------- ----------------
100.00    0.001020           1      1004         1 total
";
        assert_eq!(total(table), Some(1004.0));
        assert_eq!(total("strace: nothing"), None);
    }
}
