#![doc = include_str!("../../guide/hostile.md")]
#![expect(unused_imports, reason = "for the links of the text")]

use crate::Policy;
