//! From what ureq says to what a conversation has to know.

use std::error::Error as StdError;
use std::io;

use etcd_v2_proto::{ConnectionError, Failure, Stage};
use ureq::Error;

use crate::call::{Call, Verdict};

/// Why no head of an answer came.
pub(crate) fn of_sending(error: Error, call: &Call) -> Failure {
    let stage = if call.sent { Stage::AfterSend } else { Stage::BeforeSend };
    let closed = "the server closed the connection without an answer";
    failure(error, call, stage, closed)
}

/// Why the body broke off.
pub(crate) fn of_reading(error: io::Error, call: &Call) -> Failure {
    let cut = "the server closed the connection before the end of the answer";
    failure(error.into(), call, Stage::AfterSend, cut)
}

fn failure(error: Error, call: &Call, stage: Stage, closed: &'static str) -> Failure {
    match call.verdict {
        Some(Verdict::TimedOut) => return Failure::timed_out(stage),
        Some(Verdict::Interrupted(reason)) => return Failure::interrupted(stage, reason),
        None if matches!(error, Error::Timeout(_)) => return Failure::timed_out(stage),
        None => {}
    }
    let unsupported =
        matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::Unsupported);
    let source = if call.closed { closed.into() } else { innermost(error) };
    match stage {
        Stage::BeforeSend if unsupported => Failure::unsupported(source),
        Stage::BeforeSend => Failure::before_send(source),
        Stage::AfterSend => Failure::after_send(source),
    }
}

fn too_large(limit: String) -> Box<dyn StdError + Send + Sync> {
    ConnectionError::ResponseHeaderTooLarge { limit }.into()
}

/// The error that ureq wrapped, since ureq's own has no source to look for it.
fn innermost(error: Error) -> Box<dyn StdError + Send + Sync> {
    match error {
        // ureq does not export the type of this error.
        Error::Protocol(error) if error.to_string() == TOO_MANY_LINES => {
            too_large("128 header lines, which is fixed in this transport".to_owned())
        }
        Error::LargeResponseHeader(_, limit) => {
            too_large(format!("{limit} bytes: raise it by max_head of the transport's builder"))
        }
        Error::Io(error) => error.into(),
        Error::Http(error) => error.into(),
        Error::Protocol(error) => error.into(),
        Error::Other(error) => error,
        error => error.into(),
    }
}

const TOO_MANY_LINES: &str = "http parse resulted in too many headers";
