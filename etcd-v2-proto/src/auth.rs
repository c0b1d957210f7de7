//! The auth API, `/v2/auth`: who may do what.
//!
//! All but [`Status`] needs the root role once authentication is on. It exists from etcd 2.1 on.
//!
//! | request | on the wire |
//! |---|---|
//! | [`Status`], [`Enable`], [`Disable`] | `GET`, `PUT`, `DELETE /v2/auth/enable` |
//! | [`users`] | `/v2/auth/users` |
//! | [`roles`] | `/v2/auth/roles` |

mod checked;
mod named;
pub mod roles;
pub mod users;

pub use checked::{AddUser, ChangePassword};
use named::Named;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::encoding::push_segment;
use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::{JSON, decode, encode, no_body};

/// Asks whether authentication is on: `GET /v2/auth/enable`. Needs no rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct Status;

impl Request for Status {
    type Output = bool;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, SWITCH, Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<bool, ErrorKind> {
        #[derive(Deserialize)]
        struct Answer {
            enabled: bool,
        }
        decode::<Answer>(&document).map(|answer| answer.enabled)
    }
}

/// Switches authentication on: `PUT /v2/auth/enable`.
///
/// Needs a user called root (status 409 otherwise, and if it is on already). A cluster that has lost
/// its quorum also claims that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct Enable;

impl Request for Enable {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::PUT, SWITCH, Purpose::Write)
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::OK)
    }
}

/// Switches authentication off: `DELETE /v2/auth/enable`. Status 409 if it is off already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct Disable;

impl Request for Disable {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::DELETE, SWITCH, Purpose::Write)
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::OK)
    }
}

const SWITCH: &str = "/v2/auth/enable";

/// The path of one user or role. A name that is more than one segment could lead elsewhere.
fn path(collection: &str, field: &'static str, name: &str) -> Result<String, Invalid> {
    if matches!(name, "" | "." | "..") || name.contains('/') {
        let reason = format!("{name:?} is empty, a dot segment or more than one segment");
        return Err(Invalid::new(field, reason));
    }
    let mut path = format!("/v2/auth/{collection}/");
    push_segment(&mut path, name);
    Ok(path)
}

/// A change of a user or of a role.
fn put(path: String, body: &impl Serialize) -> Result<Encoded, Invalid> {
    let body = encode(body)?;
    Encoded::new(Method::PUT, path, Purpose::Write)?.with_body(JSON, body)
}

/// The names of the users or of the roles.
fn names(document: &Document) -> Result<Vec<String>, ErrorKind> {
    #[derive(Deserialize)]
    struct List {
        #[serde(alias = "users", deserialize_with = "crate::wire::null_as_empty")]
        roles: Vec<Named>,
    }
    decode::<List>(document).map(|list| list.roles.into_iter().map(Named::name).collect())
}
