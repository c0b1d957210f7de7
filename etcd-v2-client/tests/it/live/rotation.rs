//! Passwords that change while a client is in use.

use std::sync::{Arc, Mutex};
use std::thread;

use etcd_v2_client::Credentials;
use etcd_v2_client::auth::roles::Access;
use etcd_v2_client::keys::{Get, Set, Wait};
use xtask::server::Server;

use super::patience::until;
use super::servers::ETCD;
use super::space::{Client, Space};
use super::views::{Auth, Roles, Stats, Users};

both! {
    quiet, needs AUTH:
    a_password_changes_under_a_running_client,
    an_open_watch_outlives_a_change_of_the_password,
}

/// A server on which anna may read and write, and its root.
fn guarded(space: &Space) -> (Server, Client) {
    let server = Server::start(&ETCD).unwrap();
    let anybody = space.client.at([server.endpoint()]);
    Users(&anybody).add("root", "rootpw").unwrap();
    Auth(&anybody).enable().unwrap();
    let root = space.client.login(server.endpoint(), "root", "rootpw");
    Roles(&root).remove("guest").unwrap();
    Roles(&root).add("clerk").unwrap();
    Roles(&root).grant("clerk", ["/*"], Access::ReadWrite).unwrap();
    Users(&root).add("anna", "first").unwrap();
    Users(&root).grant("anna", ["clerk"]).unwrap();
    (server, root)
}

/// A client that asks as anna, and the password that it does so with.
fn anna(space: &Space, server: &Server) -> (Client, Arc<Mutex<&'static str>>) {
    let password = Arc::new(Mutex::new("first"));
    let current = Arc::clone(&password);
    let provider = move || {
        let password = *current.lock().unwrap();
        Ok(Some(Credentials::new("anna", password)?))
    };
    (space.client.login_from(server.endpoint(), provider), password)
}

fn a_password_changes_under_a_running_client(space: &Space) {
    let (server, root) = guarded(space);
    let (anna, password) = anna(space, &server);
    anna.send(Set::new("/file", "1")).unwrap();

    Users(&root).change_password("anna", "second").unwrap();
    let error = anna.send(Get::new("/file")).unwrap_err();
    assert!(error.is_unauthorized(), "{error}");

    *password.lock().unwrap() = "second";
    assert_eq!(anna.send(Get::new("/file")).unwrap().value(), Some("1"));
    anna.send(Set::new("/file", "2")).unwrap();
}

fn an_open_watch_outlives_a_change_of_the_password(space: &Space) {
    let (server, root) = guarded(space);
    let (anna, password) = anna(space, &server);
    let first = anna.send(Set::new("/file", "1")).unwrap();
    let mut watch = anna.keys().watch(Wait::new("/file").after(first.index().unwrap()));
    thread::scope(|scope| {
        let change = scope.spawn(|| watch.change());
        // The server checks the password before that.
        until("it waits", || Stats(&root).store().unwrap().watchers == 1);
        Users(&root).change_password("anna", "second").unwrap();
        root.send(Set::new("/file", "2")).unwrap();
        assert_eq!(change.join().unwrap().value(), Some("2"), "permission is checked once");
    });
    // The next wait is a new request.
    root.send(Set::new("/file", "3")).unwrap();
    *password.lock().unwrap() = "second";
    assert_eq!(watch.change().value(), Some("3"));

    Users(&root).change_password("anna", "third").unwrap();
    let error = watch.next().unwrap().unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert!(watch.next().is_none(), "missing rights are its end");
}
