//! A directory that does not outlive us.

use std::{
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
            .tempdir()
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

/// Twice, as a server that is dying with us may still have written something.
const ORDERS: &str = r#"cat; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_goes_with_its_contents() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
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
