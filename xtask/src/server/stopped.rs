//! Whether a process that was told to stop has done so.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Waits until no thread of the process can run any more. The kernel stops them one by one, after
/// the call that sends the signal has returned.
pub(super) fn wait(process: u32) -> Result<()> {
    let deadline = Instant::now() + LONGEST;
    while cfg!(target_os = "linux") && !is_stopped(process) {
        if Instant::now() > deadline {
            bail!("process {process} has not stopped within {} s", LONGEST.as_secs());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether each thread is stopped or over.
fn is_stopped(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().all(|thread| {
        // One that is gone meanwhile has no state.
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.map_or(true, |stat| state(&stat).is_some_and(|state| "TtZX".contains(state)))
    })
}

/// What comes behind the name, which stands in brackets and may have any characters.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

const LONGEST: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_threads_do_not_matter() {
        assert_eq!(state("7 (etcd) T 1 7 7"), Some('T'));
        assert_eq!(state("7 (a) S (b) R 1 7 7"), Some('R'));
        assert_eq!(state("7 (etcd"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_runs_is_not_stopped() {
        assert!(!is_stopped(std::process::id()));
    }
}
