//! Users: names with a password and roles.

use std::fmt;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{ErrorKind, Invalid};
use crate::request::{Document, Encoded, Purpose, Request};
use crate::wire::{decode, no_body};

use super::{Named, names, path, put};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Answer")]
#[non_exhaustive]
pub struct User {
    /// The name.
    pub user: String,
    /// The names of the roles.
    pub roles: Vec<String>,
}

/// A user as servers tell it.
#[derive(Deserialize)]
struct Answer {
    user: String,
    #[serde(default, deserialize_with = "crate::wire::null_as_empty")]
    roles: Vec<Named>,
}

impl From<Answer> for User {
    fn from(answer: Answer) -> Self {
        Self { user: answer.user, roles: answer.roles.into_iter().map(Named::name).collect() }
    }
}

/// The body of a change.
#[derive(Serialize)]
struct Body<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    roles: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke: Option<&'a [String]>,
}

impl<'a> Body<'a> {
    const fn new(user: &'a str) -> Self {
        Self { user, password: None, roles: None, grant: None, revoke: None }
    }

    fn put(&self) -> Result<Encoded, Invalid> {
        put(path("users", "user name", self.user)?, self)
    }
}

/// Lists the names of the users: `GET /v2/auth/users`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
#[non_exhaustive]
pub struct List;

impl Request for List {
    type Output = Vec<String>;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, "/v2/auth/users", Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<Vec<String>, ErrorKind> {
        names(&document)
    }
}

/// Tells the roles of a user: `GET /v2/auth/users/{user}`.
///
/// Status 404 if there is no such user, but also if the user holds a role that does not exist: see
/// [`Error::is_user_not_found`](crate::Error::is_user_not_found) and
/// [`Error::is_role_not_found`](crate::Error::is_role_not_found).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Get {
    user: String,
}

impl Get {
    /// Asks for this user.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into() }
    }
}

impl Request for Get {
    type Output = User;

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::GET, path("users", "user name", &self.user)?, Purpose::Read)
    }

    fn decode(&self, document: Document) -> Result<User, ErrorKind> {
        decode(&document)
    }
}

/// Writes the password of a user: `PUT /v2/auth/users/{user}`.
///
/// The server makes no difference between a new user and a new password: **it creates a user that is
/// not there and overwrites the password of one that is**. The answer tells which it was.
/// [`AddUser`](super::AddUser) and [`ChangePassword`](super::ChangePassword) look first.
///
/// The password is wiped from memory when this is dropped. What is not wiped is the body that it is
/// encoded to, nor what a transport and the operating system make of that on its way to the server.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Put {
    user: String,
    password: Zeroizing<String>,
    roles: Vec<String>,
}

impl Put {
    /// Gives this user this password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        let password = Zeroizing::new(password.into());
        Self { user: user.into(), password, roles: Vec::new() }
    }

    /// Creates the user with these roles. If there are any, the server refuses to overwrite a user
    /// that exists (status 409).
    pub fn roles<R: Into<String>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn has_roles(&self) -> bool {
        !self.roles.is_empty()
    }
}

/// What became of a written user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The user as it is now.
    pub user: User,
    /// Whether the server says that it is new. It does not say so of one that was created with roles.
    pub created: bool,
}

impl Request for Put {
    type Output = Written;

    fn encode(&self) -> Result<Encoded, Invalid> {
        if self.user.contains(':') {
            return Err(Invalid::new("user name", "has a colon: it could never log in"));
        }
        if self.password.is_empty() {
            return Err(Invalid::new("password", "is empty"));
        }
        let roles = (!self.roles.is_empty()).then_some(&*self.roles);
        Body { password: Some(&self.password), roles, ..Body::new(&self.user) }.put()
    }

    fn decode(&self, document: Document) -> Result<Written, ErrorKind> {
        let created = document.status == StatusCode::CREATED;
        decode(&document).map(|user| Written { user, created })
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put")
            .field("user", &self.user)
            .field("password", &format_args!("***"))
            .field("roles", &self.roles)
            .finish()
    }
}

macro_rules! by_roles {
    ($($(#[$doc:meta])* $request:ident = $field:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[must_use = "a request does nothing until it is sent"]
        pub struct $request {
            user: String,
            roles: Vec<String>,
        }

        impl $request {
            /// For this user and these roles.
            pub fn new<R: Into<String>>(
                user: impl Into<String>,
                roles: impl IntoIterator<Item = R>,
            ) -> Self {
                Self { user: user.into(), roles: roles.into_iter().map(Into::into).collect() }
            }
        }

        impl Request for $request {
            type Output = User;

            fn encode(&self) -> Result<Encoded, Invalid> {
                let roles = some(&self.roles)?;
                Body { $field: Some(roles), ..Body::new(&self.user) }.put()
            }

            fn decode(&self, document: Document) -> Result<User, ErrorKind> {
                decode(&document)
            }
        }
    )*};
}

by_roles! {
    /// Gives roles to a user: `PUT /v2/auth/users/{user}`.
    ///
    /// Status 409 if the user has one of them already. Roles that do not exist are accepted.
    Grant = grant;

    /// Takes roles from a user: `PUT /v2/auth/users/{user}`.
    ///
    /// Status 409 if the user does not have one of them.
    Revoke = revoke;
}

/// Removes a user: `DELETE /v2/auth/users/{user}`.
///
/// Status 403 for root while authentication is on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a request does nothing until it is sent"]
pub struct Remove {
    user: String,
}

impl Remove {
    /// Removes this user.
    pub fn new(user: impl Into<String>) -> Self {
        Self { user: user.into() }
    }
}

impl Request for Remove {
    type Output = ();

    fn encode(&self) -> Result<Encoded, Invalid> {
        Encoded::new(Method::DELETE, path("users", "user name", &self.user)?, Purpose::Write)
    }

    fn decode(&self, document: Document) -> Result<(), ErrorKind> {
        no_body(&document, StatusCode::OK)
    }
}

fn some(roles: &[String]) -> Result<&[String], Invalid> {
    if roles.is_empty() {
        return Err(Invalid::new("roles", "are missing; give at least one"));
    }
    Ok(roles)
}
