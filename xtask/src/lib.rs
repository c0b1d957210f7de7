//! Real etcd servers for development: where one comes from, and how to run, disturb and stop it.
//!
//! For tests of the transports there are [certificates] and the [server's end](Stream) of a connection
//! besides.
//!
//! The commands of `cargo xtask` are built on this, and so are the tests that need a server. None
//! of it depends on the crates it is used for.
//!
//! ```no_run
//! use xtask::server::Cluster;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let etcd = xtask::obtain(None)?;
//! let mut cluster = Cluster::start(&etcd, 3)?;
//! println!("{:?}", cluster.endpoints());
//!
//! let member = &mut cluster.members()[0];
//! member.kill9()?;
//! member.restart()?;
//! member.wait_until_ready()?;
//! # Ok(())
//! # }
//! ```

pub mod certificates;
mod obtain;
pub mod server;
mod skipped;
mod stream;
mod version;

pub use obtain::{
    Go, Release, Tool, Unavailable, obtain, obtain_release, root, strace, target, valgrind,
};
pub use skipped::{Skipped, skip};
pub use stream::Stream;
pub use version::Version;
