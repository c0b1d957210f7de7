#![doc = include_str!("../../guide/reliability.md")]
