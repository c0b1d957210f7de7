//! Who listens where, and what everybody is told of it.

use anyhow::Result;

use super::ports;

/// The URLs of a whole cluster, which each member has to know.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    clients: Vec<String>,
    peers: Vec<String>,
    /// What they say of themselves: the same, unless something stands in front of them.
    advertised: Advertised,
    /// How many members the cluster begins with; the others join it.
    founders: usize,
}

impl Addresses {
    pub(super) fn choose(members: usize) -> Result<Self> {
        let mut clients: Vec<_> = ports::free(2 * members)?.into_iter().map(url).collect();
        let peers = clients.split_off(members);
        let advertised = Advertised { clients: clients.clone(), peers: peers.clone() };
        Ok(Self { clients, peers, advertised, founders: members })
    }

    pub(super) const fn len(&self) -> usize {
        self.clients.len()
    }

    /// Advertises what `clients` and `peers` say instead of where the members listen.
    pub(super) fn advertise(
        &mut self,
        clients: impl FnMut(&str) -> Result<String>,
        peers: impl FnMut(&str) -> Result<String>,
    ) -> Result<()> {
        self.advertised = Advertised {
            clients: self.clients.iter().map(String::as_str).map(clients).collect::<Result<_>>()?,
            peers: self.peers.iter().map(String::as_str).map(peers).collect::<Result<_>>()?,
        };
        Ok(())
    }

    /// Chooses those of one more member, and returns its peer URL.
    pub(super) fn add(&mut self) -> Result<&str> {
        let ports = ports::free(2)?;
        self.clients.push(url(ports[0]));
        self.peers.push(url(ports[1]));
        self.advertised.clients.push(url(ports[0]));
        self.advertised.peers.push(url(ports[1]));
        Ok(&self.peers[self.peers.len() - 1])
    }

    /// Where clients reach a member.
    pub(super) fn client(&self, index: usize) -> &str {
        &self.clients[index]
    }

    /// The flags that tell a member all of this.
    pub(super) fn flags(&self, index: usize) -> Vec<String> {
        let (client, peer) = (&self.clients[index], &self.peers[index]);
        let state = if index < self.founders { "new" } else { "existing" };
        let advertised = (&self.advertised.clients[index], &self.advertised.peers[index]);
        let everybody: Vec<_> = self
            .advertised
            .peers
            .iter()
            .enumerate()
            .map(|(index, peer)| format!("{}={peer}", name(index)))
            .collect();
        vec![
            format!("--name={}", name(index)),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={}", advertised.0),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={}", advertised.1),
            format!("--initial-cluster={}", everybody.join(",")),
            format!("--initial-cluster-state={state}"),
        ]
    }
}

#[derive(Clone, Debug)]
struct Advertised {
    clients: Vec<String>,
    peers: Vec<String>,
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// What the cluster calls a member.
pub(super) fn name(index: usize) -> String {
    format!("member{index}")
}
