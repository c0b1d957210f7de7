//! The two buffers of a connection: small while little goes through them, and while it is idle.

/// Bytes from the server that ureq has not used yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// Used up to `start`, waiting up to `end`, free from there on.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether ureq made something of the bytes when it looked last.
    progress: bool,
    /// Whether the last read used all the space it got.
    was_filled: bool,
}

impl Input {
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether ureq would make more of the bytes than it did the last time.
    pub(crate) fn is_worth_a_look(&self) -> bool {
        self.progress && self.start < self.end
    }

    /// Space for more bytes; never empty.
    pub(crate) fn free(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let wanted = match self.bytes.len() {
            0 => SMALL,
            size if self.was_filled && size < LARGE => size * 2,
            size => size,
        };
        self.was_filled = false;
        self.bytes.resize(wanted.max(self.end + SMALL / 2), 0);
        &mut self.bytes[self.end..]
    }

    /// Takes note of bytes put into the free space.
    pub(crate) fn fill(&mut self, amount: usize) {
        self.end = self.bytes.len().min(self.end + amount);
        self.was_filled = self.end == self.bytes.len();
    }

    /// Takes note of bytes that ureq has used.
    pub(crate) fn consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.start = self.end.min(self.start + amount);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives memory back that an idle connection need not hold.
    pub(crate) fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > SMALL {
            *self = Self::default();
        }
    }
}

/// Bytes for the server that have not left yet.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    queued: usize,
}

impl Output {
    /// Space for more bytes; `room` is what the whole request needs.
    pub(crate) fn free(&mut self, room: usize) -> &mut [u8] {
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        &mut self.bytes[self.queued..]
    }

    /// Takes note of bytes put into the free space.
    pub(crate) fn queue(&mut self, amount: usize) {
        self.queued = self.bytes.len().min(self.queued + amount);
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.queued == self.bytes.len()
    }

    /// The bytes to send. They are in the way no longer, whether or not they get sent.
    pub(crate) fn take_queued(&mut self) -> &[u8] {
        let queued = std::mem::take(&mut self.queued);
        &self.bytes[..queued]
    }

    /// Gives memory back that an idle connection need not hold.
    pub(crate) fn shrink(&mut self) {
        if self.bytes.len() > SMALL {
            *self = Self::default();
        }
    }
}

/// The size that most answers of etcd fit into.
const SMALL: usize = 8 << 10;

/// The size from which on larger reads are no faster.
const LARGE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_keeps_what_was_not_consumed() {
        let mut input = Input::default();
        input.free()[..5].copy_from_slice(b"abcde");
        input.fill(5);
        input.consume(2);
        assert!(input.is_worth_a_look());
        input.free()[..2].copy_from_slice(b"fg");
        input.fill(2);
        assert_eq!(input.filled(), b"cdefg");
        input.consume(0);
        assert!(!input.is_worth_a_look(), "nothing came of the last look");
    }

    #[test]
    fn input_grows_while_it_gets_filled_and_shrinks_when_idle() {
        let mut input = Input::default();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            let size = input.free().len();
            sizes.push(size);
            input.fill(size);
            input.consume(size);
        }
        assert_eq!(sizes, [SMALL, SMALL * 2, SMALL * 4, LARGE, LARGE]);
        input.shrink();
        assert_eq!(input.bytes.capacity(), 0);
    }

    #[test]
    fn input_never_runs_out_of_space() {
        let mut input = Input::default();
        for _ in 0..100 {
            let size = input.free().len();
            assert!(size > 0);
            input.fill(size);
            input.consume(1);
        }
    }

    #[test]
    fn output_holds_back_what_is_queued() {
        let mut output = Output::default();
        output.free(10)[..4].copy_from_slice(b"head");
        output.queue(4);
        assert!(!output.is_full());
        output.free(10).copy_from_slice(b"body..");
        output.queue(6);
        assert!(output.is_full());
        assert_eq!(output.take_queued(), b"headbody..");
        assert_eq!(output.take_queued(), b"");
    }
}
