#![doc = include_str!("../../guide/connecting.md")]
