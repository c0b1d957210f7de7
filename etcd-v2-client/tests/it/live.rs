//! Both clients on real etcd servers.
//!
//! What is claimed here holds for either colour, so each claim is written once, about a
//! [`Space`](space::Space), and tried twice. The servers are started when the first test needs them,
//! are shared, and go away with this process.

#![cfg(any(feature = "hyper", feature = "ureq"))]

/// Makes two tests of each function that is claimed of a [`Space`](space::Space): one with the
/// asynchronous client, one with the blocking one. The word in front names the server. What comes after `needs` is a
/// [`Feature`](needs::Feature) without which the tests are skipped.
macro_rules! both {
    ($server:ident: $($claim:ident,)+) => {
        both! { $server, needs NOTHING: $($claim,)+ }
    };
    ($server:ident, needs $feature:ident: $($claim:ident,)+) => { $(
        mod $claim {
            use crate::live::{needs, servers, space::{Client, Space}};

            #[cfg(feature = "hyper")]
            #[test]
            fn async_() {
                if needs::$feature.is_missing(concat!(module_path!(), "::async_")) {
                    return;
                }
                let client = Client::asynchronous(servers::$server());
                super::$claim(&Space::new(client, stringify!($claim)));
            }

            #[cfg(feature = "ureq")]
            #[test]
            fn blocking() {
                if needs::$feature.is_missing(concat!(module_path!(), "::blocking")) {
                    return;
                }
                let client = Client::blocking(servers::$server());
                super::$claim(&Space::new(client, stringify!($claim)));
            }
        }
    )+ };
}

mod accounts;
mod auto_sync;
mod cancelled;
mod chroots;
mod commands;
mod compares;
mod deletes;
mod diagnoses;
#[cfg(feature = "dns")]
mod discovering;
mod followers;
mod hanging;
mod histories;
mod isolated;
mod iterating;
mod lifetimes;
mod logins;
mod lossy;
mod lost;
mod members;
mod membership;
mod mirrored;
mod mirrors;
mod modifying;
mod names;
mod needs;
pub(crate) mod patience;
mod prefixes;
mod proxies;
mod queues;
mod reads;
mod rebuilt;
mod relay;
mod resuming;
mod rotation;
#[cfg(feature = "ring")]
mod secured;
mod servers;
mod sizes;
mod space;
mod statistics;
mod stopping;
mod streaming;
mod syncing;
mod traversal;
#[cfg(feature = "ring")]
mod tunnels;
mod values;
mod views;
mod watches;
mod writes;
