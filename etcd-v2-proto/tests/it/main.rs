//! The tests of the core, in one binary.

mod documents;
mod mirror;
mod properties;
mod splits;
mod transcripts;
mod wire;
