#![doc = include_str!("../../guide/watching.md")]
#![expect(unused_imports, reason = "for the links of the text")]

use crate::{Client, Error, Gap, GapReason, Mirror, Policy, Watch};
