#![doc = include_str!("../../guide/speed.md")]
#![doc = include_str!("../../guide/speed_figures.md")]
#![doc = include_str!("../../guide/speed.svg")]
