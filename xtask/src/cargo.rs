//! Running cargo, one heading and one verdict a step.

use std::{
    env,
    ffi::OsStr,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::interrupt;

/// Runs cargo with the words of `arguments`, in the workspace, and waits for its success.
pub(crate) fn cargo(arguments: &str) -> Result<()> {
    Step::new(arguments).run()
}

/// One call of cargo.
#[derive(Debug)]
pub(crate) struct Step {
    command: Command,
    title: String,
}

impl Step {
    /// Cargo with the words of `arguments`.
    pub(crate) fn new(arguments: &str) -> Self {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments.split_whitespace()).current_dir(xtask::root()).stdin(Stdio::null());
        // With all that it starts, so that a request to end reaches those, too.
        command.process_group(0);
        Self { command, title: format!("cargo {arguments}") }
    }

    /// One more argument, taken as it is.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.title = format!("{} {}", self.title, argument.as_ref().display());
        self.command.arg(argument);
        self
    }

    /// A variable for cargo and all it runs.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, with its output going where ours goes.
    pub(crate) fn run(mut self) -> Result<()> {
        println!("\n=== {}", self.title);
        let begin = Instant::now();
        let mut child = self.command.spawn().context("cannot run cargo")?;
        let status = loop {
            if let Some(status) = child.try_wait().context("cannot wait for cargo")? {
                break status;
            }
            if interrupt::requested() {
                return end(child);
            }
            thread::sleep(PAUSE);
        };
        ensure!(!interrupt::requested(), INTERRUPTED);
        ensure!(status.success(), "`{}` failed ({status}); see its output above", self.title);
        println!("=== passed in {}", seconds(begin.elapsed()));
        Ok(())
    }
}

/// A time as people say it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Ends cargo and all that it has started, tests and servers included, and waits until they are
/// gone. Requests to end reach only us.
fn end(mut child: Child) -> Result<()> {
    let group = Pid::from_child(&child);
    for signal in [Signal::TERM, Signal::KILL] {
        _ = kill_process_group(group, signal);
        let deadline = Instant::now() + LONGEST_END;
        // Its number stays the group's as long as there is anybody in it.
        while test_kill_process_group(group).is_ok() && Instant::now() < deadline {
            _ = child.try_wait();
            thread::sleep(PAUSE);
        }
    }
    bail!(INTERRUPTED)
}

const LONGEST_END: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
const INTERRUPTED: &str = "interrupted";
