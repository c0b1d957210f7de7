//! The guide: what is longer than the documentation of a type.

pub mod connecting;
pub mod consistency;
pub mod developing;
pub mod diagnosing;
pub mod driver;
pub mod failover;
pub mod from_go;
pub mod hostile;
pub mod reliability;
pub mod speed;
pub mod timeouts;
pub mod watching;
