//! Roles: what may be read and written.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::{decode, no_body};

use super::{names, path, put};

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Role {
    /// The name.
    pub role: String,
    /// What it allows.
    pub permissions: Permissions,
}

/// What a role allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Permissions {
    /// On keys.
    #[serde(default)]
    pub kv: KeyPermissions,
}

/// Which keys may be read and written: exact keys, or prefixes with an asterisk behind them.
///
/// The server compares them with the path of a request as it was sent, so `/r/*` covers `/r/` and not
/// `/r`. A user who has only that lists, watches and deletes the directory as `/r/`, and pushes into it
/// by that name: a request has a [final slash](crate::keys::Key#the-final-slash) where its key has one.
/// Recursive requests need a pattern that covers all of what they name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyPermissions {
    /// What may be read.
    #[serde(default, deserialize_with = "crate::wire::null_as_empty")]
    pub read: Vec<String>,
    /// What may be written.
    #[serde(default, deserialize_with = "crate::wire::null_as_empty")]
    pub write: Vec<String>,
}

/// A kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

/// The body of a change.
#[derive(Serialize)]
struct Body<'a> {
    role: &'a str,
    permissions: Patterns<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Patterns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke: Option<Patterns<'a>>,
}

#[derive(Default, Serialize)]
struct Patterns<'a> {
    kv: KeyPatterns<'a>,
}

#[derive(Default, Serialize)]
struct KeyPatterns<'a> {
    read: Option<&'a [String]>,
    write: Option<&'a [String]>,
}

impl<'a> Patterns<'a> {
    fn new(patterns: &'a [String], access: Access) -> Result<Self, Invalid> {
        if patterns.is_empty() {
            return Err(Invalid::new("patterns", "are missing; give at least one"));
        }
        let read = (access != Access::Write).then_some(patterns);
        let write = (access != Access::Read).then_some(patterns);
        Ok(Self { kv: KeyPatterns { read, write } })
    }
}

impl<'a> Body<'a> {
    fn new(role: &'a str) -> Self {
        Self { role, permissions: Patterns::default(), grant: None, revoke: None }
    }

    fn put(&self) -> Result<Encoded, Invalid> {
        put(path("roles", "role name", self.role)?, self)
    }
}

/// Lists the names of the roles, root included: `GET /v2/auth/roles`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct List;

impl Request for List {
    type Output = Vec<String>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/auth/roles", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Vec<String>, ErrorKind> {
        names(&document)
    }
}

macro_rules! by_name {
    ($($(#[$doc:meta])* $request:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "a request does nothing until it is sent"]
        pub struct $request {
            role: String,
        }

        impl $request {
            /// For this role.
            pub fn new(role: impl Into<String>) -> Self {
                Self { role: role.into() }
            }
        }
    )*};
}

by_name! {
    /// Tells what a role allows: `GET /v2/auth/roles/{role}`. Status 404 if there is none.
    Get;

    /// Makes a role that allows nothing yet: `PUT /v2/auth/roles/{role}`. Status 409 if it exists.
    Add;

    /// Removes a role: `DELETE /v2/auth/roles/{role}`. Status 404 if there is none. Users keep its
    /// name.
    Remove;
}

impl Request for Get {
    type Output = Role;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, path("roles", "role name", &self.role)?, Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Role, ErrorKind> {
        decode(&document)
    }
}

impl Request for Add {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Body::new(&self.role).put()
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        decode::<Role>(&document).map(drop)
    }
}

impl Request for Remove {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::DELETE, path("roles", "role name", &self.role)?, Purpose::Write)
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::OK)
    }
}

macro_rules! by_patterns {
    ($($(#[$doc:meta])* $request:ident = $field:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "a request does nothing until it is sent"]
        pub struct $request {
            role: String,
            patterns: Vec<String>,
            access: Access,
        }

        impl $request {
            /// For this role, keys or prefixes with an asterisk, and this kind of access.
            pub fn new<P: Into<String>>(
                role: impl Into<String>,
                patterns: impl IntoIterator<Item = P>,
                access: Access,
            ) -> Self {
                let patterns = patterns.into_iter().map(Into::into).collect();
                Self { role: role.into(), patterns, access }
            }
        }

        impl Request for $request {
            type Output = Role;

            fn encode(&self) -> Result<Encoded, Invalid> {
                let patterns = Patterns::new(&self.patterns, self.access)?;
                Body { $field: Some(patterns), ..Body::new(&self.role) }.put()
            }

            fn decode(&self, document: Document) -> Result<Role, ErrorKind> {
                decode(&document)
            }
        }
    )*};
}

by_patterns! {
    /// Allows a role something: `PUT /v2/auth/roles/{role}`. Status 409 if it is allowed already.
    Grant = grant;

    /// Forbids a role something: `PUT /v2/auth/roles/{role}`. Status 400 if none of it was allowed.
    Revoke = revoke;
}
