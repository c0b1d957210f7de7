//! A directory that does not outlive us.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result};

use super::starter;

/// A temporary directory that is removed on drop, and also when this process is killed or ends
/// without dropping, as it does with what statics hold.
///
/// A shell waits at the other end of a pipe and removes the directory as soon as our end is closed,
/// by us or by the kernel.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    janitor: Child,
}

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("etcd-v2-")
            .tempdir_in(place())
            .context("cannot create a temporary directory; TMPDIR may name another place for it")?;
        let mut command = Command::new("sh");
        command.args(["-c", ORDERS, "janitor"]).arg(folder.path()).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let janitor = starter::spawn(command).context("cannot start a shell")?;
        Ok(Self { path: folder.keep(), janitor })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Waiting closes our end of the pipe first.
        _ = self.janitor.wait();
    }
}

/// In memory as long as there is plenty of it: a server waits for its disk at every write, and where
/// others keep the disk busy that may take seconds. The variable `TMPDIR` always has its way.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes >= PLENTY);
    let wanted = env::var_os("TMPDIR").is_some();
    if !wanted && roomy(free(memory)) && roomy(available()) {
        memory.to_owned()
    } else {
        env::temp_dir()
    }
}

/// How many bytes a file system can still take.
fn free(folder: &Path) -> Option<u64> {
    let state = rustix::fs::statvfs(folder).ok()?;
    state.f_bavail.checked_mul(state.f_frsize)
}

/// How many bytes of memory the system could give without swapping.
fn available() -> Option<u64> {
    let report = fs::read_to_string("/proc/meminfo").ok()?;
    let line = report.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// A server sets 128 MiB aside for its log, and some tests have a dozen servers at a time.
const PLENTY: u64 = 4 << 30;

/// Twice, as a server that is dying with us may still have written something.
const ORDERS: &str = r#"cat; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_goes_with_its_contents() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        fs::create_dir_all(path.join("a/b")).unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn the_directory_goes_when_the_pipe_is_cut() {
        let mut scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        drop(scratch.janitor.stdin.take());
        scratch.janitor.wait().unwrap();
        assert!(!path.exists());
    }
}
