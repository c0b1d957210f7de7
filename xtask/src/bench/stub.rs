//! The server of fixed answers, as a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use super::contestants::Contestants;

/// A server of fixed answers on the first core; it ends with this value, or with us.
#[derive(Debug)]
pub(crate) struct Stub {
    process: Child,
    endpoint: String,
}

impl Stub {
    pub(crate) fn start(contestants: &Contestants) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(contestants.program("stub"));
        // It reads its input only to learn that we are gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start the server of fixed answers")?;
        let output = process.stdout.take().context("a server without output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read its port")?;
        let port: u16 = line.trim().parse().context("it told no port")?;
        Ok(Self { process, endpoint: format!("http://127.0.0.1:{port}") })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
