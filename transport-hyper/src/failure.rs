//! From what hyper says to what a person can act on.

use etcd_v2_proto::Failure;

use crate::connect::BoxError;

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
