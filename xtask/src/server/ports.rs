//! Ports nobody uses.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::TcpListener,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Result, ensure};

/// Finds `count` loopback ports that are free right now, each handed out once by this process.
///
/// They lie below the range from which systems take the ports of outgoing connections: a client
/// that tries again and again to reach a killed member must not end up with that member's port
/// itself.
pub(super) fn free(count: usize) -> Result<Vec<u16>> {
    let ports: Vec<_> =
        (0..SPAN).map(|_| next()).filter(|port| is_free(*port)).take(count).collect();
    ensure!(ports.len() == count, "there are no {count} free ports on 127.0.0.1");
    Ok(ports)
}

fn next() -> u16 {
    // Processes that start servers at the same time begin at different places.
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
        AtomicU64::new(RandomState::new().build_hasher().finish() % u64::from(SPAN))
    });
    let step = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(SPAN);
    FIRST + u16::try_from(step).unwrap_or_default()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

const FIRST: u16 = 20_000;
const SPAN: u16 = 12_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let mut ports = [free(3).unwrap(), free(3).unwrap()].concat();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
    }

    #[test]
    fn a_taken_port_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
