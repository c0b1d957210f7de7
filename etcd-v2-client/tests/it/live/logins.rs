//! Servers that ask who somebody is. Each claim has a server of its own, as that holds for everybody.

use etcd_v2_client::auth::roles::Access;
use etcd_v2_client::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_client::mirror::Snapshot;
use etcd_v2_client::{Error, Outcome};
use xtask::server::Server;

use super::mirrored::{mirror, synced};
use super::patience::LONGEST;
use super::servers::ETCD;
use super::space::{Client, Space};
use super::views::{Auth, Members, Roles, Server as Its, Users};

both! {
    quiet, needs AUTH:
    authentication_needs_a_root_user,
    rights_of_guests_can_be_taken,
    a_role_opens_a_prefix_and_nothing_else,
    a_role_for_all_below_a_directory_covers_the_directory_with_a_final_slash,
    a_role_counts_for_every_kind_of_request,
    passwords_are_changed_only_by_those_who_mean_to,
    only_root_may_administrate,
}

const ROOT: &str = "rootpw";

fn start() -> Server {
    Server::start(&ETCD).unwrap()
}

/// A server on which authentication is on, and its root.
fn guarded(space: &Space) -> (Server, Client) {
    let server = start();
    let anybody = guest(space, server.endpoint());
    Users(&anybody).add("root", ROOT).unwrap();
    Auth(&anybody).enable().unwrap();
    let root = space.client.login(server.endpoint(), "root", ROOT);
    (server, root)
}

/// A client that does not say who it is, unless that is in the endpoint.
fn guest(space: &Space, endpoint: &str) -> Client {
    space.client.at([endpoint]).patient()
}

fn status(error: &Error) -> u16 {
    error.api().unwrap().status.as_u16()
}

fn set(client: &Client, key: &str) -> Result<(), Error> {
    client.keys().send(Set::new(key, "1")).map(drop)
}

fn get(client: &Client, key: &str) -> Result<(), Error> {
    client.keys().send(Get::new(key)).map(drop)
}

fn list(client: &Client, key: &str) -> Result<(), Error> {
    client.keys().send(Get::new(key).recursive()).map(drop)
}

fn assert_unauthorized(result: Result<(), Error>) {
    let error = result.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(!error.is_key_not_found() && !error.is_timeout());
}

fn authentication_needs_a_root_user(space: &Space) {
    let server = start();
    let anybody = guest(space, server.endpoint());
    let auth = Auth(&anybody);
    assert!(!auth.is_enabled().unwrap());
    assert_eq!(Users(&anybody).list().unwrap().len(), 0);
    let error = auth.enable().unwrap_err();
    assert_eq!((status(&error), error.outcome()), (409, Outcome::Rejected), "{error}");
    assert_eq!(status(&auth.disable().unwrap_err()), 409, "it is off");

    assert!(Users(&anybody).add("root", ROOT).unwrap().created);
    auth.enable().unwrap();
    assert!(auth.is_enabled().unwrap(), "everybody may ask");
    assert_unauthorized(auth.disable());

    let root = space.client.login(server.endpoint(), "root", ROOT);
    assert_eq!(status(&Auth(&root).enable().unwrap_err()), 409, "it is on");
    assert_eq!(status(&Users(&root).remove("root").unwrap_err()), 403);
    Auth(&root).disable().unwrap();
    assert!(!auth.is_enabled().unwrap());
    Users(&anybody).remove("root").unwrap();
}

fn rights_of_guests_can_be_taken(space: &Space) {
    let (server, root) = guarded(space);
    let anybody = guest(space, server.endpoint());
    set(&anybody, "/file").unwrap();
    Roles(&root).revoke("guest", ["/*"], Access::Write).unwrap();
    assert_unauthorized(set(&anybody, "/file"));
    get(&anybody, "/file").unwrap();
    Roles(&root).remove("guest").unwrap();
    assert_unauthorized(get(&anybody, "/file"));
    assert_unauthorized(anybody.keys().watch("/file").next().unwrap().map(drop));
    assert_unauthorized(anybody.keys().wait("/file").map(drop));
    get(&root, "/file").unwrap();
    set(&root, "/file").unwrap();
    // What tells nothing about keys is open.
    assert!(Its(&anybody).health().unwrap().healthy);
    assert_eq!(Members(&anybody).list().unwrap().len(), 1);
}

