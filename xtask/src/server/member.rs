//! One etcd process.

use std::{
    env,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{ports, probe, starter, stopped};
use crate::version::Version;

/// One member of a cluster: a process that can be killed, stopped and restarted on the same data
/// and the same ports.
#[derive(Debug)]
pub struct Member {
    name: String,
    endpoint: String,
    log: PathBuf,
    etcd: PathBuf,
    flags: Vec<String>,
    process: Option<Child>,
}

impl Member {
    /// What the cluster calls it: `member0`, `member1` and so on.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL for clients: `http://127.0.0.1:…`, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The number of its process, if there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// The file with everything it has printed, over all restarts.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Kills it without warning (`SIGKILL`) and returns when it is gone. Nothing happens if it is
    /// gone already.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses.
    pub fn kill9(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process
            .kill()
            .and_then(|()| process.wait())
            .with_context(|| format!("cannot kill {}", self.name))?;
        Ok(())
    }

    /// Freezes it (`SIGSTOP`) and returns when all of it stands still: its connections stay open and
    /// nothing answers.
    ///
    /// # Errors
    ///
    /// Fails if it does not run, or does not stop in time.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        self.pid().map_or(Ok(()), stopped::wait)
    }

    /// Lets it go on after [`stop`](Self::stop) (`SIGCONT`).
    ///
    /// # Errors
    ///
    /// Fails if it does not run.
    pub fn cont(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end (`SIGTERM`) and returns when it is gone; one that takes too long is killed.
    /// Nothing happens if it is gone already.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses.
    pub fn term(&mut self) -> Result<()> {
        self.ask_to_end();
        let deadline = Instant::now() + LONGEST_END;
        while self.is_running() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        self.kill9()
    }

    /// Starts it again with its data, after ending it if it still runs. It is not ready yet when
    /// this returns; see [`wait_until_ready`](Self::wait_until_ready).
    ///
    /// # Errors
    ///
    /// Fails if the program cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        self.term()?;
        self.launch()
    }

    /// Waits until it has answered a quorum read of the v2 API, so it needs a cluster with a
    /// leader.
    ///
    /// # Errors
    ///
    /// Fails if it ends or takes too long; the message has the end of its log.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + LONGEST_START;
        loop {
            if !self.is_running() {
                bail!("{} has ended; the end of its log:\n{}", self.name, self.end_of_log());
            }
            if probe::is_ready(&self.endpoint) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = LONGEST_START.as_secs();
                bail!(
                    "{} is not ready after {waited} s; the end of its log:\n{}",
                    self.name,
                    self.end_of_log()
                );
            }
            thread::sleep(PAUSE);
        }
    }

    /// Whether its process exists; a stopped one does.
    pub fn is_running(&mut self) -> bool {
        let running =
            self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None)));
        if !running {
            // Its number may soon be another's, who must not get our signals.
            self.process = None;
        }
        running
    }

    pub(super) fn start(
        etcd: &Path,
        version: Version,
        folder: &Path,
        addresses: &Addresses,
        index: usize,
    ) -> Result<Self> {
        let name = name(index);
        let endpoint = addresses.clients[index].clone();
        let mut flags = addresses.flags(index);
        flags.push(format!("--data-dir={}", folder.join(&name).display()));
        if version.needs_enabling() {
            flags.push("--enable-v2=true".to_owned());
        }
        let log = folder.join(format!("{name}.log"));
        let mut member = Self { name, endpoint, log, etcd: etcd.to_owned(), flags, process: None };
        member.launch()?;
        Ok(member)
    }

    /// The first half of [`term`](Self::term).
    fn ask_to_end(&self) {
        // Without a process there is nobody to ask. A stopped one listens only when it goes on.
        _ = self.signal(Signal::TERM);
        _ = self.signal(Signal::CONT);
    }

    fn launch(&mut self) -> Result<()> {
        let log =
            self.open_log().with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = starter::dying_with_us(&self.etcd);
        command.args(&self.flags).stdin(Stdio::null()).stdout(log.0).stderr(log.1);
        isolate(&mut command);
        let process = starter::spawn(command)
            .with_context(|| format!("cannot start {}", self.etcd.display()))?;
        self.process = Some(process);
        Ok(())
    }

    fn open_log(&self) -> std::io::Result<(File, File)> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        Ok((log.try_clone()?, log))
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let process =
            self.process.as_ref().with_context(|| format!("{} does not run", self.name))?;
        kill_process(Pid::from_child(process), signal)
            .with_context(|| format!("cannot send a signal to {}", self.name))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        _ = self.term();
    }
}

/// The URLs of a whole cluster, which each member has to know.
pub(super) struct Addresses {
    clients: Vec<String>,
    peers: Vec<String>,
}

impl Addresses {
    pub(super) fn choose(members: usize) -> Result<Self> {
        let url = |port| format!("http://127.0.0.1:{port}");
        let mut clients: Vec<_> = ports::free(2 * members)?.into_iter().map(url).collect();
        let peers = clients.split_off(members);
        Ok(Self { clients, peers })
    }

    fn flags(&self, index: usize) -> Vec<String> {
        let (client, peer) = (&self.clients[index], &self.peers[index]);
        let everybody: Vec<_> = self
            .peers
            .iter()
            .enumerate()
            .map(|(index, peer)| format!("{}={peer}", name(index)))
            .collect();
        vec![
            format!("--name={}", name(index)),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster={}", everybody.join(",")),
            "--initial-cluster-state=new".to_owned(),
        ]
    }
}

fn name(index: usize) -> String {
    format!("member{index}")
}

/// etcd takes its flags from variables too, and those of this shell are meant for other servers.
fn isolate(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    if cfg!(target_arch = "aarch64") {
        // Older servers refuse to run there unless told that this is known.
        command.env("ETCD_UNSUPPORTED_ARCH", "arm64");
    }
}

const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_START: Duration = Duration::from_secs(60);
const LONGEST_END: Duration = Duration::from_secs(5);
const TAIL: usize = 15;
