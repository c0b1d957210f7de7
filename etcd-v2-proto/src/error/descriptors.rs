//! Connections that this machine cannot open, whatever the server does: there is no free file descriptor.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::connection::chain;

/// Whose file descriptors are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDescriptors {
    /// Those of this process: `EMFILE`.
    Process,
    /// Those of the whole system: `ENFILE`.
    System,
}

impl NoDescriptors {
    /// Looks for it among an error and its sources.
    pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut errors = chain(error).filter_map(|error| error.downcast_ref::<io::Error>());
        errors.find_map(|error| Self::of_code(error.raw_os_error()?))
    }

    fn of_code(code: i32) -> Option<Self> {
        // The same on all systems of the Unix family.
        match code {
            24 if cfg!(unix) => Some(Self::Process),
            23 if cfg!(unix) => Some(Self::System),
            _ => None,
        }
    }
}

impl fmt::Display for NoDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => {
                "this process has no free file descriptors (EMFILE): raise its limit (`ulimit -n`) or \
                 close connections and files"
            }
            Self::System => {
                "this system has no free file descriptors (ENFILE): raise its limit (`fs.file-max`) or \
                 close connections and files"
            }
        })
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::conversation::Failure;
    use crate::error::ConnectionError;

    /// As transports wrap it.
    fn wrapped(code: i32) -> [Failure; 3] {
        let error = || io::Error::from_raw_os_error(code);
        [
            Failure::before_send(error()),
            Failure::before_send(io::Error::other(error())),
            Failure::unsupported(io::Error::new(
                io::ErrorKind::NotConnected,
                io::Error::other(error()),
            )),
        ]
    }

    #[test]
    fn used_up_descriptors_are_named_with_their_limit() {
        for (code, who, limit) in
            [(24, "this process", "ulimit -n"), (23, "this system", "fs.file-max")]
        {
            for failure in wrapped(code) {
                let text = failure.to_string();
                assert!(text.starts_with("could not connect: "), "{text}");
                assert!(text.contains(who) && text.contains(limit), "{text}");
                assert!(!text.contains("os error"), "{text}");
            }
        }
    }

    #[test]
    fn other_errors_say_nothing_about_descriptors() {
        for code in [2, 11, 13, 99, 104, 110, 111, 113] {
            for failure in wrapped(code) {
                assert_eq!(NoDescriptors::find(&failure), None, "{failure}");
            }
        }
        assert_eq!(NoDescriptors::find(&ConnectionError::SpeaksTls), None);
    }
}
