//! Both clients: through one table of scenarios on scripted servers, and with real ones.

#![cfg_attr(
    any(feature = "hyper", feature = "ureq"),
    expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")
)]

#[cfg(any(feature = "hyper", feature = "ureq"))]
mod both;
mod live;
mod scenarios;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod server;
#[cfg(all(feature = "tracing", any(feature = "hyper", feature = "ureq")))]
mod traced;
