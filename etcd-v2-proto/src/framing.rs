//! From the pieces of a body to documents, never more than the limit.

use bytes::Bytes;

/// Gathers a whole body.
#[derive(Debug)]
pub(crate) struct Framer {
    body: Vec<u8>,
    limit: usize,
}

/// The body is larger than the limit, in bytes; what was within it is kept.
#[derive(Debug)]
pub(crate) struct Overflow {
    pub(crate) limit: usize,
}

impl Framer {
    /// A body of at most `limit` bytes, of which `expected` were announced.
    pub(crate) fn new(limit: usize, expected: Option<u64>) -> Self {
        /// More than that is not set aside on the mere word of a server.
        const TRUSTED: usize = 1 << 20;
        let expected = expected.and_then(|expected| usize::try_from(expected).ok()).unwrap_or(0);
        Self { body: Vec::with_capacity(expected.min(limit).min(TRUSTED)), limit }
    }

    pub(crate) fn push(&mut self, chunk: &Bytes) -> Result<(), Overflow> {
        let room = self.limit - self.body.len();
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room { Err(Overflow { limit: self.limit }) } else { Ok(()) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(crate) fn take(self) -> Vec<u8> {
        self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_inclusive() {
        let mut framer = Framer::new(4, Some(u64::MAX));
        assert!(framer.push(&Bytes::from_static(b"ab")).is_ok());
        assert!(framer.push(&Bytes::from_static(b"cd")).is_ok());
        assert!(framer.push(&Bytes::from_static(b"e")).is_err());
        assert_eq!(framer.take(), b"abcd");
    }
}
