#![doc = include_str!("../../guide/developing.md")]
