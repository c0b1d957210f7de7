//! Removals of directories above the key, which the history of etcd up to 2.2 does not report.
//!
//! Those servers notify open waits of such a removal. But a wait that begins later looks through the history,
//! and their history matches neither the key nor anything below it with a directory above. So after a
//! disconnect, the first wait that finds the store further on leaves a stretch in which such a removal may be
//! hidden. It is settled a second later: by the version of the endpoint, which is kept, and where that is so
//! old, by a read of the key. Later waits at such an endpoint leave such stretches, too.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::judge;
use crate::server::Version;

/// What is known of such removals.
#[derive(Debug, Default)]
pub(super) struct Ancestors {
    /// Whether endpoints are that old, as far as known.
    known: Vec<(Endpoint, bool)>,
    /// Whether a wait has failed since the last one that was accepted.
    was_cut: bool,
    /// A stretch that has to be settled.
    suspect: Option<Suspect>,
    /// Up to which index no removal is hidden.
    intact: u64,
    /// Whether the key was missing there, and nothing was reported since.
    is_missing: bool,
    /// When the node was created that a reported change put in place of another one.
    successor: Option<u64>,
    /// How many requests for a version failed in a row.
    failures: u32,
}

/// A stretch in which a removal may be hidden.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    /// The index before it.
    after: u64,
    began: Duration,
}

/// What has to be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing.
    Nothing,
    /// How old the endpoint is.
    Version,
    /// Whether the key has been there all the time.
    Key,
}

impl Ancestors {
    /// A wait failed.
    pub(super) const fn cut(&mut self) {
        self.was_cut = true;
    }

    /// A change was reported, which put a node that was created at that index in place of another one, if it did.
    pub(super) const fn report(&mut self, successor: Option<u64>) {
        (self.is_missing, self.successor) = (false, successor);
    }

    /// This endpoint accepted a wait for what comes after that index, when its store was at the index `head`.
    pub(super) fn accept(&mut self, now: Duration, endpoint: &Endpoint, after: u64, head: u64) {
        // It is not known yet what a member that lags behind will find.
        if head < after {
            return;
        }
        let (was_cut, age) = (std::mem::take(&mut self.was_cut), self.is_old(endpoint));
        let is_suspect = age == Some(true) || (was_cut && age.is_none());
        if is_suspect && head > after.max(self.intact) {
            self.suspect.get_or_insert(Suspect { after, began: now });
        }
    }

    /// What has to be found out before the next request to this endpoint.
    pub(super) fn missing(&mut self, now: Duration, endpoint: &Endpoint) -> Missing {
        let is_due = |suspect: &Suspect| now.saturating_sub(suspect.began) >= SOON / 2;
        if !self.suspect.as_ref().is_some_and(is_due) {
            return Missing::Nothing;
        }
        match self.is_old(endpoint) {
            None => Missing::Version,
            Some(true) => Missing::Key,
            Some(false) => {
                self.suspect = None;
                Missing::Nothing
            }
        }
    }

    /// How long the present wait may be silent, if there is something to find out.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.suspect.map(|_| SOON)
    }

    /// The request for the version of this endpoint ended. An error that may pass says nothing, so the request is
    /// repeated after another wait, a few times. An endpoint without a version counts as new.
    pub(super) fn identify(
        &mut self,
        now: Duration,
        endpoint: &Endpoint,
        version: &Result<Version, Error>,
    ) {
        /// More failures in a row count as the response of an endpoint that hides its version.
        const MOST: u32 = 3;
        if version.as_ref().is_err_and(|error| !judge::stays(error)) {
            self.failures += 1;
            if self.failures < MOST {
                if let Some(suspect) = &mut self.suspect {
                    suspect.began = now;
                }
                return;
            }
        }
        self.failures = 0;
        let is_old = version.as_ref().is_ok_and(|version| is_old(&version.server));
        self.known.push((endpoint.clone(), is_old));
    }

    /// The key was read at this index, and was created at that one, if it is there. Returns the index before
    /// the first change that may be missing.
    pub(super) fn settle(&mut self, read: u64, created: Option<u64>) -> Option<u64> {
        let suspect = self.suspect.take()?;
        let was_there = created
            .is_some_and(|created| created <= suspect.after || Some(created) == self.successor);
        let was_missing = created.is_none() && self.is_missing;
        (self.intact, self.is_missing) = (self.intact.max(read), created.is_none());
        (!was_there && !was_missing).then_some(suspect.after)
    }

    /// All will be read again, as after a gap.
    pub(super) fn forget(&mut self) {
        self.suspect = None;
    }

    fn is_old(&self, endpoint: &Endpoint) -> Option<bool> {
        let mut known = self.known.iter();
        known.find(|(known, _)| known == endpoint).map(|(_, is_old)| *is_old)
    }
}

/// Whether the history of a server of this version does not match directories above the key.
fn is_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < (2, 3),
        _ => false,
    }
}

/// How soon a stretch is settled.
const SOON: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::is_old;

    #[test]
    fn up_to_2_2_the_history_does_not_match_directories_above() {
        for version in ["0.4.9", "2.0.13", "2.1.3", "2.2.0", "2.2.5", "2.2.0-rc.0"] {
            assert!(is_old(version), "{version}");
        }
        for version in ["2.3.0", "2.3.8", "2.10.0", "3.0.0", "3.4.23", "3.5.9-pre", "", "unknown"] {
            assert!(!is_old(version), "{version}");
        }
    }
}
