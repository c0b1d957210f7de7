//! Where a watch is: from which index on it has yet to be told, and what it knows of the store.
//!
//! # Why nothing is lost
//!
//! The head of a wait says at which index the store was when the wait began (`X-Etcd-Index`, here the
//! *head's index*). What the server finds in its history from the index asked for up to there, it
//! sends right after the head. If it finds nothing, it tells what happens from then on.
//!
//! * **After a change** the next wait begins after that change's index. What a wait tells first is the
//!   first change there is, so there is none between.
//! * **A watch that begins "now"** begins where the first head says. No history is looked through for
//!   it, so the head's index alone is enough, whatever becomes of the rest of the answer.
//! * **After silence** it is not enough that a head came: the change that was found may be on its way,
//!   or lost with the connection. So silence counts only from half a second after the head, when even a
//!   packet that had to be sent twice would be here (or from `Policy::watch_idle` if that is less). And since a member or a network may stop at just
//!   that moment, the next wait begins where this one did, and looks through the same stretch again:
//!   what *two* waits in a row were silent about is taken to be quiet. The store of a quiet key
//!   moves on meanwhile, so this keeps up with it, one wait behind.
//! * **If the history is gone** by then (code 401), there is a gap, unless a read of the key proves that
//!   it was not touched. That *one* wait was silent proves nothing. So that this is rare, waits are begun
//!   anew after 300 changes of whatever keys, as far as that is not more often than twice a second: two
//!   waits fit into the history as long as there are no more than 1000 changes a second.
//! * **A change that an open wait is told** comes after everything that the head knew, and as a rule
//!   there is nothing between either. But a member that had fallen behind so far that the leader sends
//!   it a copy of the whole store says nothing of what that copy changed, and goes on with what comes
//!   after it. A leader sends a copy only if it has no longer the entries that the member lacks, and it
//!   keeps the last 5000, unless it has been restarted. So if the next head tells of another term, or of
//!   a log that has grown by 5000 entries since the head before the change, the stretch between that
//!   head's index and the change is looked through again: if the change is the first to be found there,
//!   nothing was left out. If another one is, or if the history is gone, there is a gap. A change whose
//!   index follows the head's index leaves no room for others, and needs none of this.
//! * **The index of a store never falls.** A member that is at a lower index than the watch has seen lags
//!   behind, and the watch waits for it, but for no more than a second, after which a read through
//!   consensus, which cannot lag, decides: if that is lower, too, the store went back. It may not be put
//!   off until the wait is begun anew anyway: a store that went back and has overtaken what the watch has
//!   seen cannot be told from one that never did.

use std::time::Duration;

use crate::cluster::Route;
use crate::error::{Gap, GapReason};
use crate::policy::Policy;
use crate::request::{ClusterId, Meta};

/// How many indexes may pass before a watch looks anew. The history has 1000, of the whole store, and
/// a stretch may have to be looked through a second time.
pub(super) const STRETCH: u64 = 300;

/// Up to how many changes of a stretch are compared with those in the history.
const CHECKED: usize = 64;

/// Where a watch is.
#[derive(Debug)]
pub(super) struct Place {
    /// Everything up to here has been told; none while that is up to "now".
    after: Option<u64>,
    /// Up to where the last wait was silent, if that is beyond.
    quiet: Option<u64>,
    /// Where the store has certainly been.
    reached: u64,
    /// Whether the member that was asked last is not there yet.
    lags: bool,
    /// Whether it is known, since it began to lag, that the store did not go back.
    is_proven: bool,
    /// Which cluster the indexes are of.
    home: Option<ClusterId>,
    /// Whether that cluster is gone, as far as can be told.
    left_home: bool,
    doubt: Option<Doubt>,
    /// The indexes of the changes that were reported since the doubt began.
    reported: Vec<u64>,
    /// An index that the store had reached before the watch began.
    known: Option<u64>,
    /// The index at which the store was when the key was last read because a wait got no head.
    surveyed: Option<u64>,
    /// When the store was at which index.
    measured: Option<(Duration, u64)>,
    /// How long a stretch takes, as far as the store moves at all.
    pace: Option<Duration>,
}

/// A stretch in which there may have been changes that no open wait was told of.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The index before it.
    after: u64,
    /// The change at its end, which was told.
    until: u64,
    /// The log and its term when it began.
    raft: (u64, u64),
    /// Whether it has to be looked through.
    is_grave: bool,
}

/// What a head means for a watch.
#[derive(Debug)]
pub(super) enum Sight {
    /// Nothing but that the wait goes on.
    Clear,
    /// A stretch has to be looked through before.
    Doubtful,
    Gap(Gap),
}

impl Place {
    /// A place after this index, or at "now", when the store was at no lower index than `known`.
    pub(super) fn new(after: Option<u64>, known: Option<u64>) -> Self {
        Self {
            after,
            known,
            reported: Vec::new(),
            surveyed: None,
            quiet: None,
            reached: after.unwrap_or_default(),
            lags: false,
            is_proven: false,
            home: None,
            left_home: false,
            doubt: None,
            measured: None,
            pace: None,
        }
    }

