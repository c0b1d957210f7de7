//! The auth API as methods.

use etcd_v2_proto::auth::roles::{self, Access, Role};
use etcd_v2_proto::auth::users::{self, Put, User, Written};
use etcd_v2_proto::auth::{AddUser, ChangePassword, Disable, Enable, Status};
use etcd_v2_proto::{Conversation, Start};

use super::{methods, view};
use crate::Error;

view! {
    /// The auth API: whether rights are checked. See [`auth`](etcd_v2_proto::auth).
    Auth, BlockingAuth
}

methods! {
    Auth, BlockingAuth, send;

    /// Whether authentication is on. See [`Status`].
    fn is_enabled() -> bool = Status::default();

    /// Switches authentication on. See [`Enable`].
    fn enable() -> () = Enable::default();

    /// Switches authentication off. See [`Disable`].
    fn disable() -> () = Disable::default();
}

impl Auth {
    /// The users.
    #[must_use]
    pub fn users(&self) -> Users {
        Users::new(self.client.clone())
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles::new(self.client.clone())
    }
}

impl BlockingAuth {
    /// The users.
    #[must_use]
    pub fn users(&self) -> BlockingUsers {
        BlockingUsers::new(self.client.clone())
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> BlockingRoles {
        BlockingRoles::new(self.client.clone())
    }
}

view! {
    /// The users. See [`auth::users`](etcd_v2_proto::auth::users).
    Users, BlockingUsers
}

impl Users {
    async fn talk<C: Conversation>(
        &self,
        begin: impl FnOnce(Start) -> C,
    ) -> Result<C::Item, Error> {
        self.client.talk(begin).await
    }
}

impl BlockingUsers {
    fn talk<C: Conversation>(&self, begin: impl FnOnce(Start) -> C) -> Result<C::Item, Error> {
        self.client.talk(begin)
    }
}

methods! {
    Users, BlockingUsers, talk;

    /// Creates a user, unless there is one. See [`AddUser`] for how that is made sure, and for the race
    /// that remains.
    fn add(user: impl Into<String>, password: impl Into<String>) -> Written =
        |start| AddUser::new(Put::new(user, password), start);

    /// Creates a user with roles, unless there is one; the server itself makes sure. See [`AddUser`].
    fn add_with_roles(
        user: impl Into<String>,
        password: impl Into<String>,
        roles: impl IntoIterator<Item = impl Into<String>>
    ) -> Written = |start| AddUser::new(Put::new(user, password).roles(roles), start);

    /// Changes the password of a user, if there is one. See [`ChangePassword`] for how that is made
    /// sure, and for the race that remains.
    fn change_password(user: impl Into<String>, password: impl Into<String>) -> Written =
        |start| ChangePassword::new(user, password, start);
}

methods! {
    Users, BlockingUsers, send;

    /// Lists the names of the users. See [`users::List`].
    fn list() -> Vec<String> = users::List::default();

    /// Tells the roles of a user. See [`users::Get`].
    fn get(user: impl Into<String>) -> User = users::Get::new(user);

    /// Gives roles to a user. See [`users::Grant`].
    fn grant(
        user: impl Into<String>, roles: impl IntoIterator<Item = impl Into<String>>
    ) -> User = users::Grant::new(user, roles);

    /// Takes roles from a user. See [`users::Revoke`].
    fn revoke(
        user: impl Into<String>, roles: impl IntoIterator<Item = impl Into<String>>
    ) -> User = users::Revoke::new(user, roles);

    /// Removes a user. See [`users::Remove`].
    fn remove(user: impl Into<String>) -> () = users::Remove::new(user);
}

view! {
    /// The roles. See [`auth::roles`](etcd_v2_proto::auth::roles).
    Roles, BlockingRoles
}

methods! {
    Roles, BlockingRoles, send;

    /// Lists the names of the roles. See [`roles::List`].
    fn list() -> Vec<String> = roles::List::default();

    /// Tells what a role allows. See [`roles::Get`].
    fn get(role: impl Into<String>) -> Role = roles::Get::new(role);

    /// Makes a role that allows nothing yet. See [`roles::Add`].
    fn add(role: impl Into<String>) -> () = roles::Add::new(role);

    /// Removes a role. See [`roles::Remove`].
    fn remove(role: impl Into<String>) -> () = roles::Remove::new(role);

    /// Allows a role something: keys, or prefixes with an asterisk. See [`roles::Grant`].
    fn grant(
        role: impl Into<String>, patterns: impl IntoIterator<Item = impl Into<String>>, access: Access
    ) -> Role = roles::Grant::new(role, patterns, access);

    /// Forbids a role something. See [`roles::Revoke`].
    fn revoke(
        role: impl Into<String>, patterns: impl IntoIterator<Item = impl Into<String>>, access: Access
    ) -> Role = roles::Revoke::new(role, patterns, access);
}
