//! Running etcd servers on loopback ports, and doing to them what happens to servers.
//!
//! Everything a server writes is in a temporary directory. Servers and directory go away when the
//! value is dropped, and also when the process that started them dies in whatever way.

mod addresses;
mod member;
mod ports;
mod probe;
mod scratch;
mod starter;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

pub use self::member::Member;
use self::{addresses::Addresses, scratch::Scratch};
use crate::version::Version;

/// A single etcd server with the v2 API on a free loopback port.
#[derive(Debug)]
pub struct Server {
    member: Member,
    // Behind the member: the directory goes when its user is gone.
    _scratch: Scratch,
}

impl Server {
    /// Starts the program at `etcd` and waits until it answers.
    ///
    /// # Errors
    ///
    /// Fails if the program is no etcd that speaks v2, or does not get ready in time; the message
    /// has the end of its log.
    pub fn start(etcd: &Path) -> Result<Self> {
        let mut cluster = start(etcd, 1, |_| Ok(()))?;
        Ok(Self { member: cluster.members.remove(0), _scratch: cluster.scratch })
    }

    /// The URL for clients: `http://127.0.0.1:…`, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.member.endpoint()
    }

    /// The process behind the endpoint, to kill, stop and restart.
    pub fn member(&mut self) -> &mut Member {
        &mut self.member
    }
}

/// Several etcd servers with the v2 API that form one cluster, on free loopback ports.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    // Behind the members: the directory goes when its users are gone.
    scratch: Scratch,
    addresses: Addresses,
    etcd: PathBuf,
    version: Version,
}

impl Cluster {
    /// Starts the program at `etcd` as many times as there shall be members, and waits until all
    /// of them answer.
    ///
    /// # Errors
    ///
    /// Fails if the program is no etcd that speaks v2, if `members` is 0, or if a member does not
    /// get ready in time; the message has the end of its log.
    pub fn start(etcd: &Path, members: usize) -> Result<Self> {
        start(etcd, members, |_| Ok(()))
    }

    /// The same with something in front of each member: `clients` and `peers` get the URL where a member
    /// listens for the ones or the others, and say which one it advertises instead. They may be asked
    /// anew if ports turn out to be taken; only what they said last counts.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and with the errors of `clients` and `peers`.
    pub fn start_behind(
        etcd: &Path,
        members: usize,
        mut clients: impl FnMut(&str) -> Result<String>,
        mut peers: impl FnMut(&str) -> Result<String>,
    ) -> Result<Self> {
        start(etcd, members, |addresses| addresses.advertise(&mut clients, &mut peers))
    }

    /// Starts one more member and waits until it answers. `announce` gets its peer URL and has to add it
    /// to the cluster before it starts.
    ///
    /// # Errors
    ///
    /// Fails if `announce` does, or if the member does not get ready in time; the message has the end of
    /// its log.
    pub fn join(&mut self, announce: impl FnOnce(&str) -> Result<()>) -> Result<&mut Member> {
        let mut addresses = self.addresses.clone();
        announce(addresses.add()?)?;
        let (folder, index) = (self.scratch.path(), self.members.len());
        let mut member = Member::start(&self.etcd, self.version, folder, &addresses, index)?;
        member.wait_until_ready()?;
        self.addresses = addresses;
        self.members.push(member);
        Ok(&mut self.members[index])
    }

    /// The URLs for clients, one a member: `http://127.0.0.1:…`, without a slash at the end.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.endpoint().to_owned()).collect()
    }

    /// The processes, in the order of the endpoints, to kill, stop and restart.
    pub fn members(&mut self) -> &mut [Member] {
        &mut self.members
    }
}

fn start(
    etcd: &Path,
    members: usize,
    mut front: impl FnMut(&mut Addresses) -> Result<()>,
) -> Result<Cluster> {
    ensure!(members > 0, "a cluster has at least one member");
    let version = Version::require_v2(etcd)?;
    let mut attempt = 1;
    loop {
        let addresses = Addresses::choose(members).and_then(|mut addresses| {
            front(&mut addresses)?;
            Ok(addresses)
        })?;
        match start_once(etcd, version, addresses) {
            // Between our finding a port free and the server's taking it, somebody else took it.
            Err(error) if attempt < ATTEMPTS && error.to_string().contains(PORT_TAKEN) => {}
            result => return result,
        }
        attempt += 1;
    }
}

fn start_once(etcd: &Path, version: Version, addresses: Addresses) -> Result<Cluster> {
    let scratch = Scratch::new()?;
    let mut members = (0..addresses.len())
        .map(|index| Member::start(etcd, version, scratch.path(), &addresses, index))
        .collect::<Result<Vec<_>>>()?;
    for member in &mut members {
        member.wait_until_ready()?;
    }
    Ok(Cluster { members, scratch, addresses, etcd: etcd.to_owned(), version })
}

const ATTEMPTS: usize = 5;
/// How the server's log puts it.
const PORT_TAKEN: &str = "address already in use";
