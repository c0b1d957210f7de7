//! The hosts that are reached without a proxy.

use std::net::IpAddr;

use url::Host;

use crate::endpoint::{is_this_machine, whole};

/// A list of hosts that no proxy is used for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exempt {
    /// Whether this machine is one of them.
    loopback: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Everything,
    Network {
        address: IpAddr,
        bits: u32,
    },
    Address(IpAddr, Option<u16>),
    /// All hosts below a name, and perhaps the one with that name.
    Domain {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Exempt {
    /// A list with `localhost`, all names below it, and all loopback addresses.
    pub(crate) fn this_machine() -> Self {
        Self { loopback: true, entries: Vec::new() }
    }

    /// Adds the entries of a list that is separated by commas. Those that make no sense cover
    /// nothing, as in Go.
    pub(crate) fn add(&mut self, list: &str) {
        self.entries.extend(list.split(',').filter_map(|text| parse(&text.trim().to_lowercase())));
    }

    /// Whether no proxy is used for this host, which is a name or an address without brackets.
    pub(crate) fn covers(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let host = host.to_lowercase();
        let host = whole(&host);
        if self.loopback {
            let is_loopback = address.is_some_and(|address| address.is_loopback());
            if is_loopback || is_this_machine(host) {
                return true;
            }
        }
        let is_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        self.entries.iter().any(|entry| match (entry, address) {
            (Entry::Everything, _) => true,
            (Entry::Network { address, bits }, Some(host)) => is_within(host, *address, *bits),
            (Entry::Address(address, port), Some(host)) => *address == host && is_port(port),
            (Entry::Domain { name, itself, port }, None) => {
                let below = host.strip_suffix(name.as_str());
                let matches = below.is_some_and(|rest| match rest.strip_suffix('.') {
                    Some(_) => true,
                    None => rest.is_empty() && *itself,
                });
                matches && is_port(port)
            }
            _ => false,
        })
    }
}

fn parse(text: &str) -> Option<Entry> {
    if text == "*" {
        return Some(Entry::Everything);
    }
    if let Some((address, bits)) = text.split_once('/')
        && let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse())
    {
        let most = if address.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then_some(Entry::Network { address, bits });
    }
    let (host, port) = split_port(text)?;
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Entry::Address(address.to_canonical(), port));
    }
    let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
    let name = whole(below.unwrap_or(host));
    // Endpoints have international names in their ASCII form.
    let name = match name.is_ascii() {
        true => name.to_owned(),
        false => Host::parse(name).ok()?.to_string(),
    };
    let itself = below.is_none();
    (!name.is_empty()).then_some(Entry::Domain { name, itself, port })
}

/// The host without brackets, and the port if there is one.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':').unwrap_or(rest))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let port = if port.is_empty() { None } else { Some(port.parse().ok()?) };
    Some((host, port))
}

/// Whether the first bits of two addresses are the same.
fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (host, network) {
        (IpAddr::V4(host), IpAddr::V4(network)) => {
            let differing = host.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= bits
        }
        (IpAddr::V6(host), IpAddr::V6(network)) => {
            let differing = host.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= bits
        }
        _ => false,
    }
}
