//! What the tests of other crates rely on, tried with real servers.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod interrupts;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod secured;
#[cfg(test)]
mod versions;
