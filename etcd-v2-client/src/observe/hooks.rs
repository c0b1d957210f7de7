//! Who is told what happens.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::{Curl, Endpoint, Error, Membership, http};

use super::{Observer, PinMoved, Synced};

/// The observer and the switch that all clones of a client share.
#[derive(Default)]
pub(crate) struct Hooks {
    observer: Option<Arc<dyn Observer>>,
    /// Whether there is somebody to show commands to, so that nobody has to lock to find out.
    shows: AtomicBool,
    show: Mutex<Option<Show>>,
}

/// Shows a request.
type Show = Arc<dyn Fn(Curl<'_>) + Send + Sync>;

impl Hooks {
    pub(crate) fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..Self::default() }
    }

    /// Shows each request to this, or to nobody.
    pub(crate) fn show_curl(&self, show: Option<Show>) {
        let mut own = self.show.lock().unwrap_or_else(PoisonError::into_inner);
        self.shows.store(show.is_some(), Ordering::Relaxed);
        *own = show;
    }

    /// Whether anybody wants to know what is sent.
    pub(crate) fn is_on(&self) -> bool {
        self.shows.load(Ordering::Relaxed) || self.follows_attempts()
    }

    /// Whether anybody wants to know how it goes.
    pub(super) fn follows_attempts(&self) -> bool {
        #[cfg(feature = "tracing")]
        if super::traced::follows_attempts() {
            return true;
        }
        self.observer.is_some()
    }

    /// Whether anybody wants to know which endpoint is asked first.
    pub(crate) fn follows_pins(&self) -> bool {
        #[cfg(feature = "tracing")]
        if super::traced::follows_pins() {
            return true;
        }
        self.observer.is_some()
    }

    /// Shows a request, if it is to be shown.
    pub(super) fn curl(&self, request: &http::Request<Bytes>) {
        if !self.shows.load(Ordering::Relaxed) {
            return;
        }
        // The lock is not held meanwhile, so that the switch can be used from there.
        let show = self.show.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(show) = show {
            show(Curl::new(request));
        }
    }

    pub(crate) fn pin_moved(&self, from: &Endpoint, to: &Endpoint) {
        self.tell(|observer| observer.pin_moved(&PinMoved { from, to }));
    }

    pub(crate) fn synced(&self, result: Result<&Membership, &Error>) {
        self.tell(|observer| observer.synced(&Synced { result }));
    }

    /// Tells everybody.
    pub(super) fn tell(&self, what: impl Fn(&dyn Observer)) {
        #[cfg(feature = "tracing")]
        what(&super::traced::Traced);
        if let Some(observer) = &self.observer {
            what(&**observer);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("observer", &self.observer.is_some())
            .field("curl", &self.shows)
            .finish()
    }
}
