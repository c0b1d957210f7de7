//! Running etcd servers on loopback ports, and doing to them what happens to servers.
//!
//! Everything a server writes is in a temporary directory. Servers and directory go away when the
//! value is dropped, and also when the process that started them dies in whatever way.

mod member;
mod ports;
mod probe;
mod proxy;
mod scratch;
mod starter;
mod stopped;

use std::path::Path;

use anyhow::{Result, ensure};

use self::{member::Addresses, scratch::Scratch};
pub use self::{member::Member, proxy::Proxy};
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
        let (mut members, scratch) = start(etcd, 1)?;
        Ok(Self { member: members.remove(0), _scratch: scratch })
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
    _scratch: Scratch,
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
        let (members, scratch) = start(etcd, members)?;
        Ok(Self { members, _scratch: scratch })
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

fn start(etcd: &Path, members: usize) -> Result<(Vec<Member>, Scratch)> {
    ensure!(members > 0, "a cluster has at least one member");
    let version = Version::require_v2(etcd)?;
    let mut attempt = 1;
    loop {
        match start_once(etcd, version, members) {
            // Between our finding a port free and the server's taking it, somebody else took it.
            Err(error) if attempt < ATTEMPTS && error.to_string().contains(PORT_TAKEN) => {}
            result => return result,
        }
        attempt += 1;
    }
}

fn start_once(etcd: &Path, version: Version, count: usize) -> Result<(Vec<Member>, Scratch)> {
    let scratch = Scratch::new()?;
    let addresses = Addresses::choose(count)?;
    let mut members = (0..count)
        .map(|index| Member::start(etcd, version, scratch.path(), &addresses, index))
        .collect::<Result<Vec<_>>>()?;
    for member in &mut members {
        member.wait_until_ready()?;
    }
    Ok((members, scratch))
}

const ATTEMPTS: usize = 5;
/// How the server's log puts it.
const PORT_TAKEN: &str = "address already in use";
