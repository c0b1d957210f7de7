//! The guide: what is longer than the documentation of a type.

pub mod consistency;
pub mod from_go;
pub mod hostile;
pub mod speed;
pub mod watching;
