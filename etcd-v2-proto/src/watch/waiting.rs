//! One wait, from its request to its end.

use std::time::Duration;

use crate::cluster::Detour;
use crate::conversation::{Action, Cause, Conversation, Event};
use crate::error::{Error, ErrorKind};
use crate::exchange::Exchange;
use crate::framing::Documents;
use crate::keys::{Change, Wait};
use crate::monitor::Pending;
use crate::request::{Document, Meta, Request};
use crate::server::Version;

/// A wait that is open, or about to be.
pub(super) struct Waiting {
    wait: Wait,
    exchange: Exchange<Wait>,
    head: Option<Head>,
    /// The changes of a stream; a single one is the exchange's own matter.
    documents: Option<Documents>,
    /// How long the head may take, if that is not up to the exchange.
    head_limit: Option<HeadLimit>,
    /// Whether nothing but white space has come after the head.
    is_blank: bool,
    /// Whether the silence was too long.
    is_over: bool,
    /// Whether it had been silent when it last heard something.
    was_silent: bool,
}

struct Head {
    meta: Meta,
    came: Duration,
    /// When something last came.
    heard: Duration,
    /// How long it may be silent.
    patience: Option<Duration>,
    is_told: bool,
}

/// How long the head of an attempt may take, and since when.
struct HeadLimit {
    limit: Option<Duration>,
    began: Option<Duration>,
}

/// The longest time that a change from the history takes to come after the head.
pub(super) const SETTLED: Duration = Duration::from_millis(500);

/// What comes next.
#[expect(clippy::large_enum_variant, reason = "moved once, from the wait into the watch")]
pub(super) enum Turn {
    /// The driver has something to do.
    Act(Action<Result<Change, Error>>),
    /// A wait was accepted.
    Accepted(Meta),
    /// A change, or what was read.
    Changed(Change),
    /// It was silent for as long as it may be.
    Silent,
    /// It came to nothing.
    Failed(Error),
    /// A request for the version of an endpoint ended.
    Identified(Result<Version, Error>),
    /// Nothing is open.
    Due,
}

impl Waiting {
    /// A wait, as a stream with documents of at most so many bytes if there is to be one.
    pub(super) fn new(wait: Wait, exchange: Exchange<Wait>, stream: Option<usize>) -> Self {
        let documents = stream.map(Documents::new);
        Self {
            wait,
            exchange,
            head: None,
            documents,
            head_limit: None,
            is_blank: true,
            is_over: false,
            was_silent: false,
        }
    }

    /// Has each attempt wait that long for its head, instead of what the policy says.
    pub(super) const fn limit_head(&mut self, limit: Option<Duration>) {
        self.head_limit = Some(HeadLimit { limit, began: None });
    }

    /// After which index it waits; none for now.
    pub(super) const fn index(&self) -> Option<u64> {
        self.wait.index()
    }

    /// Whether its head has come.
    pub(super) const fn has_head(&self) -> bool {
        self.head.is_some()
    }

    pub(super) const fn is_stream(&self) -> bool {
        self.documents.is_some()
    }

    /// What its head said; nothing as long as there is none.
    pub(super) fn meta(&self) -> Meta {
        self.head.as_ref().map_or_else(Meta::default, |head| head.meta)
    }

    /// How long it may be silent, from now on.
    pub(super) const fn bear(&mut self, patience: Option<Duration>) {
        if let Some(head) = &mut self.head {
            head.patience = patience;
        }
    }

    /// Whether it had nothing to tell of what was there when it began, until it ended.
    pub(super) const fn was_silent(&self) -> bool {
        self.was_silent
    }

