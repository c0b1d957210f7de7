#![doc = include_str!("../../guide/consistency.md")]
#![expect(unused_imports, reason = "for the links of the text")]

use crate::{Client, Consistency, Error, ErrorKind, Keys, Policy, Watch, keys};
