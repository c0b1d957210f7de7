#![doc = include_str!("../../guide/timeouts.md")]
