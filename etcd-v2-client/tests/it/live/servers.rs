//! The servers that the tests share. They go away with this process.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use etcd_v2_client::proto::http::Method;
use etcd_v2_client::proto::{Document, Encoded, Purpose};
use etcd_v2_client::{ErrorKind, Invalid, Request};
use xtask::server::{Cluster, Member, Server};

use super::space::Space;

/// The program. The variable `ETCD_V2_TEST_SERVER` names one; otherwise it is looked for, and
/// downloaded if there is none.
pub(super) static ETCD: LazyLock<PathBuf> = LazyLock::new(|| xtask::obtain(None).unwrap());

static QUIET: LazyLock<Server> = LazyLock::new(|| Server::start(&ETCD).unwrap());
static CROWDED: LazyLock<Server> = LazyLock::new(|| Server::start(&ETCD).unwrap());
static ALONE: LazyLock<Mutex<Server>> = LazyLock::new(|| Mutex::new(Server::start(&ETCD).unwrap()));
static THREE: LazyLock<Mutex<Cluster>> =
    LazyLock::new(|| Mutex::new(Cluster::start(&ETCD, 3).unwrap()));
static CHANGING: LazyLock<Mutex<Cluster>> =
    LazyLock::new(|| Mutex::new(Cluster::start(&ETCD, 3).unwrap()));

/// A server that is written to rarely enough for its history of 1000 changes to reach far back.
pub(super) fn quiet() -> Vec<String> {
    vec![QUIET.endpoint().to_owned()]
}

/// A server for tests that write a lot.
pub(super) fn crowded() -> Vec<String> {
    vec![CROWDED.endpoint().to_owned()]
}

/// A server that one test at a time has for itself: the one that has it [locked](lock_alone).
pub(super) fn alone() -> Vec<String> {
    vec![lock_alone().endpoint().to_owned()]
}

pub(super) fn lock_alone() -> MutexGuard<'static, Server> {
    // A test that failed may have left it in any state.
    let mut server = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    revive(server.member());
    server
}

/// Three members of a cluster, for one test at a time: the one that has it [locked](lock_three).
pub(super) fn three() -> Vec<String> {
    lock_three().endpoints()
}

pub(super) fn lock_three() -> MutexGuard<'static, Cluster> {
    let mut cluster = THREE.lock().unwrap_or_else(PoisonError::into_inner);
    for member in cluster.members() {
        revive(member);
    }
    for member in cluster.members() {
        member.wait_until_ready().unwrap();
    }
    cluster
}

/// Another cluster of three, of which tests change who is in it, one at a time.
pub(super) fn changing() -> Vec<String> {
    lock_changing().endpoints()
}

pub(super) fn lock_changing() -> MutexGuard<'static, Cluster> {
    CHANGING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn revive(member: &mut Member) {
    if member.is_running() {
        member.cont().unwrap();
    } else {
        member.restart().unwrap();
    }
}

/// How many connections a server has, by the kernel's account, apart from the one that it has to
/// itself: those that are established, and those that the client has closed and the server has not.
pub(super) fn connections(server: &mut Server) -> usize {
    const OPEN: [&str; 2] = ["01", "08"];
    let port: u16 = server.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let port = format!("0100007F:{port:04X}");
    let own = sockets(server.member().pid().unwrap());

    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows: Vec<Vec<_>> =
        table.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
    let by_itself = |from: &str| {
        let mut ends = rows.iter().filter(|row| row[1] == from && row[2] == port);
        ends.any(|row| own.contains(row[9]))
    };
    let accepted = rows.iter().filter(|row| row[1] == port && OPEN.contains(&row[3]));
    accepted.filter(|row| !by_itself(row[2])).count()
}

/// The inodes of the sockets of a process.
fn sockets(process: u32) -> BTreeSet<String> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    // One that is closed meanwhile has none.
    let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets
        .filter_map(|target| {
            Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect()
}

/// How many waits the server knows, by its statistics.
pub(super) fn watchers(space: &Space) -> u64 {
    space.client.send(Watchers).unwrap()
}

/// A request of one's own: how many waits the server knows, by its statistics.
struct Watchers;

impl Request for Watchers {
    type Output = u64;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/stats/store", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<u64, ErrorKind> {
        let text = String::from_utf8(document.body).unwrap();
        let (_, count) = text.split_once("\"watchers\":").unwrap();
        Ok(count.trim_end_matches('}').parse().unwrap())
    }
}
