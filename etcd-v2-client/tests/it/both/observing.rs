//! Seeing what a client of either colour does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_v2_client::observe::{AttemptFinished, AttemptStarted, Observer, PinMoved, Synced};
use etcd_v2_client::{Curl, Error, Membership, Meta, Outcome};

use super::{Pending, Subject};

/// Writes down all that it is told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: Mutex<Vec<Note>>,
}

/// What an observer was told.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    Started {
        endpoint: String,
        line: String,
    },
    Finished(Finished),
    Moved {
        from: String,
        to: String,
    },
    /// The endpoints, or what became of asking.
    Synced(Result<Vec<String>, Outcome>),
}

/// An attempt that is over.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) endpoint: String,
    /// Method and path.
    pub(crate) line: String,
    pub(crate) status: Option<u16>,
    pub(crate) meta: Meta,
    pub(crate) failure: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) head: Option<Duration>,
    pub(crate) elapsed: Duration,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything since the last time, in order. Attempts have to be whole: one end for each beginning.
    pub(crate) fn take(&self) -> Vec<Note> {
        let notes = std::mem::take(&mut *self.lock());
        let mut open = None;
        for note in &notes {
            match note {
                Note::Started { endpoint, line } => {
                    assert!(open.is_none(), "two at once: {notes:?}");
                    open = Some((endpoint, line));
                }
                Note::Finished(Finished { endpoint, line, .. }) => {
                    assert_eq!(open.take(), Some((endpoint, line)), "{notes:?}");
                }
                Note::Moved { .. } | Note::Synced(_) => {}
            }
        }
        assert!(open.is_none(), "one never ended: {notes:?}");
        notes
    }

    /// The attempts since the last time.
    pub(crate) fn finished(&self) -> Vec<Finished> {
        let finished = |note| match note {
            Note::Finished(finished) => Some(finished),
            _ => None,
        };
        self.take().into_iter().filter_map(finished).collect()
    }
}

impl Observer for Notes {
    fn attempt_started(&self, attempt: &AttemptStarted<'_>) {
        let endpoint = attempt.endpoint.to_owned();
        let line = format!("{} {}", attempt.method, attempt.path);
        self.lock().push(Note::Started { endpoint, line });
    }

    fn attempt_finished(&self, attempt: &AttemptFinished<'_>) {
        self.lock().push(Note::Finished(Finished {
            endpoint: attempt.endpoint.to_owned(),
            line: format!("{} {}", attempt.method, attempt.path),
            status: attempt.status.map(|status| status.as_u16()),
            meta: attempt.meta,
            failure: attempt.failure.map(ToString::to_string),
            outcome: attempt.outcome,
            head: attempt.head,
            elapsed: attempt.elapsed,
        }));
    }

    fn pin_moved(&self, moved: &PinMoved<'_>) {
        self.lock().push(Note::Moved { from: moved.from.to_string(), to: moved.to.to_string() });
    }

    fn synced(&self, synced: &Synced<'_>) {
        let text = |membership: &Membership| {
            membership.endpoints.iter().map(ToString::to_string).collect()
        };
        self.lock().push(Note::Synced(synced.result.map(text).map_err(Error::outcome)));
    }
}

impl Subject {
    pub(crate) fn enable_curl(&self, show: impl Fn(Curl<'_>) + Send + Sync + 'static) {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, _) => client.enable_curl(show),
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => client.enable_curl(show),
        }
    }

    pub(crate) fn disable_curl(&self) {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(client, _) => client.disable_curl(),
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => client.disable_curl(),
        }
    }

    pub(crate) const fn is_blocking(&self) -> bool {
        match self {
            #[cfg(feature = "hyper")]
            Self::Async(..) => false,
            #[cfg(feature = "ureq")]
            Self::Blocking(_) => true,
        }
    }

    /// Shows commands to this list from now on.
    pub(crate) fn commands(&self) -> Arc<Mutex<Vec<String>>> {
        let list = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&list);
        self.enable_curl(move |command| own.lock().unwrap().push(command.to_string()));
        list
    }

    pub(crate) fn sync(&self) -> Result<Membership, Error> {
        match self.clone() {
            #[cfg(feature = "hyper")]
            Self::Async(client, runtime) => {
                Pending::of_task(&runtime, async move { client.sync().await }).result()
            }
            #[cfg(feature = "ureq")]
            Self::Blocking(client) => Pending::of_thread(move || client.sync()).result(),
        }
    }
}
