//! The cluster that a case happens to.

use std::{
    collections::BTreeMap,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use etcd_v2_client::{
    keys::Get,
    members::{Leader, List},
};
use xtask::server::{Cluster, Links, Member};

use crate::{
    dice::Dice,
    proxy::FaultProxy,
    subject::{Colour, Subject},
};

/// Three members with everything in front of them that faults need.
#[derive(Debug)]
pub(crate) struct Arena {
    cluster: Cluster,
    proxies: Vec<FaultProxy>,
    links: Links,
    /// The relays in front of the proxies.
    far: Links,
    /// The one that asks the members how they are.
    observer: Subject,
}

impl Arena {
    /// Starts them. Peers talk through relays only if they may be cut from each other.
    pub(crate) fn start(etcd: &Path, with_links: bool) -> Result<Self> {
        Self::start_with(etcd, with_links, &[])
    }

    /// The same with further flags for each member.
    pub(crate) fn start_with(etcd: &Path, with_links: bool, flags: &[&str]) -> Result<Self> {
        let mut proxies = Vec::new();
        let mut links = Links::default();
        let clients = |url: &str| {
            let proxy = FaultProxy::start(url)?;
            let own = proxy.url();
            proxies.push(proxy);
            Ok(own)
        };
        let peers = |url: &str| {
            if with_links {
                // A new attempt to start is a new set of relays.
                if links.count() == MEMBERS {
                    links = Links::default();
                }
                links.add(url)
            } else {
                Ok(url.to_owned())
            }
        };
        let cluster = Cluster::start_behind_with(etcd, MEMBERS, flags, clients, peers)?;
        let proxies = proxies.split_off(proxies.len() - MEMBERS);
        let mut far = Links::default();
        for proxy in &proxies {
            far.add(&proxy.url())?;
        }
        let observer = Colour::Blocking.subject(&cluster.endpoints())?;
        let arena = Self { cluster, proxies, links, far, observer };
        let members = arena.observer.send(List::default())?;
        let number = |name: &str| name.strip_prefix("member")?.parse().ok();
        let ids =
            members.iter().filter_map(|member| Some((member.id.clone(), number(&member.name)?)));
        arena.links.introduce(ids.collect::<BTreeMap<_, _>>());
        Ok(arena)
    }

    /// The members' own URLs, beginning with this one.
    pub(crate) fn endpoints(&self, first: usize) -> Vec<String> {
        let mut urls = self.cluster.endpoints();
        urls.rotate_left(first);
        urls
    }

    /// The URLs of the proxies, beginning with this one.
    pub(crate) fn proxied(&self, first: usize) -> Vec<String> {
        let mut urls: Vec<_> = self.proxies.iter().map(FaultProxy::url).collect();
        urls.rotate_left(first);
        urls
    }

    /// The URLs of the relays in front of the proxies, beginning with this one, for clients that are far away.
    pub(crate) fn relayed(&self, first: usize) -> Vec<String> {
        let mut urls = self.far.urls();
        urls.rotate_left(first);
        urls
    }

    /// The relays between the members and clients that are far away.
    pub(crate) const fn far(&self) -> &Links {
        &self.far
    }

    pub(crate) fn proxies(&self) -> &[FaultProxy] {
        &self.proxies
    }

    pub(crate) const fn links(&self) -> &Links {
        &self.links
    }

    pub(crate) fn member(&mut self, index: usize) -> &mut Member {
        &mut self.cluster.members()[index]
    }

    /// A client that looks at the members without any proxy, for finding out the truth.
    pub(crate) const fn observer(&self) -> &Subject {
        &self.observer
    }

    /// Who leads, according to this member alone; nobody, if it does not know or does not answer.
    pub(crate) fn leader_seen_by(&self, member: usize) -> Option<usize> {
        let alone = Colour::Blocking.subject(&self.endpoints(member)[..1]).ok()?;
        let alone = alone.with(|policy| {
            policy.read_deadline = Some(Duration::from_millis(500));
            policy.read_head = policy.read_deadline.map(Into::into);
        });
        alone.send(Leader::default()).ok()?.name.strip_prefix("member")?.parse().ok()
    }

    /// Who leads, once all members agree on it.
    pub(crate) fn leader(&self) -> Result<usize> {
        self.agreed(None, PAUSE)
    }

    /// Who leads in place of this one, once the others agree on it.
    pub(crate) fn successor(&self, former: usize) -> Result<usize> {
        self.agreed(Some(former), PAUSE / 5)
    }

    /// Who leads in the eyes of all but this one, which has no say and does not count; asked for with such pauses.
    fn agreed(&self, without: Option<usize>, pause: Duration) -> Result<usize> {
        let deadline = Instant::now() + LONGEST;
        let members = || (0..MEMBERS).filter(|member| Some(*member) != without);
        while Instant::now() < deadline {
            let mut seen = members().map(|member| self.leader_seen_by(member));
            if let Some(Some(leader)) = seen.next()
                && Some(leader) != without
                && seen.all(|other| other == Some(leader))
            {
                return Ok(leader);
            }
            thread::sleep(pause);
        }
        bail!("the members do not agree on a leader after {} s", LONGEST.as_secs())
    }

    /// Some member that does not lead.
    pub(crate) fn follower(&self, dice: &mut Dice) -> Result<usize> {
        Ok((self.leader()? + 1 + dice.below(MEMBERS - 1)) % MEMBERS)
    }

    /// Undoes everything that was done, and waits until all members have caught up.
    pub(crate) fn heal(&mut self) -> Result<()> {
        self.links.isolate(None);
        self.links.set_round_trips(Duration::ZERO);
        self.far.set_round_trips(Duration::ZERO);
        for proxy in &self.proxies {
            proxy.set_rules([]);
            proxy.hold(false);
        }
        for member in self.cluster.members() {
            if member.is_running() {
                member.cont()?;
            } else {
                member.restart()?;
            }
        }
        for member in self.cluster.members() {
            member.wait_until_ready()?;
        }
        self.leader()?;
        // What a member has accepted before it was stopped is proposed when it goes on, behind
        // whatever it reads through consensus afterwards.
        for member in 0..MEMBERS {
            let alone = Colour::Blocking.subject(&self.endpoints(member)[..1])?;
            for _ in 0..3 {
                thread::sleep(PAUSE);
                alone.send(Get::new("/").quorum()).context("a healed member does not answer")?;
            }
        }
        Ok(())
    }
}

pub(crate) const MEMBERS: usize = 3;
const LONGEST: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
