//! The tests of the core, in one binary.

mod curl;
mod documents;
mod logins;
mod memory;
mod mirror;
mod properties;
mod splits;
mod transcripts;
mod wire;