fn a_role_opens_a_prefix_and_nothing_else(space: &Space) {
    let (server, root) = guarded(space);
    Roles(&root).remove("guest").unwrap();
    Roles(&root).add("clerk").unwrap();
    Roles(&root).grant("clerk", ["/open/*"], Access::ReadWrite).unwrap();
    Roles(&root).grant("clerk", ["/shown"], Access::Read).unwrap();
    Users(&root).add("anna", "secret").unwrap();
    Users(&root).grant("anna", ["clerk"]).unwrap();
    set(&root, "/shown").unwrap();
    set(&root, "/hidden").unwrap();

    let anna = space.client.login(server.endpoint(), "anna", "secret");
    set(&anna, "/open/file").unwrap();
    get(&anna, "/open/file").unwrap();
    get(&anna, "/shown").unwrap();
    assert_unauthorized(set(&anna, "/shown"));
    assert_unauthorized(get(&anna, "/hidden"));
    assert_unauthorized(set(&anna, "/hidden"));
    assert_unauthorized(set(&anna, "/opened"));
    assert_unauthorized(list(&anna, "/"));
    assert_unauthorized(list(&anna, "/open"));
    let chroot = anna.keys().chroot("/open").unwrap();
    chroot.send(Get::new("/file")).unwrap();

    assert_unauthorized(get(&space.client.login(server.endpoint(), "anna", "wrong"), "/shown"));
    assert_unauthorized(get(&space.client.login(server.endpoint(), "nobody", "wrong"), "/shown"));
    assert_unauthorized(get(&guest(space, server.endpoint()), "/shown"));

    Users(&root).revoke("anna", ["clerk"]).unwrap();
    assert_unauthorized(get(&anna, "/open/file"));
}

fn a_role_for_all_below_a_directory_covers_the_directory_with_a_final_slash(space: &Space) {
    let (server, root) = guarded(space);
    Roles(&root).remove("guest").unwrap();
    Roles(&root).add("clerk").unwrap();
    Roles(&root).grant("clerk", ["/foo/*"], Access::ReadWrite).unwrap();
    Users(&root).add("anna", "secret").unwrap();
    Users(&root).grant("anna", ["clerk"]).unwrap();
    let anna = space.client.login(server.endpoint(), "anna", "secret");
    let send = |push: Push| anna.keys().send(push);

    // The directory is made by the first write that is allowed to.
    let first = send(Push::new("/foo/", "1")).unwrap();
    assert_eq!((first.kind().as_str(), first.value()), ("create", Some("1")));
    assert!(first.key().unwrap().starts_with("/foo/"), "{first:?}");
    assert_unauthorized(send(Push::new("/foo", "2")).map(drop));

    let prefixed = anna.keys_at("/v2/keys");
    let roots = [anna.keys().chroot("/foo/").unwrap(), anna.keys().chroot("/foo").unwrap()];
    for get in [Get::new("/foo/"), Get::new("/foo/").recursive(), Get::new("foo//").quorum()] {
        for keys in [anna.keys(), prefixed.clone()] {
            let listing = keys.send(get.clone()).unwrap();
            assert_eq!(
                (listing.key(), listing.node().unwrap().children().count()),
                (Some("/foo"), 1)
            );
        }
    }
    for (keys, key, allowed) in [
        (&roots[0], "", true),
        (&roots[0], "/", true),
        (&roots[1], "/", true),
        (&roots[1], "", false),
    ] {
        let listing = keys.send(Get::new(key).recursive());
        match listing {
            Ok(listing) if allowed => assert_eq!(listing.key(), Some("/")),
            listing => assert_unauthorized(listing.map(drop)),
        }
    }
    assert_unauthorized(get(&anna, "/foo"));
    assert_unauthorized(list(&anna, "/foo"));

    let after = first.index().unwrap() - 1;
    let wait = Wait::new("/foo/").recursive().after(after);
    assert_eq!(anna.keys().wait(wait.clone()).unwrap().node(), first.node());
    let mut watch = anna.keys().watch(wait);
    assert_eq!(watch.change().node(), first.node());
    let refused = anna.keys().watch(Wait::new("/foo").recursive().after(after)).next();
    assert_unauthorized(refused.unwrap().map(drop));

    let (copy, updates) = mirror(&space.used_by(anna.clone()), Get::new("/foo/"));
    let _driver = updates.drive();
    assert_eq!(synced(&copy).value(first.key().unwrap()), Some("1"));
    set(&anna, "/foo/file").unwrap();
    assert_eq!(watch.change().key(), Some("/foo/file"));
    let is_told = |snapshot: &Snapshot| snapshot.value("/foo/file") == Some("1");
    copy.wait_for(is_told).block_for(LONGEST).unwrap();
    assert!(copy.snapshot().get("/foo").is_some(), "it is kept by the key that the server tells");

    assert_unauthorized(anna.keys().send(Delete::new("/foo").recursive()).map(drop));
    let deleted = anna.keys().send(Delete::new("/foo/").recursive()).unwrap();
    assert_eq!((deleted.key(), deleted.kind().is_removal()), (Some("/foo"), true));
    assert_eq!(watch.change().node(), deleted.node());
    copy.wait_for(|snapshot: &Snapshot| snapshot.is_empty()).block_for(LONGEST).unwrap();
    assert!(root.send(Get::new("/foo")).unwrap_err().is_key_not_found());
    // The same by name and without children.
    anna.keys().send(Set::mkdir("/foo/")).unwrap();
    anna.keys().send(Delete::new("/foo/").directory()).unwrap();
}

