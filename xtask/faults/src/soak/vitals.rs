//! What this process takes of the machine.

use std::fs;

use anyhow::{Context, Result};

/// What it had at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vitals {
    /// The memory that is really there, in KiB.
    pub(super) memory: u64,
    /// All sockets: those of the clients, and those of what stands between them and the members.
    pub(super) sockets: u64,
}

impl Vitals {
    /// Asks the kernel.
    pub(super) fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status").context("no account of memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let open = fs::read_dir("/proc/self/fd").context("no account of sockets")?;
        // One that is closed meanwhile leads nowhere.
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        let sockets = targets.filter(|target| target.to_string_lossy().starts_with("socket:"));
        Ok(Self { memory: number.context("no VmRSS")?, sockets: sockets.count() as u64 })
    }
}

/// By how much the least of the last third of the moments exceeds that of the third before, when all has
/// been in use; none if they are too few. What a fault has just left behind comes and goes, and what leaks
/// never goes.
pub(super) fn growth(moments: &[u64]) -> Option<u64> {
    const ENOUGH: usize = 9;
    let third = moments.len() / 3;
    let (before, last) = moments.split_at(moments.len() - third);
    let before = before.split_at(before.len() - third).1;
    let (before, last) = (before.iter().min()?, last.iter().min()?);
    (moments.len() >= ENOUGH).then(|| last.saturating_sub(*before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_levels_off_does_not_grow() {
        assert_eq!(growth(&[1, 5, 8, 9, 9, 8, 9, 9, 8]), Some(0));
        assert_eq!(growth(&[1, 5, 8, 9, 9, 8, 9, 99, 8]), Some(0), "a moment is no trend");
        assert_eq!(growth(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), Some(3));
        assert_eq!(growth(&[1, 2, 3]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_and_some_memory_are_counted() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let vitals = Vitals::now().unwrap();
        assert!(vitals.sockets >= 1 && vitals.memory > 1000, "{vitals:?}");
        drop(listener);
    }
}
