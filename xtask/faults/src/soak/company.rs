//! The watches and the mirror of one client.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use etcd_v2_client::{
    Mirror,
    keys::{Change, Node, Wait},
};

use super::{BUSY, QUIET, form::Form, witness::Witness};
use crate::{
    arena::{Arena, MEMBERS},
    subject::{Colour, Mirroring, Subject},
};

/// All that is held against the truth, of one colour.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) colour: Colour,
    /// Of the key that is written rarely.
    quiet: Witness,
    /// Of the directory that is written all the time.
    busy: Vec<Witness>,
    mirroring: Mirroring,
    /// How many times a watch was late at a calm moment.
    pub(super) late: usize,
    /// How many times a copy was not what the cluster has: the mirror, or one that is kept by a watch.
    pub(super) different: usize,
}

impl Company {
    /// Watches begin after this index. Each has a client of its own, and another member to begin with.
    pub(super) fn new(colour: Colour, arena: &Arena, form: Form, after: u64) -> Result<Self> {
        let subject = |first: usize| colour.subject(&form.endpoints(arena, first % MEMBERS));
        let impatient = subject(1)?.with(|policy| {
            policy.watch_idle = Some(Duration::from_secs(1));
            policy.wait_head = Some(Duration::from_millis(500));
        });
        let busy = |name, subject: &Subject, change: fn(Wait) -> Wait| {
            Witness::new(name, subject, BUSY, after, change)
        };
        Ok(Self {
            colour,
            quiet: Witness::new("quiet", &subject(0)?, QUIET, after, |wait| wait),
            busy: vec![
                busy("busy", &subject(0)?, Wait::recursive),
                busy("impatient", &impatient, Wait::recursive),
                busy("stream", &subject(2)?, |wait| wait.recursive().stream()),
            ],
            mirroring: subject(1)?.mirror(BUSY),
            late: 0,
            different: 0,
        })
    }

    /// Every watch.
    pub(super) fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        std::iter::once(&self.quiet).chain(&self.busy)
    }

    pub(super) const fn mirror(&self) -> &Mirror {
        &self.mirroring.mirror
    }

    /// The watches that have not told everything up to these indexes.
    pub(super) fn stuck(&self, quiet: u64, busy: u64) -> Vec<&Witness> {
        let is_late = |witness: &&Witness| {
            !witness.has_reached(if witness.name == self.quiet.name { quiet } else { busy })
        };
        self.witnesses().filter(is_late).collect()
    }

    /// Which copies are not what was listed, and how they differ.
    pub(super) fn differing(&self, listing: &Change) -> Vec<(&'static str, String)> {
        let copies = self.busy.iter().map(|witness| (witness.name, witness.differs(listing)));
        let mirror = ("mirror", self.mirror_differs(listing));
        copies.chain([mirror]).filter_map(|(name, differs)| Some((name, differs?))).collect()
    }

    fn mirror_differs(&self, listing: &Change) -> Option<String> {
        let snapshot = self.mirror().snapshot();
        let theirs = || listing.node().map(all).into_iter().flatten();
        if snapshot.iter().map(essence).eq(theirs()) {
            return None;
        }
        let own: BTreeSet<_> = snapshot.iter().map(essence).collect();
        let differs = own.symmetric_difference(&theirs().collect()).next().cloned();
        Some(format!("{differs:?}, as of {:?}", snapshot.index()))
    }

    /// Compares all that was told since the last time with all that was written, and says what is wrong.
    pub(super) fn take_stock(
        &mut self,
        quiet: u64,
        busy: u64,
        written: &[u64],
        differing: Vec<(&'static str, String)>,
    ) {
        let colour = self.colour.name();
        for witness in self.stuck(quiet, busy) {
            println!("         {colour} {} is late", witness.name);
        }
        self.late += self.stuck(quiet, busy).len();
        for (name, differs) in differing {
            println!("         {colour} {name} differs, first in {differs}");
            self.different += 1;
        }
        for witness in self.witnesses() {
            let written = if witness.name == self.quiet.name { &[quiet] } else { written };
            let faults = witness.take_stock(written);
            if faults != Default::default() {
                println!("         {colour} {}: {faults:?}", witness.name);
            }
        }
    }
}

/// The node and all below it.
fn all(root: Node<'_>) -> impl Iterator<Item = Essence> {
    std::iter::once(root).chain(root.descendants()).map(essence)
}

type Essence = (String, bool, Option<String>, Option<u64>, Option<u64>);

/// All of a node that does not change by itself.
fn essence(node: Node<'_>) -> Essence {
    let value = node.value().map(str::to_owned);
    (node.key().to_owned(), node.is_dir(), value, node.created_index(), node.modified_index())
}
