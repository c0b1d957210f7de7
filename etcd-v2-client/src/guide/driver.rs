#![doc = include_str!("../../guide/driver.md")]
