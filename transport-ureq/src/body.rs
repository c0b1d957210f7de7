//! The body of an answer.

use std::fmt;
use std::io::Read;
use std::mem;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::{BlockingBody, Cause, Connected, Failure, Interrupt, Stage};
use ureq::BodyReader;

use crate::call::Call;
use crate::failure;

/// A body in the middle of being read.
///
/// Its connection goes back to the pool with the last byte of a body whose length is known, and
/// otherwise when `read` says that there is no more. Dropped earlier, it closes the connection.
pub(crate) struct Body {
    state: State,
    /// What is left of the length, if the answer gave one.
    left: Option<u64>,
    /// How large the next piece may be.
    size: usize,
    /// How many bytes came since the last piece.
    overhead: usize,
    /// Space for a piece that turned out too small to be worth handing out with all of it.
    spare: Vec<u8>,
    /// How long making the connection took, if it is new.
    connected: Option<Connected>,
}

enum State {
    Open(BodyReader<'static>),
    Ended,
    Failed,
}

impl Body {
    pub(crate) fn new(body: ureq::Body, connected: Option<Connected>) -> Self {
        let left = body.content_length();
        let state = if left == Some(0) { State::Ended } else { State::Open(body.into_reader()) };
        Self { state, left, size: SMALL, overhead: 0, spare: Vec::new(), connected }
    }

    /// Takes note of a piece, and ends a body that needs no mark for its end.
    fn advance(&mut self, amount: usize) {
        if amount == self.size {
            self.size = LARGE.min(self.size * 4);
        }
        let Some(left) = &mut self.left else { return };
        *left = left.saturating_sub(amount as u64);
        if *left == 0
            && let State::Open(reader) = &mut self.state
        {
            // ureq has seen it coming, so this does not block; it returns the connection.
            self.state =
                if matches!(reader.read(&mut [0]), Ok(0)) { State::Ended } else { State::Failed };
        }
    }
}

impl BlockingBody for Body {
    fn connected(&self) -> Option<Connected> {
        self.connected
    }

    fn read(
        &mut self,
        timeout: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<Option<Bytes>, Failure> {
        let reader = match &mut self.state {
            State::Open(reader) => reader,
            State::Ended => return Ok(None),
            State::Failed => return Err(Failure::after_send("the body has broken off already")),
        };
        if let Some(reason) = interrupt.take() {
            self.state = State::Failed;
            return Err(Failure::interrupted(Stage::AfterSend, reason));
        }
        let size =
            self.left.map_or(self.size, |left| LARGE.min(usize::try_from(left).unwrap_or(LARGE)));
        let mut piece = mem::take(&mut self.spare);
        piece.resize(size, 0);
        let mut call = Call::to_read(timeout, interrupt, self.overhead);
        let result = call.run(|| reader.read(&mut piece));
        self.overhead = if matches!(result, Ok(1..)) { 0 } else { call.overhead };
        match result {
            Ok(0) => {
                self.state = State::Ended;
                Ok(None)
            }
            Ok(amount) => {
                self.advance(amount);
                if amount < size / 2 {
                    let small = Bytes::copy_from_slice(&piece[..amount]);
                    self.spare = piece;
                    return Ok(Some(small));
                }
                piece.truncate(amount);
                Ok(Some(piece.into()))
            }
            Err(error) => {
                let failure = failure::of_reading(error, &call);
                // Nothing is lost when time runs out: what had come stays in the connection.
                if failure.cause() == Cause::TimedOut {
                    self.spare = piece;
                } else {
                    self.state = State::Failed;
                }
                Err(failure)
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The size that most answers of etcd fit into.
const SMALL: usize = 4 << 10;

/// The size of the pieces of a large body.
const LARGE: usize = 64 << 10;
