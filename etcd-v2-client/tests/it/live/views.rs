//! The views of the smaller APIs, of either colour.

use etcd_v2_client::auth::roles::{Access, Role};
use etcd_v2_client::auth::users::{User, Written};
use etcd_v2_client::members::Member;
use etcd_v2_client::server::{Health, Version};
use etcd_v2_client::stats::{LeaderStats, MemberStats, StoreStats};
use etcd_v2_client::{Error, Membership};

#[cfg(feature = "hyper")]
use super::patience::block_on;
use super::space::Client;

/// A call of a method of what a path leads to.
macro_rules! call {
    ($it:ident ($($path:tt)*) $name:ident($($argument:ident),*)) => {
        $it$($path)*.$name($($argument),*)
    };
}

/// Makes a view whose methods are those that either client has at the end of a path.
macro_rules! view {
    ($view:ident: client $path:tt; $(
        fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty;
    )*) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $view<'a>(pub(super) &'a Client);

        impl $view<'_> {$(
            pub(super) fn $name(&self, $($argument: $type),*) -> Result<$output, Error> {
                match self.0 {
                    #[cfg(feature = "hyper")]
                    Client::Async(it) => block_on(call!(it $path $name($($argument),*))),
                    #[cfg(feature = "ureq")]
                    Client::Blocking(it) => call!(it $path $name($($argument),*)),
                }
            }
        )*}
    };
}

view! {
    Server: client ();
    fn version() -> Version;
    fn health() -> Health;
    fn sync() -> Membership;
}

impl Server<'_> {
    /// Whether the server is of this version or a later one, by its own account.
    pub(super) fn is_from(self, wanted: (u32, u32)) -> bool {
        let version = self.version().unwrap().server;
        let mut numbers = version.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap()) >= wanted
    }
}

view! {
    Members: client (.members());
    fn list() -> Vec<Member>;
    fn leader() -> Member;
    fn add(peer_urls: [&str; 1]) -> Member;
    fn update(id: &str, peer_urls: [&str; 1]) -> ();
    fn remove(id: &str) -> ();
}

view! {
    Stats: client (.stats());
    fn member() -> MemberStats;
    fn store() -> StoreStats;
    fn leader() -> LeaderStats;
}

view! {
    Auth: client (.auth());
    fn is_enabled() -> bool;
    fn enable() -> ();
    fn disable() -> ();
}

view! {
    Users: client (.auth().users());
    fn list() -> Vec<String>;
    fn get(user: &str) -> User;
    fn add(user: &str, password: &str) -> Written;
    fn add_with_roles(user: &str, password: &str, roles: [&str; 1]) -> Written;
    fn change_password(user: &str, password: &str) -> Written;
    fn grant(user: &str, roles: [&str; 1]) -> User;
    fn revoke(user: &str, roles: [&str; 1]) -> User;
    fn remove(user: &str) -> ();
}

view! {
    Roles: client (.auth().roles());
    fn list() -> Vec<String>;
    fn get(role: &str) -> Role;
    fn add(role: &str) -> ();
    fn remove(role: &str) -> ();
    fn grant(role: &str, patterns: [&str; 1], access: Access) -> Role;
    fn revoke(role: &str, patterns: [&str; 1], access: Access) -> Role;
}
