//! Why no endpoints came out of DNS.

use std::time::Duration;

use etcd_v2_proto::{Endpoint, Error, ErrorKind};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a [`SrvDiscoverer`](super::SrvDiscoverer) found no endpoints.
///
/// It is inside the [`Error`] of the call, as [`ErrorKind::Discovery`]; [`SrvError::of`] takes it out. A
/// domain or a setting that makes no sense is [`ErrorKind::Invalid`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrvError {
    /// None of the names has records: none exists, or the records say that the service is not there.
    #[error("there are no SRV records at {}", .names.join(" or "))]
    NotFound {
        /// The names that were asked for.
        names: Vec<String>,
    },

    /// The name server gave an answer that is neither records nor their absence.
    #[error("the name server cannot say what is at {name}: {answer}")]
    Refused {
        /// The name that was asked for.
        name: String,
        /// What the server answered, in the words of the DNS standards.
        answer: String,
    },

    /// No name server answered in time.
    #[error("no name server told within {limit:?} what is at {name}")]
    TimedOut {
        /// The name that was asked for.
        name: String,
        /// The [limit](super::SrvDiscoverer::time_limit), which was reached, or all tries that fit into it
        /// were used up.
        limit: Duration,
    },

    /// No name server could be asked: there is no network, say, or an answer too long for UDP cannot be had
    /// by TCP. A server that does not exist is silent and makes this [`TimedOut`](Self::TimedOut).
    #[error("no name server can be asked what is at {name}: {source}")]
    Unreachable {
        /// The name that was asked for.
        name: String,
        /// What went wrong.
        source: Source,
    },

    /// There are records, but no endpoint can be made of any of them.
    #[error("the SRV records at {name} are unusable: {}", .reasons.join("; "))]
    Unusable {
        /// The name that was asked for.
        name: String,
        /// What is wrong with each record.
        reasons: Vec<String>,
    },

    /// Only unencrypted endpoints are known, since asking for the encrypted ones has failed. They are not
    /// used instead: whoever can disturb one answer could make clients speak in clear text.
    #[error(
        "{cause}; the unencrypted endpoints are not used instead: {}", in_a_row(.withheld)
    )]
    Downgrade {
        /// The endpoints that were found all the same.
        withheld: Vec<Endpoint>,
        /// Why the encrypted ones are unknown.
        #[source]
        cause: Box<Self>,
    },

    /// The lookup could not begin: the configuration of the system's resolver is missing or unreadable, or
    /// there is no thread to be had.
    #[error("names cannot be looked up: {source}")]
    NoResolver {
        /// What went wrong.
        source: Source,
    },
}

impl SrvError {
    /// The reason of a discovery that failed, if it was one by SRV records.
    ///
    /// ```
    /// use etcd_v2_client::Error;
    /// use etcd_v2_client::discovery::SrvError;
    ///
    /// fn is_unknown(error: &Error) -> bool {
    ///     matches!(SrvError::of(error), Some(SrvError::NotFound { .. }))
    /// }
    /// ```
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        match error.kind() {
            ErrorKind::Discovery(reason) => reason.downcast_ref(),
            _ => None,
        }
    }
}

impl From<SrvError> for ErrorKind {
    fn from(error: SrvError) -> Self {
        Self::Discovery(Box::new(error))
    }
}

fn in_a_row(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(Endpoint::as_str).collect::<Vec<_>>().join(", ")
}
