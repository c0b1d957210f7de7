//! What somebody makes of a watch who keeps a copy by hand.

use std::collections::BTreeMap;

use etcd_v2_client::{
    Error,
    keys::{Change, Get, Node},
};

use crate::subject::Subject;

/// The files below a key: changes are applied as they are told, and after a gap all is read again.
#[derive(Debug, Default)]
pub(super) struct Copy {
    files: BTreeMap<String, File>,
    /// Changes up to here are in it.
    index: u64,
    /// Whether some may be missing.
    is_torn: bool,
}

/// The value and where it was written.
type File = (String, Option<u64>);

impl Copy {
    /// Of a directory that is empty, as of this index.
    pub(super) fn since(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        // After a gap, what was read may be newer than what is told.
        let Some(index) = change.index().filter(|index| *index > self.index) else { return };
        self.index = index;
        if change.kind().is_removal() {
            // One change tells of a directory and of all that was in it.
            self.files.retain(|key, _| !change.removes(key));
        }
        if let Some(node) = change.node().filter(|_| !change.kind().is_removal()) {
            // What is a directory now may have been a file.
            self.files.remove(node.key());
            self.files.extend(file(node));
        }
    }

    /// Something may be missing from now on.
    pub(super) const fn tear(&mut self) {
        self.is_torn = true;
    }

    pub(super) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Takes over what was read through consensus.
    pub(super) fn mend(&mut self, listing: &Change) {
        self.files = files(listing);
        self.index = listing.etcd_index().unwrap_or(self.index);
        self.is_torn = false;
    }

    /// What it has and the listing has not, or the other way round, if there is anything.
    pub(super) fn differs(&self, listing: &Change) -> Option<String> {
        if self.is_torn {
            return Some("all that was missed".to_owned());
        }
        let listed = files(listing);
        let own = self.files.iter().find(|(key, file)| listed.get(*key) != Some(*file));
        let other = listed.iter().find(|(key, file)| self.files.get(*key) != Some(*file));
        let differs = own.or(other)?.0;
        let (own, other) = (self.files.get(differs), listed.get(differs));
        Some(format!("{differs}: {own:?}, not {other:?}, as of {}", self.index))
    }
}

/// Reads all that is below a key.
pub(super) fn read(subject: &Subject, key: &str) -> Result<Change, Error> {
    subject.send(Get::new(key).recursive().sorted().quorum())
}

fn files(listing: &Change) -> BTreeMap<String, File> {
    listing.node().into_iter().flat_map(|root| root.leaves()).filter_map(file).collect()
}

fn file(node: Node<'_>) -> Option<(String, File)> {
    Some((node.key().to_owned(), (node.value()?.to_owned(), node.modified_index())))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use etcd_v2_client::keys::Wait;
    use etcd_v2_client::proto::{
        Action, Cluster, Conversation, Event, Exchange, Policy, Request,
        http::{Response, StatusCode},
    };

    use super::*;

    /// The response to a request, with this body, as of this index.
    fn answer(request: impl Request<Output = Change>, index: u64, body: &str) -> Change {
        let route = Cluster::parse(["http://a:1"]).unwrap().route();
        let now = Duration::ZERO;
        let mut exchange = Exchange::new(request, route, Arc::new(Policy::default()), 1, now);
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::OK;
        head.headers_mut().insert("x-etcd-index", index.into());
        let mut events = vec![
            Event::End,
            Event::Chunk(body.to_owned().into()),
            Event::Head(head.into_parts().0),
        ];
        loop {
            match exchange.poll(now) {
                Action::Yield(change) => return change,
                Action::Finish(end) => panic!("{end:?}"),
                _ => exchange.handle(now, events.pop().unwrap()),
            }
        }
    }

    fn is(copy: &Copy, listing: &Change) -> bool {
        copy.differs(listing).is_none()
    }

    fn told(action: &str, key: &str, value: Option<&str>, index: u64) -> Change {
        let dir = || r#""dir":true"#.to_owned();
        let what = value.map_or_else(dir, |value| format!(r#""value":"{value}""#));
        let node = format!(r#"{{"key":"{key}",{what},"modifiedIndex":{index},"createdIndex":1}}"#);
        let body = format!(r#"{{"action":"{action}","node":{node}}}"#);
        answer(Wait::new("/d").recursive(), index, &body)
    }

    fn listed(index: u64, files: &[(&str, &str, u64)]) -> Change {
        let nodes = files.iter().map(|(key, value, index)| {
            format!(
                r#"{{"key":"{key}","value":"{value}","modifiedIndex":{index},"createdIndex":1}}"#
            )
        });
        let nodes = nodes.collect::<Vec<_>>().join(",");
        let root = format!(r#"{{"key":"/d","dir":true,"nodes":[{nodes}]}}"#);
        let body = format!(r#"{{"action":"get","node":{root}}}"#);
        answer(Get::new("/d"), index, &body)
    }

    #[test]
    fn what_is_told_is_what_is_there() {
        let mut copy = Copy::since(1);
        for change in [
            told("set", "/d/a", Some("1"), 2),
            told("set", "/d/b/c", Some("2"), 3),
            told("set", "/d/bc", Some("3"), 4),
            told("compareAndSwap", "/d/a", Some("4"), 5),
        ] {
            copy.apply(&change);
        }
        assert!(is(&copy, &listed(5, &[("/d/a", "4", 5), ("/d/b/c", "2", 3), ("/d/bc", "3", 4)])));
        assert!(!is(&copy, &listed(5, &[("/d/a", "4", 5), ("/d/bc", "3", 4)])));
        assert!(!is(&copy, &listed(5, &[("/d/a", "4", 2), ("/d/b/c", "2", 3), ("/d/bc", "3", 4)])));
        copy.apply(&told("delete", "/d/b", None, 6));
        copy.apply(&told("set", "/d/a", None, 7));
        assert!(is(&copy, &listed(7, &[("/d/bc", "3", 4)])), "a directory is gone, and has come");
    }

    #[test]
    fn after_a_gap_only_a_listing_helps() {
        let mut copy = Copy::since(1);
        copy.apply(&told("set", "/d/a", Some("1"), 2));
        copy.tear();
        assert!(copy.is_torn() && !is(&copy, &listed(2, &[("/d/a", "1", 2)])));
        copy.mend(&listed(9, &[("/d/b", "2", 8)]));
        assert!(is(&copy, &listed(9, &[("/d/b", "2", 8)])));
        copy.apply(&told("delete", "/d/b", Some("2"), 7));
        copy.apply(&told("set", "/d/c", Some("3"), 10));
        let now = listed(10, &[("/d/b", "2", 8), ("/d/c", "3", 10)]);
        assert!(is(&copy, &now), "what is older than the listing is in it");
    }
}
