//! The numbers that etcd gives its refusals.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a refusal, `errorCode` in the body.
///
/// It is not an HTTP status: code 401 has nothing to do with authentication. Numbers that this
/// crate does not know survive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// The name of the constant, for numbers that have one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The key, or a directory above it, does not exist. HTTP 404.
    KEY_NOT_FOUND = 100;
    /// A condition on value or index did not hold. HTTP 412.
    COMPARE_FAILED = 101;
    /// A directory where a file is needed. HTTP 403.
    NOT_A_FILE = 102;
    /// Too many members; 0.4 only.
    NO_MORE_PEER = 103;
    /// A file where a directory is needed. HTTP 400.
    NOT_A_DIRECTORY = 104;
    /// The key to create exists. HTTP 412.
    ALREADY_EXISTS = 105;
    /// The key's prefix is reserved; 0.x only.
    KEY_IS_PRESERVED = 106;
    /// The root can be neither written nor deleted. HTTP 400.
    ROOT_READ_ONLY = 107;
    /// A directory with children was to be deleted without `recursive`. HTTP 403.
    DIRECTORY_NOT_EMPTY = 108;
    /// A peer address that is taken; 0.4 only.
    EXISTING_PEER_ADDRESS = 109;
    /// Credentials are missing, wrong or insufficient. HTTP 401.
    UNAUTHORIZED = 110;
    /// A value is missing from the form; 0.4 only.
    VALUE_REQUIRED = 200;
    /// `prevValue` was given, but empty. HTTP 400.
    PREV_VALUE_REQUIRED = 201;
    /// The ttl is not a number of seconds. HTTP 400.
    TTL_NOT_A_NUMBER = 202;
    /// `prevIndex` or `waitIndex` is not a number. HTTP 400.
    INDEX_NOT_A_NUMBER = 203;
    /// Neither value nor ttl was given; 0.4 only.
    VALUE_OR_TTL_REQUIRED = 204;
    /// A timeout is not a number; 0.x only.
    TIMEOUT_NOT_A_NUMBER = 205;
    /// A name is missing; 0.x only.
    NAME_REQUIRED = 206;
    /// An index or a value is missing; 0.x only.
    INDEX_OR_VALUE_REQUIRED = 207;
    /// Both an index and a value were given; 0.x only.
    INDEX_VALUE_MUTEX = 208;
    /// A parameter has a value that it cannot have. HTTP 400.
    INVALID_FIELD = 209;
    /// The query or the form cannot be parsed, or is too large. HTTP 400.
    INVALID_FORM = 210;
    /// A refresh came with a value. HTTP 400.
    REFRESH_VALUE = 211;
    /// A refresh came without a ttl. HTTP 400.
    REFRESH_TTL_REQUIRED = 212;
    /// Consensus failed or took too long: nobody knows whether the write was applied. HTTP 500.
    RAFT_INTERNAL = 300;
    /// There is no leader at the moment; 0.4 only. HTTP 500.
    LEADER_ELECT = 301;
    /// A watcher was dropped by a recovering server; never sent by 2.0 and later.
    WATCHER_CLEARED = 400;
    /// The history that a watch asked for has been overwritten. HTTP 400.
    HISTORY_CLEARED = 401;
    /// Standby: internal error; 0.4 only.
    STANDBY_INTERNAL = 402;
    /// Standby: invalid active size; 0.4 only.
    INVALID_ACTIVE_SIZE = 403;
    /// Standby: invalid remove delay; 0.4 only.
    INVALID_REMOVE_DELAY = 404;
    /// An error of a client; never sent by a server.
    CLIENT_INTERNAL = 500;
}

impl Code {
    /// The code with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({} {})", self.0, self.name().unwrap_or("unknown"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_numbers_of_the_go_package() {
        for (code, number) in [
            (Code::KEY_NOT_FOUND, 100),
            (Code::COMPARE_FAILED, 101),
            (Code::NOT_A_FILE, 102),
            (Code::NOT_A_DIRECTORY, 104),
            (Code::ALREADY_EXISTS, 105),
            (Code::ROOT_READ_ONLY, 107),
            (Code::DIRECTORY_NOT_EMPTY, 108),
            (Code::UNAUTHORIZED, 110),
            (Code::PREV_VALUE_REQUIRED, 201),
            (Code::TTL_NOT_A_NUMBER, 202),
            (Code::INDEX_NOT_A_NUMBER, 203),
            (Code::INVALID_FIELD, 209),
            (Code::INVALID_FORM, 210),
            (Code::RAFT_INTERNAL, 300),
            (Code::LEADER_ELECT, 301),
            (Code::WATCHER_CLEARED, 400),
            (Code::HISTORY_CLEARED, 401),
        ] {
            assert_eq!((code.number(), Code::new(number)), (number, code));
        }
    }
}
