//! Running etcd servers on loopback ports, and doing to them what happens to servers.
//!
//! Everything a server writes is in a temporary directory. Servers and directory go away when the
//! value is dropped, and also when the process that started them dies in whatever way.
//!
//! Secured servers are also open to this machine without TLS, on a port that nobody is told of: that
//! is how we know when they are ready, whatever certificate they show. The members of a cluster talk
//! to each other without TLS.

mod addresses;
mod delay;
mod links;
mod member;
mod ports;
mod probe;
mod proxy;
mod scratch;
mod security;
mod starter;
mod stopped;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use self::{addresses::Addresses, scratch::Scratch};
pub use self::{
    links::{Links, address_of},
    member::Member,
    proxy::Proxy,
    security::Security,
};
use crate::version::Version;

/// A single etcd server with the v2 API on a free loopback port.
///
/// Dropping it kills the process and removes its data. It dies with this process, too.
#[derive(Debug)]
pub struct Server {
    member: Member,
    // Dropped after the process.
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
        Cluster::start(etcd, 1).map(Self::of)
    }

    /// The same, but clients have to speak TLS with it.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn secured(etcd: &Path, security: Security<'_>) -> Result<Self> {
        Cluster::secured(etcd, 1, security).map(Self::of)
    }

    /// Starts the program at `etcd` with further flags, which override those that it has anyway. They are
    /// made from the URL for clients and the temporary directory. Nobody waits until it is ready, as it
    /// may never speak v2.
    ///
    /// # Errors
    ///
    /// Fails if the program cannot be started.
    pub fn start_with(etcd: &Path, flags: impl FnOnce(&str, &Path) -> Vec<String>) -> Result<Self> {
        let (scratch, addresses) = (Scratch::new()?, Addresses::choose(1, false)?);
        let mut all = common_flags(etcd)?;
        all.extend(flags(addresses.client(0), scratch.path()));
        let member = Member::start(etcd, scratch.path(), &addresses, 0, &all)?;
        Ok(Self { member, _scratch: scratch })
    }

    /// Starts the program at `etcd` with the v2 API off, and does not wait until it answers. The result is none if
    /// this version always has the API on, as all do before 3.4.
    ///
    /// # Errors
    ///
    /// Fails if the program is no etcd that speaks v2, or cannot be started.
    pub fn without_v2(etcd: &Path) -> Result<Option<Self>> {
        if Version::require_v2(etcd)?.enabling_flag().is_none() {
            return Ok(None);
        }
        Self::start_with(etcd, |_, _| vec!["--enable-v2=false".to_owned()]).map(Some)
    }

    /// The URL for clients: `http://127.0.0.1:…` or `https://127.0.0.1:…`, without a slash at the
    /// end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.member.endpoint()
    }

    /// The process, to kill, stop and restart it.
    pub fn member(&mut self) -> &mut Member {
        &mut self.member
    }

    fn of(mut cluster: Cluster) -> Self {
        Self { member: cluster.members.remove(0), _scratch: cluster.scratch }
    }
}

/// A cluster of etcd servers with the v2 API on free loopback ports.
///
/// Dropping it kills the processes and removes their data. They die with this process, too.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    etcd: PathBuf,
    addresses: Addresses,
    /// What all members are told, those that join later included.
    flags: Vec<String>,
    // Dropped after the processes.
    scratch: Scratch,
}

impl Cluster {
    /// Starts `members` servers from the program at `etcd` and waits until all of them answer.
    ///
    /// # Errors
    ///
    /// Fails if the program is no etcd that speaks v2, if `members` is 0, or if a member does not
    /// get ready in time; the message has the end of its log.
    pub fn start(etcd: &Path, members: usize) -> Result<Self> {
        start(etcd, members, None, &[], |_| Ok(()))
    }

    /// The same with further flags for each of them.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_with(etcd: &Path, members: usize, flags: &[&str]) -> Result<Self> {
        start(etcd, members, None, flags, |_| Ok(()))
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
        clients: impl FnMut(&str) -> Result<String>,
        peers: impl FnMut(&str) -> Result<String>,
    ) -> Result<Self> {
        Self::start_behind_with(etcd, members, &[], clients, peers)
    }

    /// The same with further flags for each of them.
    ///
    /// # Errors
    ///
    /// As for [`start_behind`](Self::start_behind).
    pub fn start_behind_with(
        etcd: &Path,
        members: usize,
        flags: &[&str],
        mut clients: impl FnMut(&str) -> Result<String>,
        mut peers: impl FnMut(&str) -> Result<String>,
    ) -> Result<Self> {
        let front = |addresses: &mut Addresses| addresses.advertise(&mut clients, &mut peers);
        start(etcd, members, None, flags, front)
    }

    /// The same, but clients have to speak TLS with them. All show the same certificate.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn secured(etcd: &Path, members: usize, security: Security<'_>) -> Result<Self> {
        start(etcd, members, Some(security), &[], |_| Ok(()))
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
        let mut member = Member::start(&self.etcd, folder, &addresses, index, &self.flags)?;
        member.wait_until_ready()?;
        self.addresses = addresses;
        self.members.push(member);
        Ok(&mut self.members[index])
    }

    /// The URLs for clients, one a member: `http://127.0.0.1:…` or `https://127.0.0.1:…`, without a
    /// slash at the end.
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
    security: Option<Security<'_>>,
    more: &[&str],
    mut front: impl FnMut(&mut Addresses) -> Result<()>,
) -> Result<Cluster> {
    ensure!(members > 0, "a cluster has at least one member");
    let mut flags = common_flags(etcd)?;
    flags.extend(more.iter().map(|flag| (*flag).to_owned()));
    let mut attempt = 1;
    loop {
        let mut addresses = Addresses::choose(members, security.is_some())?;
        front(&mut addresses)?;
        match start_once(etcd, addresses, security, flags.clone()) {
            // Between our finding a port free and the server's taking it, somebody else took it.
            Err(error) if attempt < ATTEMPTS && error.to_string().contains(PORT_TAKEN) => {}
            result => return result,
        }
        attempt += 1;
    }
}

fn start_once(
    etcd: &Path,
    addresses: Addresses,
    security: Option<Security<'_>>,
    mut flags: Vec<String>,
) -> Result<Cluster> {
    let scratch = Scratch::new()?;
    if let Some(security) = security {
        flags.extend(security.flags(scratch.path())?);
    }
    let mut members = (0..addresses.len())
        .map(|index| Member::start(etcd, scratch.path(), &addresses, index, &flags))
        .collect::<Result<Vec<_>>>()?;
    for member in &mut members {
        member.wait_until_ready()?;
    }
    Ok(Cluster { members, etcd: etcd.to_owned(), addresses, flags, scratch })
}

/// What this program has to be told to speak v2.
fn common_flags(etcd: &Path) -> Result<Vec<String>> {
    let version = Version::require_v2(etcd)?;
    Ok(version.enabling_flag().map(str::to_owned).into_iter().collect())
}

const ATTEMPTS: usize = 5;
/// How the server's log puts it.
const PORT_TAKEN: &str = "address already in use";
