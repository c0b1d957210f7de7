#![doc = include_str!("../../guide/failover.md")]
