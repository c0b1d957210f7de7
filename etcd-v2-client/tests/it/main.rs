//! Both clients: through one table of scenarios on scripted servers, and with real ones.

#![cfg_attr(
    any(feature = "hyper", feature = "ureq", feature = "dns"),
    expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")
)]

#[cfg(any(feature = "hyper", feature = "ureq"))]
mod astray;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod both;
#[cfg(feature = "dns")]
mod discovery;
mod live;
#[cfg(feature = "dns")]
#[path = "../../examples/discovery/name_server.rs"]
mod name_server;
mod scenarios;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod server;
#[cfg(all(feature = "tracing", any(feature = "hyper", feature = "ureq")))]
mod traced;
