//! A real HTTP proxy.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{ports, scratch::Scratch, starter};
use crate::obtain;

/// An HTTP proxy, tinyproxy, on a free loopback port. It relays plain requests and makes tunnels for
/// others, and notes in its log what it was asked for.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    log: PathBuf,
    process: Child,
    // Behind the process: the directory goes when its user is gone.
    _scratch: Scratch,
}

impl Proxy {
    /// Starts one that serves everybody, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Fails if no tinyproxy can be had or it does not start; the message has its log.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// The same with further lines of tinyproxy's configuration, as `BasicAuth me secret`.
    ///
    /// # Errors
    ///
    /// Fails if no tinyproxy can be had or it does not start with these lines; the message has its
    /// log.
    pub fn start_with(settings: &[&str]) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(settings) {
                // Between our finding a port free and its taking it, somebody else took it.
                Err(error) if attempt < ATTEMPTS && error.to_string().contains(PORT_TAKEN) => {}
                result => return result,
            }
            attempt += 1;
        }
    }

    /// Its URL: `http://127.0.0.1:…`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Its host and port: `127.0.0.1:…`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The first lines of all requests that came, oldest first, as `GET http://host/path HTTP/1.1`
    /// or `CONNECT host:port HTTP/1.1`.
    ///
    /// # Errors
    ///
    /// Fails if its log cannot be read.
    pub fn requests(&self) -> Result<Vec<String>> {
        let line = |line: &str| {
            let (_, request) = line.split_once("Request (file descriptor ")?;
            Some(request.split_once("): ")?.1.to_owned())
        };
        Ok(self.log()?.lines().filter_map(line).collect())
    }

    /// All that it has noted.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn log(&self) -> Result<String> {
        let text =
            fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn start_once(settings: &[&str]) -> Result<Self> {
        let program = obtain::tinyproxy()?;
        let scratch = Scratch::new()?;
        let port = ports::free(1)?[0];
        let configuration = scratch.path().join("tinyproxy.conf");
        let mut text = format!("Port {port}\n{SETTINGS}");
        for line in settings {
            text = text + line + "\n";
        }
        fs::write(&configuration, text)
            .with_context(|| format!("cannot write {}", configuration.display()))?;

        let log = scratch.path().join("log");
        let open = || {
            let file = File::create(&log)?;
            Ok::<_, std::io::Error>((file.try_clone()?, file))
        };
        let output = open().with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = starter::dying_with_us(&program);
        command.arg("-d").arg("-c").arg(&configuration).current_dir(scratch.path());
        command.stdin(Stdio::null()).stdout(output.0).stderr(output.1);
        let process = starter::spawn(command)
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut proxy = Self { port, log, process, _scratch: scratch };
        proxy.wait_until_ready()?;
        Ok(proxy)
    }

    /// It says so when it listens; somebody's answering at the port would not prove that it is this one.
    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + LONGEST_START;
        loop {
            let is_over = !matches!(self.process.try_wait(), Ok(None));
            let log = self.log()?;
            if is_over {
                bail!("the proxy has ended; its log:\n{log}");
            }
            if log.contains(READY) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the proxy does not get ready; its log:\n{log}");
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Watches through it would keep it from ending in its own way.
        _ = kill_process(Pid::from_child(&self.process), Signal::KILL);
        _ = self.process.wait();
    }
}

const SETTINGS: &str = "Listen 127.0.0.1\nTimeout 600\nMaxClients 200\nLogLevel Info\n";
/// How tinyproxy puts it.
const READY: &str = "Accepting connections";
const PORT_TAKEN: &str = "Could not create listening sockets";
const ATTEMPTS: usize = 5;
const LONGEST_START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);