/// Every kind of write, to a file in a directory that has one with this index.
fn writes(client: &Client, directory: &str, index: u64) -> Vec<Result<(), Error>> {
    let at = |name: &str| format!("{directory}/{name}");
    let set = |request: Set| client.keys().send(request).map(drop);
    vec![
        set(Set::create(at("new"), "1")),
        set(Set::mkdir(at("directory"))),
        set(Set::update(at("new"), "2")),
        set(Set::new(at("new"), "3").if_value("2")),
        set(Set::new(at("file"), "2").if_index(index)),
        client.keys().send(Push::new(at("queue"), "1")).map(drop),
        client.keys().send(Delete::new(at("new"))).map(drop),
        client.keys().send(Delete::new(at("queue")).recursive()).map(drop),
    ]
}

fn a_role_counts_for_every_kind_of_request(space: &Space) {
    let (server, root) = guarded(space);
    Roles(&root).remove("guest").unwrap();
    Roles(&root).add("clerk").unwrap();
    Roles(&root).grant("clerk", ["/open/*"], Access::ReadWrite).unwrap();
    Roles(&root).grant("clerk", ["/shown/*"], Access::Read).unwrap();
    Users(&root).add("anna", "secret").unwrap();
    Users(&root).grant("anna", ["clerk"]).unwrap();
    let index = |directory: &str| {
        let file = root.keys().send(Set::new(format!("{directory}/file"), "1")).unwrap();
        file.index().unwrap()
    };
    let (open, shown, hidden) = (index("/open"), index("/shown"), index("/hidden"));

    let anna = space.client.login(server.endpoint(), "anna", "secret");
    for write in writes(&anna, "/open", open) {
        write.unwrap();
    }
    for (directory, index) in [("/shown", shown), ("/hidden", hidden)] {
        let before = root.send(Get::new(directory).recursive()).unwrap();
        for write in writes(&anna, directory, index) {
            assert_unauthorized(write);
        }
        let after = root.send(Get::new(directory).recursive()).unwrap();
        assert_eq!(after.node(), before.node(), "nothing was written to {directory}");
    }

    // Watches are reads.
    for (file, index) in [("/open/file", open), ("/shown/file", shown)] {
        let wait = Wait::new(file).after(index - 1);
        assert_eq!(anna.keys().wait(wait.clone()).unwrap().index(), Some(index));
        assert_eq!(anna.keys().watch(wait).change().index(), Some(index));
    }
    let wait = Wait::new("/hidden/file").after(hidden - 1);
    assert_unauthorized(anna.keys().wait(wait.clone()).map(drop));
    let mut watch = anna.keys().watch(wait);
    assert_unauthorized(watch.next().unwrap().map(drop));
    assert!(watch.next().is_none(), "asking again would not help");

    // When nobody is asked who he is, all may do all.
    Auth(&root).disable().unwrap();
    set(&anna, "/hidden/file").unwrap();
    set(&guest(space, server.endpoint()), "/hidden/file").unwrap();
}

fn passwords_are_changed_only_by_those_who_mean_to(space: &Space) {
    let (server, root) = guarded(space);
    Roles(&root).remove("guest").unwrap();
    set(&root, "/file").unwrap();
    let users = Users(&root);
    users.add("anna", "first").unwrap();
    Roles(&root).add("reader").unwrap();
    Roles(&root).grant("reader", ["/file"], Access::Read).unwrap();
    users.grant("anna", ["reader"]).unwrap();
    let anna =
        |password: &str| get(&space.client.login(server.endpoint(), "anna", password), "/file");
    anna("first").unwrap();

    assert!(users.add("anna", "second").unwrap_err().is_conflict());
    assert!(users.add_with_roles("anna", "second", ["root"]).unwrap_err().is_conflict());
    anna("first").unwrap();
    assert_unauthorized(anna("second"));

    users.change_password("anna", "second").unwrap();
    anna("second").unwrap();
    assert_unauthorized(anna("first"));

    assert!(users.change_password("berta", "first").unwrap_err().is_user_not_found());
    assert_eq!(users.list().unwrap(), ["anna", "root"]);
}

fn only_root_may_administrate(space: &Space) {
    let (server, root) = guarded(space);
    Users(&root).add("anna", "secret").unwrap();
    let endpoint = server.endpoint();
    let login = |user, password| space.client.login(endpoint, user, password);
    for client in [guest(space, endpoint), login("anna", "secret"), login("root", "wrong")] {
        assert_unauthorized(Auth(&client).disable());
        assert_unauthorized(Users(&client).list().map(drop));
        assert_unauthorized(Users(&client).add("berta", "secret").map(drop));
        assert_unauthorized(Users(&client).change_password("anna", "other").map(drop));
        assert_unauthorized(Users(&client).add_with_roles("berta", "secret", ["root"]).map(drop));
        assert_unauthorized(Roles(&client).list().map(drop));
        assert_unauthorized(Roles(&client).add("role"));
        assert_unauthorized(Members(&client).remove("beef"));
    }
    let another = endpoint.replace("http://", &format!("http://root:{ROOT}@"));
    assert_eq!(Users(&guest(space, &another)).list().unwrap(), ["anna", "root"]);
}
