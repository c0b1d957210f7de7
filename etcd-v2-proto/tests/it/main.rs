//! The tests of the core, in one binary.

mod curl;
mod documents;
mod logins;
mod memory;
mod properties;
mod splits;
mod transcripts;
mod wire;
