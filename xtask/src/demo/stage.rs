//! The servers that examples talk to, and the variables that tell where they are.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
};

use anyhow::{Context, Result, anyhow};
use xtask::{
    certificates::{self, Authority},
    server::{Cluster, Security, Server},
};

/// What an example wants to talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Servers {
    /// A single server.
    One,
    /// A cluster of three.
    Three,
    /// A single server that speaks TLS and wants to see a certificate.
    Secured,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage(BTreeMap<Servers, Running>);

#[derive(Debug)]
struct Running {
    variables: Vec<(&'static str, String)>,
    /// They end when they are dropped.
    _servers: Box<dyn Any + Send>,
}

impl Stage {
    /// Starts all that is wanted, at the same time.
    pub(super) fn start(etcd: &Path, wanted: impl Iterator<Item = Servers>) -> Result<Self> {
        let wanted: BTreeSet<_> = wanted.collect();
        let running: Result<_> = thread::scope(|scope| {
            let starting: Vec<_> = wanted
                .into_iter()
                .map(|servers| (servers, scope.spawn(move || servers.start(etcd))))
                .collect();
            let started = starting.into_iter().map(|(servers, start)| {
                let running = start.join().map_err(|_| anyhow!("starting servers panicked"))??;
                println!("{servers:?}: {}", running.variables[0].1);
                Ok((servers, running))
            });
            started.collect()
        });
        running.map(Self)
    }

    /// What an example has to be told.
    pub(super) fn variables(&self, servers: Servers) -> impl Iterator<Item = (&str, &str)> {
        let running = self.0.get(&servers).into_iter();
        running.flat_map(|it| it.variables.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

impl Servers {
    fn start(self, etcd: &Path) -> Result<Running> {
        match self {
            Self::One => {
                let server = Server::start(etcd)?;
                Ok(Running::at(server.endpoint().to_owned(), server))
            }
            Self::Three => {
                let cluster = Cluster::start(etcd, 3)?;
                Ok(Running::at(cluster.endpoints().join(","), cluster))
            }
            Self::Secured => secured(etcd),
        }
    }
}

impl Running {
    fn at(endpoints: String, servers: impl Any + Send) -> Self {
        let variables = vec![("ETCD_V2_ENDPOINTS", endpoints)];
        Self { variables, _servers: Box::new(servers) }
    }
}

fn secured(etcd: &Path) -> Result<Running> {
    let authority = Authority::new("the CA of the demo")?;
    let shown = authority.for_hosts(&["127.0.0.1", "::1", "localhost"])?;
    let mut server = Server::secured(etcd, Security::showing(&shown).admitting(&authority))?;

    // What the client needs goes away with what the server has written.
    let folder = server.member().log().parent().context("a log is in a directory")?.to_owned();
    let (certificate, key) = authority.for_user("demo")?.save(&folder, "client")?;
    let ca = certificates::save(&folder, "ca.pem", authority.pem())?;
    let mut running = Running::at(server.endpoint().to_owned(), server);
    let files = [("ETCD_V2_CA", ca), ("ETCD_V2_CERTIFICATE", certificate), ("ETCD_V2_KEY", key)];
    running.variables.extend(files.map(|(name, path)| (name, path.display().to_string())));
    Ok(running)
}
