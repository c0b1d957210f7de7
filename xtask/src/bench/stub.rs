//! The server of fixed answers, as a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::contestants::Contestants;

/// A server of fixed answers on the first core; it ends with this value, or with us.
#[derive(Debug)]
pub(crate) struct Stub {
    process: Child,
    endpoint: String,
    listings: [f64; 2],
}

impl Stub {
    pub(crate) fn start(contestants: &Contestants) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(contestants.program("stub"));
        // It reads its input only to learn that we are gone.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start the server of fixed answers")?;
        let output = process.stdout.take().context("a server without output")?;
        let mut stub = Self { process, endpoint: String::new(), listings: [0.0; 2] };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("cannot read its port")?;
        let mut numbers = line.split_whitespace();
        let port: u16 = numbers.next().and_then(|it| it.parse().ok()).context("it told no port")?;
        stub.endpoint = format!("http://127.0.0.1:{port}");
        for length in &mut stub.listings {
            *length = numbers.next().and_then(|it| it.parse().ok()).context("it told no length")?;
        }
        Ok(stub)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many requests it was sent, not counting these questions.
    pub(crate) fn asked(&self) -> Result<f64> {
        let mut stream = TcpStream::connect(self.endpoint.trim_start_matches("http://"))?;
        stream.write_all(b"GET /asked HTTP/1.1\r\n\r\n")?;
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        // The body ends with the only line feed that has no carriage return before it.
        while !answer.ends_with(b"\n") || answer.ends_with(b"\r\n") {
            let length = stream.read(&mut piece)?;
            ensure!(length > 0, "the server of fixed answers has hung up");
            answer.extend_from_slice(&piece[..length]);
        }
        let text = String::from_utf8_lossy(&answer);
        let number = text.trim_end().rsplit('\n').next().and_then(|it| it.parse().ok());
        number.with_context(|| format!("no number of requests: {text}"))
    }

    /// How many bytes the listings of 10,000 and of 100,000 files have.
    pub(crate) const fn listings(&self) -> [f64; 2] {
        self.listings
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
