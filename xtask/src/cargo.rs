//! Running cargo, one heading and one verdict a step.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::NamedTempFile;

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
    limit: Option<Duration>,
}

impl Step {
    /// Cargo with the words of `arguments`.
    pub(crate) fn new(arguments: &str) -> Self {
        let command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        Self::of(command, arguments, format!("cargo {arguments}"))
    }

    /// The cargo of the nightly compiler with the words of `arguments`; see [`require_nightly`].
    pub(crate) fn nightly(arguments: &str) -> Self {
        let mut command = Command::new("rustup");
        command.args(NIGHTLY).env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
        Self::of(command, arguments, format!("cargo +nightly {arguments}"))
    }

    fn of(mut command: Command, arguments: &str, title: String) -> Self {
        command.args(arguments.split_whitespace()).current_dir(xtask::root()).stdin(Stdio::null());
        // With all that it starts, so that a request to end reaches those, too.
        command.process_group(0);
        forget_ourselves(&mut command);
        Self { command, title, limit: None }
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

    /// Fails if it takes longer than that. Otherwise a test that hangs would take all the time there is.
    pub(crate) fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it to its end and returns its standard output.
    pub(crate) fn output(mut self) -> Result<String> {
        let output = NamedTempFile::new().context("cannot create a temporary file")?;
        self.command.stdout(output.reopen().context("cannot open a temporary file")?);
        self.run()?;
        fs::read_to_string(output.path()).context("cannot read the output of cargo")
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
                end(child);
                bail!(INTERRUPTED);
            }
            if let Some(limit) = self.limit.filter(|limit| begin.elapsed() > *limit) {
                end(child);
                bail!("`{}` was ended after {}; see above what hangs", self.title, seconds(limit));
            }
            thread::sleep(PAUSE);
        };
        ensure!(!interrupt::requested(), INTERRUPTED);
        ensure!(status.success(), "`{}` failed ({status}); see its output above", self.title);
        println!("=== passed in {}", seconds(begin.elapsed()));
        Ok(())
    }
}

const NIGHTLY: [&str; 3] = ["run", "nightly", "cargo"];

/// Whether the nightly compiler is there, with this command of cargo, which `install` brings.
pub(crate) fn require_nightly(command: &str, install: &str) -> Result<()> {
    let with = |arguments| works("rustup", &[&NIGHTLY[..], arguments].concat());
    ensure!(
        with(&["--version"]),
        "a nightly compiler is needed and missing: `rustup toolchain install nightly` brings it"
    );
    ensure!(
        with(&[command, "--version"]),
        "`cargo {command}` is needed and missing: `{install}` brings it"
    );
    Ok(())
}

/// Whether a program can be run with these arguments.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(xtask::root()).env_remove("RUSTUP_TOOLCHAIN");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A time as people say it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Takes away what cargo has told us about our own package. The build script of `ring` looks at it, so
/// ring and all that is built on it would be built anew each time when somebody else calls cargo.
fn forget_ourselves(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
}

/// Ends cargo and all that it has started, tests and servers included, and waits until they are
/// gone. Requests to end reach only us.
fn end(mut child: Child) {
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
}

const LONGEST_END: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
const INTERRUPTED: &str = "interrupted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_brings_it() {
        assert!(works("cargo", &["--version"]));
        assert!(!works("cargo", &["no-such-command", "--version"]));
        assert!(!works("no-such-program", &[]));
        let error = require_nightly("no-such-command", "a miracle").unwrap_err().to_string();
        assert!(error.contains("needed and missing") && error.contains("brings it"), "{error}");
    }

    #[test]
    fn a_step_that_takes_too_long_is_ended_and_named() {
        let step = Step::of(Command::new("sleep"), "600", "sleep 600".to_owned());
        let error = step.within(Duration::from_millis(100)).run().unwrap_err().to_string();
        assert_eq!(error, "`sleep 600` was ended after 0.1 s; see above what hangs");
    }

    #[test]
    fn the_output_of_a_step_is_returned() {
        let step = Step::of(Command::new("echo"), "a b", "echo a b".to_owned());
        assert_eq!(step.output().unwrap(), "a b\n");
    }

    #[test]
    fn cargo_is_not_told_who_called_it() {
        let step = Step::new("build").env("OTHER", "kept");
        let changed: Vec<_> = step.command.get_envs().collect();
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR"] {
            assert!(changed.contains(&(OsStr::new(name), None)), "{name}");
        }
        assert!(changed.contains(&(OsStr::new("OTHER"), Some(OsStr::new("kept")))));
        assert!(!changed.iter().any(|(name, _)| *name == "CARGO_TARGET_DIR" || *name == "PATH"));
    }
}