    pub(super) const fn after(&self) -> Option<u64> {
        self.after
    }

    /// After which index to look for changes that were left out, if that has to be done.
    pub(super) fn doubtful_after(&self) -> Option<u64> {
        self.doubt.filter(|doubt| doubt.is_grave).map(|doubt| doubt.after)
    }

    /// A route to the cluster that the indexes are of.
    pub(super) fn guard(&self, route: &Route) -> Route {
        if self.left_home {
            route.to_cluster(None)
        } else {
            route.to_cluster(self.home.or_else(|| route.cluster_id()))
        }
    }

    /// All endpoints lead to another cluster than this one.
    pub(super) fn leave_home(&mut self, home: ClusterId) {
        self.home = Some(home);
        self.left_home = true;
    }

    /// Nothing can be understood of what the server found between where this is and the index of its head.
    pub(super) fn skip(&mut self, head: &Meta) -> Option<Gap> {
        let (after, to) = (self.after?, head.etcd_index?);
        (to > after).then(|| self.leap(after + 1, to, GapReason::Unreadable))
    }

    /// Takes note of the head of a wait.
    pub(super) fn see(&mut self, now: Duration, head: &Meta) -> Sight {
        let moved = self.home.is_some() && head.cluster_id.is_some_and(|id| Some(id) != self.home);
        if moved && let Some(index) = head.etcd_index {
            (self.home, self.left_home) = (head.cluster_id, false);
            (self.measured, self.pace) = (None, None);
            return Sight::Gap(self.leap(1, index, GapReason::ClusterChanged));
        }
        self.home = self.home.or(head.cluster_id);
        self.lags = false;
        self.after = self.after.or(head.etcd_index);
        let Some(index) = head.etcd_index else { return Sight::Clear };
        self.lags = index < self.reached;
        self.is_proven &= self.lags;
        self.reached = self.reached.max(index);
        self.measure(now, index);
        let is_checkable = self.reported.len() <= CHECKED;
        match &mut self.doubt {
            // A member that lags behind knows nothing yet.
            Some(doubt) if doubt.is_grave || index < doubt.until => Sight::Clear,
            Some(doubt) if doubt.is_lifted_by(head) => {
                self.doubt = None;
                Sight::Clear
            }
            Some(doubt) if is_checkable => {
                doubt.is_grave = true;
                Sight::Doubtful
            }
            Some(doubt) => {
                let from = doubt.after.saturating_add(1);
                let to = self.after.unwrap_or_default().max(doubt.until);
                Sight::Gap(self.leap(from, to, GapReason::CaughtUp))
            }
            None => Sight::Clear,
        }
    }

    /// A wait with this head brought a change that comes after all others; `is_reported` unless it is skipped.
    pub(super) fn tell(&mut self, index: u64, head: &Meta, is_reported: bool) {
        let before = self.after.max(head.etcd_index).unwrap_or_default();
        if index > before.saturating_add(1)
            && let (Some(_), Some(log), Some(term)) =
                (head.etcd_index, head.raft_index, head.raft_term)
        {
            if self.doubt.is_none() {
                self.reported.clear();
            }
            let new = Doubt { after: before, until: index, raft: (log, term), is_grave: false };
            self.doubt.get_or_insert(new).until = index;
        }
        if is_reported && self.doubt.is_some() && self.reported.len() <= CHECKED {
            self.reported.push(index);
        }
        (self.after, self.quiet) = (Some(index), None);
        (self.lags, self.is_proven) = (false, false);
        self.reached = self.reached.max(index);
    }

    /// This is the next change in a stretch that has to be looked through; `is_wanted` if an open wait would
    /// have reported it.
    pub(super) fn check(&mut self, index: u64, is_wanted: bool) -> Option<Gap> {
        let doubt = self.doubt.as_mut()?;
        if index >= doubt.until {
            self.doubt = None;
            return None;
        }
        if !is_wanted || self.reported.binary_search(&index).is_ok() {
            doubt.after = doubt.after.max(index);
            return None;
        }
        let to = self.after.unwrap_or_default();
        Some(self.leap(index, to, GapReason::CaughtUp))
    }

    /// The history of a stretch that had to be looked through is gone.
    pub(super) fn check_failed(&mut self) -> Gap {
        let from = self.doubt.map_or(0, |doubt| doubt.after).saturating_add(1);
        self.leap(from, self.after.unwrap_or_default(), GapReason::CaughtUp)
    }

    /// A wait was silent from where the watch is up to its head's index.
    pub(super) fn be_silent(&mut self, head: &Meta) {
        let twice = self.quiet.zip(head.etcd_index).map(|(before, now)| before.min(now));
        self.after = self.after.max(twice);
        self.quiet = self.quiet.max(head.etcd_index);
    }

