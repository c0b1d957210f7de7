//! The states of an exchange; how one follows from another is in the module above.

use std::time::Duration;

use super::head::Head;
use super::vetting::Vetting;
use crate::error::Error;
use crate::framing::Framer;
use crate::hop::Hop;

pub(super) enum State<T> {
    /// `began` is set when the question is handed out.
    Vetting {
        question: Box<Vetting>,
        began: Option<Duration>,
    },
    /// So much of the answer has come.
    Vetted {
        began: Duration,
        body: Framer,
    },
    /// `began` is set when the attempt is handed out; a redirect does not change it. `sent` is set when the request
    /// to this server is handed out.
    Asking {
        hop: Hop,
        began: Option<Duration>,
        sent: Option<Duration>,
    },
    /// `heard` is when the last piece came.
    Reading {
        at: usize,
        head: Head,
        body: Framer,
        heard: Duration,
    },
    Resting {
        until: Duration,
    },
    Answered(T),
    Failed(Error),
    Over,
}
