//! The APIs as methods of views, each in both colours from one table.

mod auth;
mod keys;
mod members;
mod outcomes;
mod stats;

pub use auth::{Auth, BlockingAuth, BlockingRoles, BlockingUsers, Roles, Users};
pub use keys::{BlockingKeys, Keys};
pub use members::{BlockingMembers, Members};
pub use stats::{BlockingStats, Stats};

pub(crate) use keys::Space;

/// Writes each row of a table as a method of two views, the asynchronous and the blocking one. `$how`
/// is the method that carries out what stands behind the equals sign.
macro_rules! methods {
    ($async:ident, $blocking:ident, $how:ident; $(
        $(#[$doc:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty = $what:expr;
    )*) => {
        impl $async {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Whatever may go wrong; [`Error::outcome`](crate::Error::outcome) tells what became of
            /// the request.
            pub async fn $name(&self, $($argument: $type),*) -> Result<$output, crate::Error> {
                self.$how($what).await
            }
        )*}

        impl $blocking {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// Whatever may go wrong; [`Error::outcome`](crate::Error::outcome) tells what became of
            /// the request.
            pub fn $name(&self, $($argument: $type),*) -> Result<$output, crate::Error> {
                self.$how($what)
            }
        )*}
    };
}

/// Makes the two views of an API that needs no more than a client.
macro_rules! view {
    ($(#[$doc:meta])* $async:ident, $blocking:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $async {
            client: crate::Client,
        }

        impl $async {
            pub(crate) const fn new(client: crate::Client) -> Self {
                Self { client }
            }

            async fn send<R: crate::Request>(&self, request: R) -> Result<R::Output, crate::Error> {
                self.client.send(request).await
            }
        }

        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $blocking {
            client: crate::blocking::Client,
        }

        impl $blocking {
            pub(crate) const fn new(client: crate::blocking::Client) -> Self {
                Self { client }
            }

            fn send<R: crate::Request>(&self, request: R) -> Result<R::Output, crate::Error> {
                self.client.send(request)
            }
        }
    };
}

use methods;
use view;
