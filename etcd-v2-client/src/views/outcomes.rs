//! What became of a write, and writes of which that is certain, in both colours.

use etcd_v2_proto::keys::{Change, Get};
use etcd_v2_proto::{Error, Modify, Resolution, Resolve};

use super::{BlockingKeys, Keys};

/// Writes the methods of both views, which differ in two words.
macro_rules! outcomes {
    ($view:ident, $($how:tt)*) => {
        outcomes! { @ $view, ($($how)*), }
    };
    (@ $view:ident, ($($async:ident)? | $($await:tt)*), ) => {
        impl $view {
            /// Finds out what became of the write that failed with this error, by a read through consensus
            /// and the history of the key.
            ///
            /// It is exact for a swap on the condition of the index, and for any write whose value is unique:
            /// nothing else tells a change from a rival's that is just the same. So a deletion is
            /// [`Doubt::Ambiguous`](crate::Doubt::Ambiguous), unless its success had been announced. What was not carried
            /// out so far may still be ([`Doubt::NotYet`](crate::Doubt::NotYet)), unless it was conditional
            /// on an index that is no more. A refresh leaves no trace ([`Doubt::Untold`](crate::Doubt::Untold)):
            /// send it again. The error knows what was written and where, so any view of the
            /// same cluster will do. It takes as long as a write may
            /// ([`write_deadline`](crate::Policy::write_deadline)), and changes nothing.
            ///
            /// # Errors
            /// Whatever may go wrong with a read; it can be asked again then. An error of another kind of
            /// request than a write of keys is refused as [`Invalid`](crate::Invalid).
            pub $($async)? fn resolve(&self, error: &Error) -> Result<Resolution, Error> {
                self.client.talk(|start| Resolve::new(error, start))$($await)*
            }

            /// Replaces a value by what `change` makes of it, and starts over if somebody else was faster:
            /// a read through consensus, then a write on the condition of the index that was read.
            ///
            /// `change` is given the present value, none if there is no such key, and returns the new one,
            /// or none to leave everything as it is; the result is none then. It may be called several
            /// times. The new value lives for good, whatever the ttl of the old one.
            ///
            /// No copy of such a write that turns up late does any harm: it finds another index. If the
            /// answer was lost and the value has been replaced just as `change` would have it, nobody can
            /// say by whom, since rivals may make the same of the same value: the error's outcome is unknown
            /// then. That is also so for the first value of a key, which has no index to be conditional
            /// on; the late copy of such a creation fails as long as the key is there.
            ///
            /// # Errors
            /// Whatever may go wrong; code 101 if others were faster until the deadline of a write
            /// ([`write_deadline`](crate::Policy::write_deadline)) or 64 times in a row, and code 102 if
            /// the key is a directory.
            pub $($async)? fn modify(
                &self,
                key: impl Into<String>,
                change: impl FnMut(Option<&str>) -> Option<String>,
            ) -> Result<Option<Change>, Error> {
                let get = self.space.aim(Get::new(key));
                self.client.talk(|start| Modify::new(get, change, start))$($await)*
            }
        }
    };
}

outcomes!(Keys, async | .await);
outcomes!(BlockingKeys, |);
