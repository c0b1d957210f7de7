//! The core.
pub mod conversation;
pub mod error;
pub mod interrupt;
pub mod run;
pub mod transport;

pub use conversation::{Action, Cause, Conversation, Event, Failure, Stage, Timing};
pub use error::Error;
pub use interrupt::{Hook, Interrupt, Reason};
pub use run::{AsyncRun, BlockingRun};
pub use transport::{AsyncBody, AsyncTransport, BlockingBody, BlockingTransport};