    /// What comes next; `silence` is the longest one within a change.
    pub(super) fn poll(&mut self, now: Duration, silence: Option<Duration>) -> Turn {
        let quiet = self.is_quiet(now);
        let Some(head) = &mut self.head else { return self.open(now) };
        if !head.is_told {
            head.is_told = true;
            return Turn::Accepted(head.meta);
        }
        if let Some(documents) = &mut self.documents {
            match documents.take() {
                Ok(None) => {}
                Ok(Some(body)) => {
                    let (status, meta) = (http::StatusCode::OK, head.meta);
                    let document = Document { status, meta, body, is_under_path: false };
                    let change = self.wait.decode(document);
                    return change.map_or_else(|kind| Turn::Failed(kind.into()), Turn::Changed);
                }
                Err(overflow) => {
                    return Turn::Failed(ErrorKind::TooLarge { limit: overflow.limit }.into());
                }
            }
        }
        let patience = if quiet { head.patience } else { silence };
        let left = patience.map(|patience| patience.saturating_sub(now.saturating_sub(head.heard)));
        if quiet && (self.is_over || left == Some(Duration::ZERO)) {
            self.was_silent = self.is_settled(now);
            return Turn::Silent;
        }
        match Turn::of(self.exchange.poll(now)) {
            Turn::Act(Action::Read { .. }) if quiet || self.documents.is_some() => {
                let timeout = left.map(|left| left.max(Duration::from_millis(1)));
                Turn::Act(Action::Read { timeout })
            }
            turn => turn,
        }
    }

    /// What comes next before there is a head.
    fn open(&mut self, now: Duration) -> Turn {
        let mut turn = Turn::of(self.exchange.poll(now));
        if let (Turn::Act(Action::Send { timing, .. }), Some(HeadLimit { limit, began })) =
            (&mut turn, &mut self.head_limit)
        {
            let spent = now.saturating_sub(*began.get_or_insert(now));
            let left = limit.map(|limit| limit.saturating_sub(spent));
            timing.head = left.map(|left| left.max(Duration::from_millis(1)));
        }
        turn
    }

    pub(super) fn handle(&mut self, now: Duration, event: Event) {
        if let Some(limit) = &mut self.head_limit {
            limit.began = None;
        }
        let quiet = self.is_quiet(now);
        self.was_silent = quiet && self.is_settled(now);
        match (&mut self.head, &mut self.documents, event) {
            (Some(head), Some(documents), Event::Chunk(chunk)) => {
                // White space between changes is no sign that the server would report any.
                if !quiet || !is_blank(&chunk) {
                    head.heard = now;
                }
                documents.push(&chunk);
            }
            (Some(_), _, event) if quiet && is_timeout(&event) => self.is_over = true,
            (_, _, event) => {
                let says = matches!(&event, Event::Chunk(chunk) if !is_blank(chunk));
                self.is_blank &= self.head.is_none() || !says;
                self.exchange.handle(now, event);
                if self.head.is_none()
                    && let Some((meta, _)) = self.exchange.head(now)
                {
                    let (meta, came) = (*meta, now);
                    let head = Head { meta, came, heard: now, patience: None, is_told: false };
                    self.head = Some(head);
                }
            }
        }
    }

    pub(super) fn detour(&self, now: Duration) -> Option<Detour> {
        self.exchange.detour(now)
    }

    pub(super) fn pending(&self) -> Option<Pending<'_>> {
        self.exchange.pending()
    }

    /// Whether what was there when it began would have come by now.
    fn is_settled(&self, now: Duration) -> bool {
        self.head.as_ref().is_some_and(|head| {
            let settled = head.patience.map_or(SETTLED, |patience| patience.min(SETTLED));
            now.saturating_sub(head.came) >= settled
        })
    }

    /// Whether its head has come and no part of a change has.
    fn is_quiet(&self, now: Duration) -> bool {
        let open = self.exchange.head(now).is_some();
        open && self.is_blank
            && self.documents.as_ref().is_none_or(|documents| !documents.is_amid())
    }
}

impl Turn {
    /// What comes next of an exchange, which yields or fails and is asked no further.
    pub(super) fn of(action: Action<Change>) -> Self {
        match action {
            Action::Send { request, timing } => Self::Act(Action::Send { request, timing }),
            Action::Read { timeout } => Self::Act(Action::Read { timeout }),
            Action::Wait(pause) => Self::Act(Action::Wait(pause)),
            Action::Yield(change) => Self::Changed(change),
            Action::Finish(end) => Self::Failed(end.err().unwrap_or_else(Error::nobody)),
        }
    }
}

fn is_blank(chunk: &[u8]) -> bool {
    chunk.iter().all(u8::is_ascii_whitespace)
}

fn is_timeout(event: &Event) -> bool {
    match event {
        Event::Elapsed => true,
        Event::Failed(failure) => failure.cause() == Cause::TimedOut,
        _ => false,
    }
}
