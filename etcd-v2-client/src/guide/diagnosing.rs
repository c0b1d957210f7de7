#![doc = include_str!("../../guide/diagnosing.md")]
