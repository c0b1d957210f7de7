//! The tests of the core, in one binary.

mod curl;
mod depth;
mod distances;
mod documents;
mod echoes;
mod hidden;
mod logins;
mod memory;
mod mirror;
mod model;
mod pending;
mod properties;
mod roots;
mod splits;
mod transcripts;
mod unprintable;
mod wire;
