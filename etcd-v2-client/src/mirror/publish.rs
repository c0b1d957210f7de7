//! A mirror that shows how it is after each step.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::monitor::Pending;
use etcd_v2_proto::{Action, Conversation, Detour, Error, ErrorKind, Event, Mirror, Route};

use super::{Board, Update};
use crate::shared::Lasting;

/// The conversation of a mirror, published on a board.
#[derive(Debug)]
pub(crate) struct Mirroring {
    mirror: Mirror,
    board: Arc<Board>,
    /// What was shown last: when a server gave a sign of life, and whether it tells the changes.
    shown: (Option<Duration>, bool),
}

impl Mirroring {
    pub(super) fn new(mirror: Mirror, board: Arc<Board>) -> Self {
        Self { mirror, board, shown: (None, false) }
    }

    fn hear(&mut self) {
        let now = (self.mirror.heard(), self.mirror.status().connected);
        if self.shown != now {
            self.board.hear(self.shown.0 != now.0, now.1);
            self.shown = now;
        }
    }

    fn end(&self) {
        let status = self.mirror.status();
        let why = status.last_error.as_ref().filter(|_| self.mirror.is_over());
        self.board.end(|| why.cloned().unwrap_or_else(|| ErrorKind::Stopped.into()));
    }
}

impl Conversation for Mirroring {
    type Item = Result<Update, Error>;

    fn poll(&mut self, now: Duration) -> Action<Self::Item> {
        let action = self.mirror.poll(now);
        self.hear();
        if matches!(action, Action::Yield(_) | Action::Finish(_)) {
            self.board.publish(self.mirror.snapshot(), self.mirror.status());
        }
        if self.mirror.is_over() {
            self.end();
        }
        action
    }

    fn handle(&mut self, now: Duration, event: Event) {
        self.mirror.handle(now, event);
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        self.mirror.detour(now)
    }

    fn pending(&self) -> Option<Pending<'_>> {
        self.mirror.pending()
    }
}

impl Lasting for Mirroring {
    fn reroute(&mut self, route: Route) {
        self.mirror.reroute(route);
    }
}

impl Drop for Mirroring {
    fn drop(&mut self) {
        self.end();
    }
}