    /// Whether the member that was asked last is at a lower index than the store has been.
    pub(super) const fn lags(&self) -> bool {
        self.lags
    }

    /// The history is gone up to the index `to`, and with it what could settle a doubt.
    pub(super) fn lose(&mut self, to: u64) -> Gap {
        let next = self.after.unwrap_or_default().saturating_add(1);
        let from = self.doubt.map_or(next, |doubt| doubt.after.saturating_add(1));
        self.leap(from, to.max(next), GapReason::HistoryCleared)
    }

    /// The history is gone up to `cleared`; at the index `read` the key was last modified at `modified`.
    pub(super) fn look(
        &mut self,
        cleared: u64,
        read: Option<u64>,
        modified: Option<u64>,
    ) -> Option<Gap> {
        let to = read.map_or(cleared, |read| read.max(cleared));
        if modified.is_some() && modified <= self.after && read >= self.after {
            self.after = read;
            return None;
        }
        Some(self.lose(to))
    }

    /// A directory above the key may have been removed after the index `after`, as a read at the index `read`
    /// shows.
    pub(super) fn lose_removal(&mut self, after: u64, read: u64) -> Gap {
        let to = self.after.max(Some(read)).unwrap_or(read);
        self.leap(after.saturating_add(1), to, GapReason::RemovalHidden)
    }

    /// The history is said to be gone, but not how far; a read through consensus was answered at this index.
    pub(super) fn locate(&mut self, read: Option<u64>) -> Option<Gap> {
        let to = read.filter(|read| Some(*read) > self.after)?;
        Some(self.lose(to))
    }

    /// A wait got no head, and a read of the member was answered at this index after that; `was_silent` if the
    /// head would have come with a change that was there.
    pub(super) fn survey(&mut self, now: Duration, read: u64, was_silent: bool) -> Option<Gap> {
        if self.after.is_none() {
            let from = self.known.unwrap_or_default().saturating_add(1);
            return Some(self.leap(from.min(read), read, GapReason::StartUnknown));
        }
        if read >= self.reached {
            self.reached = read;
            self.measure(now, read);
        }
        if let Some(before) = self.surveyed.replace(read).filter(|_| was_silent) {
            // The wait began after that index and was silent.
            self.be_silent(&Meta { etcd_index: Some(before), ..Meta::default() });
        }
        None
    }

    /// A read through consensus was answered at this index.
    pub(super) fn compare(&mut self, read: Option<u64>) -> Option<Gap> {
        let read = read?;
        self.is_proven = read >= self.reached;
        if self.is_proven {
            return None;
        }
        self.reached = read;
        (self.measured, self.pace) = (None, None);
        Some(self.leap(1, read, GapReason::IndexWentBack))
    }

    /// How long a wait may be silent.
    pub(super) fn patience(&self, policy: &Policy) -> Option<Duration> {
        /// However fast the store moves, and however impatient the policy is.
        const SOONEST: Duration = Duration::from_millis(500);
        const LEAST: Duration = Duration::from_millis(10);
        /// How long a member may lag behind until the store is asked whether it went back.
        const LAG: Duration = Duration::from_secs(1);
        let lag = Some(LAG).filter(|_| self.lags && !self.is_proven);
        let most = policy.watch_idle.into_iter().chain(lag).min()?;
        Some(self.pace.map_or(most, |pace| most.min(pace.max(SOONEST))).max(LEAST))
    }

    fn leap(&mut self, from: u64, to: u64, reason: GapReason) -> Gap {
        (self.after, self.quiet, self.doubt, self.surveyed) = (Some(to), None, None, None);
        (self.lags, self.is_proven) = (false, false);
        self.reached = match reason {
            GapReason::ClusterChanged | GapReason::IndexWentBack => to,
            _ => self.reached.max(to),
        };
        Gap::new(from, to, reason)
    }

    fn measure(&mut self, now: Duration, index: u64) {
        /// Of shorter times nothing can be concluded.
        const LONG_ENOUGH: Duration = Duration::from_secs(1);
        let (then, before) = *self.measured.get_or_insert((now, index));
        let time = now.saturating_sub(then);
        if time < LONG_ENOUGH {
            return;
        }
        self.measured = Some((now, index));
        let moved = index.saturating_sub(before);
        let stretch = time.as_nanos().saturating_mul(STRETCH.into()).checked_div(moved.into());
        self.pace = stretch.map(|nanos| Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX)));
    }
}

impl Doubt {
    /// Whether the member cannot have been caught up with a copy of the store since it began.
    fn is_lifted_by(&self, head: &Meta) -> bool {
        /// What a leader keeps of its log, whatever it has copied to disk.
        const KEPT: u64 = 5000;
        let (log, term) = self.raft;
        head.raft_index.is_none_or(|index| index.saturating_sub(log) < KEPT)
            && head.raft_term.is_none_or(|now| now == term)
    }
}
