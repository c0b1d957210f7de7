//! From what hyper says to what a person can act on.

use etcd_v2_proto::{ConnectionError, Failure};

use crate::connect::BoxError;

/// The limits of the head of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

impl HeadLimits {
    /// The request may have left, or some of it, when there was no response, or one with too large a head.
    pub(crate) fn after_send(self, error: BoxError) -> Failure {
        // hyper tells a client so only by its words.
        let is_too_large =
            |error: &hyper::Error| error.is_parse() && error.to_string() == TOO_LARGE;
        if !error.downcast_ref().is_some_and(is_too_large) {
            return after_send(error);
        }
        // Nor does it say which of the two it is.
        let Self { lines, bytes } = self;
        let limit = format!(
            "{lines} header lines or {bytes} bytes: raise it by max_response_header_lines or \
             max_head of the transport's builder"
        );
        Failure::after_send(ConnectionError::ResponseHeaderTooLarge { limit })
    }
}

/// The request may have left, or some of it, when the connection broke.
pub(crate) fn after_send(error: BoxError) -> Failure {
    #[cfg(feature = "tls")]
    return Failure::after_send(crate::tls::in_words(error));
    #[cfg(not(feature = "tls"))]
    Failure::after_send(error)
}

/// The request was given back untouched by a connection that had just been made.
pub(crate) fn before_send(error: BoxError) -> Failure {
    #[cfg(feature = "tls")]
    return Failure::before_send(crate::tls::in_words(error));
    #[cfg(not(feature = "tls"))]
    Failure::before_send(error)
}

const TOO_LARGE: &str = "message head is too large";
