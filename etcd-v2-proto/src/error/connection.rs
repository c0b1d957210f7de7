//! Connections that come to nothing for a reason that can be told.

use std::error::Error as StdError;
use std::io;
use std::iter;

use super::printable;

/// Why a connection is of no use, where that can be told from how the server behaves.
///
/// A transport makes it the source of its [`Failure`](crate::Failure), which
/// [finds](crate::Failure::connection_error) it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Plain HTTP was answered with an alert of TLS.
    #[error("the server speaks TLS on this port: use https://")]
    SpeaksTls,

    /// TLS was answered with something else.
    #[error("the server does not speak TLS on this port: use http://")]
    SpeaksNoTls,

    /// HTTP/1.1 was answered with a frame of HTTP/2.
    #[error(
        "the server speaks only HTTP/2 on this port, as etcd's does where gRPC has a port of its own: \
         use a URL of --listen-client-http-urls"
    )]
    SpeaksHttp2,

    /// A plain connection ended before the server had ever said anything.
    #[error(
        "the server {how} the connection without an answer; if it speaks TLS on this port, use \
         https://"
    )]
    Mute {
        /// `closed` or `reset`.
        how: &'static str,
    },

    /// The connection ended during the TLS handshake.
    #[error(
        "the server {how} the connection during the TLS handshake: it may not speak TLS on this port \
         (then use http://), or it refuses the client without saying why"
    )]
    MuteInHandshake {
        /// `closed` or `reset`.
        how: &'static str,
    },

    /// TLS failed for this reason.
    #[error("{}", printable(.0))]
    Tls(String),

    /// The head of the response is larger than the transport accepts. It would be so another time, so the same
    /// endpoint is not tried again.
    #[error("the head of the response is larger than the limit of {limit}")]
    ResponseHeaderTooLarge {
        /// The limit, and how to raise it.
        limit: String,
    },
}

impl ConnectionError {
    /// What the first bytes say that a server ever sent on a connection, unless they may be HTTP/1.1.
    ///
    /// A server that speaks TLS answers everything else with an alert of TLS; one for gRPC alone
    /// begins with its settings, whatever it is asked.
    #[must_use]
    pub fn of_greeting(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [0x15, 0x03, ..] => Some(Self::SpeaksTls),
            [0, _, _, SETTINGS | GOAWAY, ..] => Some(Self::SpeaksHttp2),
            _ => None,
        }
    }

    /// What it means that a plain connection ended in this way before the server had ever said
    /// anything; `None` if it did not end.
    #[must_use]
    pub fn of_silence(error: &io::Error) -> Option<Self> {
        ending(error).map(|how| Self::Mute { how })
    }

    /// The first of these among an error and its sources.
    pub(crate) fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

/// How a connection ended, if it did.
pub(crate) fn ending(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Some("closed"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Some("reset"),
        _ => None,
    }
}

/// The error and its sources. An I/O error does not name the error that it wraps as its source.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |&error: &&'a (dyn StdError + 'static)| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// The frame with which every server of HTTP/2 begins.
const SETTINGS: u8 = 4;
/// The frame with which it ends.
const GOAWAY: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_by_its_first_bytes() {
        for (bytes, expected) in [
            (&b"\x15\x03\x01\0\x02\x02\x46"[..], Some(ConnectionError::SpeaksTls)),
            // What grpc-go sends before it looks at what it was sent.
            (b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0", Some(ConnectionError::SpeaksHttp2)),
            (b"\0\0\0\x04\0\0\0\0\0", Some(ConnectionError::SpeaksHttp2)),
            (b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01", Some(ConnectionError::SpeaksHttp2)),
            (b"HTTP/1.1 200 OK\r\n", None),
            (b"SSH-2.0-OpenSSH_9.2\r\n", None),
            (b"\0\0\0\0\0\0\0\0", None),
            (b"", None),
        ] {
            assert_eq!(ConnectionError::of_greeting(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn only_ends_are_silence() {
        let mute = |kind| ConnectionError::of_silence(&io::Error::from(kind));
        assert_eq!(
            mute(io::ErrorKind::UnexpectedEof),
            Some(ConnectionError::Mute { how: "closed" })
        );
        assert_eq!(
            mute(io::ErrorKind::ConnectionReset),
            Some(ConnectionError::Mute { how: "reset" })
        );
        assert_eq!(mute(io::ErrorKind::TimedOut), None);
    }
}
