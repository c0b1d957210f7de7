//! Who listens where, and what everybody is told of it.

use anyhow::Result;

use super::ports;

/// The URLs of a whole cluster, which each member has to know.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    clients: Vec<String>,
    /// Those behind secured ones, which are told to nobody.
    plain: Option<Vec<String>>,
    peers: Vec<String>,
    /// What they say of themselves: the same, unless something stands in front of them.
    advertised: Advertised,
    /// How many members the cluster begins with; the others join it.
    founders: usize,
}

impl Addresses {
    pub(super) fn choose(members: usize, secured: bool) -> Result<Self> {
        let urls = |scheme: &str| -> Result<Vec<_>> {
            let ports = ports::free(members)?.into_iter();
            Ok(ports.map(|port| format!("{scheme}://127.0.0.1:{port}")).collect())
        };
        let (clients, peers) = (urls(if secured { "https" } else { "http" })?, urls("http")?);
        let plain = if secured { Some(urls("http")?) } else { None };
        let advertised = Advertised { clients: clients.clone(), peers: peers.clone() };
        Ok(Self { clients, plain, peers, advertised, founders: members })
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
        let other = Self::choose(1, self.plain.is_some())?;
        self.clients.extend(other.clients);
        self.plain = self.plain.take().zip(other.plain).map(|(all, one)| [all, one].concat());
        self.peers.extend(other.peers);
        self.advertised.clients.extend(other.advertised.clients);
        self.advertised.peers.extend(other.advertised.peers);
        Ok(&self.peers[self.peers.len() - 1])
    }

    /// Where clients reach a member.
    pub(super) fn client(&self, index: usize) -> &str {
        &self.clients[index]
    }

    /// Where a member can be asked without TLS.
    pub(super) fn plain(&self, index: usize) -> &str {
        self.plain.as_ref().map_or_else(|| self.client(index), |plain| &plain[index])
    }

    /// The flags that tell a member all of this.
    pub(super) fn flags(&self, index: usize) -> Vec<String> {
        let (client, peer) = (&self.clients[index], &self.peers[index]);
        let state = if index < self.founders { "new" } else { "existing" };
        let behind =
            self.plain.as_ref().map_or_else(String::new, |plain| format!(",{}", plain[index]));
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
            format!("--listen-client-urls={client}{behind}"),
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

/// What the cluster calls a member.
pub(super) fn name(index: usize) -> String {
    format!("member{index}")
}
