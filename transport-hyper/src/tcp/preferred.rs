//! The addresses that worked last.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Remembers, for each host, the address that accepted the latest connection.
pub(crate) struct Preferred {
    /// The most recent one is at the end.
    entries: Mutex<Vec<(Box<str>, SocketAddr)>>,
}

impl Preferred {
    pub(crate) const fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()) }
    }

    /// Moves the address that worked last to the front, if it is still one of the host.
    pub(crate) fn to_front(&self, host: &str, addresses: &mut [SocketAddr]) {
        let entries = self.lock();
        let known = entries.iter().filter(|(name, _)| **name == *host);
        let position =
            known.rev().find_map(|(_, good)| addresses.iter().position(|each| each == good));
        if let Some(position) = position {
            addresses[..=position].rotate_right(1);
        }
    }

    /// Remembers that a connection of this host has this address.
    pub(crate) fn remember(&self, host: &str, address: SocketAddr) {
        let mut entries = self.lock();
        // The ports of a host are different servers.
        entries.retain(|(name, good)| **name != *host || good.port() != address.port());
        if entries.len() >= MAX_ENTRIES {
            entries.remove(0);
        }
        entries.push((host.into(), address));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Box<str>, SocketAddr)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More servers than a cluster has.
const MAX_ENTRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_address_that_worked_comes_first_and_the_others_keep_their_order() {
        let preferred = Preferred::new();
        preferred.remember("a", address("10.0.0.3:1"));
        preferred.remember("a", address("10.0.0.2:2"));
        preferred.remember("b", address("10.0.0.1:1"));
        let all = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"].map(address);
        for (host, expected) in [("a", [2, 0, 1, 3]), ("b", [0, 1, 2, 3]), ("c", [0, 1, 2, 3])] {
            let mut addresses = all;
            preferred.to_front(host, &mut addresses);
            assert_eq!(addresses, expected.map(|at| all[at]), "{host}");
        }
        preferred.remember("a", address("10.0.0.2:1"));
        let mut addresses = all;
        preferred.to_front("a", &mut addresses);
        assert_eq!(addresses[..2], [all[1], all[0]]);
        // An address that the host no longer has is not tried.
        preferred.to_front("a", &mut addresses[1..]);
        assert_eq!(addresses, [all[1], all[0], all[2], all[3]]);
    }

    #[test]
    fn memory_is_bounded() {
        let preferred = Preferred::new();
        for number in 0..1000 {
            preferred.remember(&number.to_string(), address("10.0.0.1:1"));
        }
        assert_eq!(preferred.lock().len(), MAX_ENTRIES);
        assert_eq!(*preferred.lock()[MAX_ENTRIES - 1].0, *"999");
    }
}
