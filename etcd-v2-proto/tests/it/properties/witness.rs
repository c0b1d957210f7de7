//! Who looks whether a watch leaves anything out. Shared with the fuzz targets.

use std::ops::Range;

use etcd_v2_proto::{Gap, GapReason};

use crate::model::{Scope, Server};

/// Who looks whether anything is missing.
pub(crate) struct Witness {
    /// The cluster of the last head.
    answered: Option<usize>,
    /// The cluster that the watch is at: that of its first head, until it says otherwise.
    cluster: usize,
    /// Up to where it has told everything there; none as long as that is up to "now".
    after: Option<u64>,
    /// The indexes of which an open wait was not told, since they came with a copy of the store.
    pub(crate) copied: Vec<Range<u64>>,
    /// Which of them it has passed over. It has to tell so as soon as it can know.
    owed: Vec<u64>,
}

impl Witness {
    /// Of a watch of what comes after this index.
    pub(crate) const fn new(after: Option<u64>) -> Self {
        Self { answered: None, cluster: 0, after, copied: Vec::new(), owed: Vec::new() }
    }

    /// A head was given by this cluster; if it is that of a wait, of what comes after this index.
    pub(crate) fn answered(&mut self, cluster: usize, after: Option<u64>) {
        if self.answered.replace(cluster).is_none() {
            self.cluster = cluster;
        }
        // A watch that begins now begins with its first head.
        self.after = self.after.or(after);
    }

    /// Whether there is something that it still has to tell of.
    pub(crate) const fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// A change was told: it has to be the next one of which the watch can know.
    pub(crate) fn told(&mut self, clusters: &[Server], scope: Scope, index: Option<u64>) {
        let after = self.after.expect("a head before it");
        let index = index.expect("a change has an index");
        for (next, json) in clusters[self.cluster].all(scope, after + 1) {
            if next == index {
                self.after = Some(index);
                return;
            }
            let is_copied = self.copied.iter().any(|copied| copied.contains(&next));
            assert!(is_copied && next < index, "{index} comes after {after}, and before it {json}");
            self.owed.push(next);
        }
        panic!("{index} comes after {after}, and was not written");
    }

    /// A gap was told: what comes before it has to have been told.
    pub(crate) fn warned(&mut self, clusters: &[Server], scope: Scope, gap: &Gap) {
        let (from, to) = (gap.from, gap.to);
        if gap.reason == GapReason::ClusterChanged {
            assert_ne!(Some(self.cluster), self.answered, "the cluster is the same");
            self.cluster = self.answered.expect("a head before it");
        } else {
            let after = self.after.expect("a head before it");
            let next = clusters[self.cluster].all(scope, after + 1).next();
            if let Some((index, json)) = next.filter(|(index, _)| *index < from) {
                panic!("before the gap from {from}, {index} is missing: {json}");
            }
            assert!(to >= after, "from {after} back to {to}");
        }
        let is_over = gap.reason == GapReason::ClusterChanged;
        self.owed.retain(|index| !is_over && !(from..=to).contains(index));
        self.after = Some(to);
    }

    /// Nothing is left to tell.
    pub(crate) fn has_seen_all(&self, clusters: &[Server], scope: Scope) {
        assert_eq!(self.cluster, clusters.len() - 1, "it is still at a cluster that is gone");
        assert!(self.owed.is_empty(), "it never told of {:?}", self.owed);
        let after = self.after.expect("a head");
        let next = clusters[self.cluster].all(scope, after + 1).next();
        assert!(next.is_none(), "after {after}, this is missing: {next:?}");
    }
}
