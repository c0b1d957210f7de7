//! Users over TLS: by password, and by the common name of their certificate.

use etcd_v2_client::auth::roles::Access;
use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::proto::tls::Tls;
use etcd_v2_client::{Error, Outcome};
use xtask::server::{Security, Server};

use super::{CA, Client, ETCD, SHOWN, Space, showing, trusting};
use crate::live::views::{Auth, Members, Roles, Server as Its, Users};

both! {
    mutual, needs AUTH:
    passwords_are_asked_for_over_tls,
}

both! {
    mutual, needs CERTIFICATE_USERS:
    a_certificate_is_as_good_as_a_password,
    a_password_outweighs_the_certificate,
}

const ROOT: &str = "rootpw";
const ANNA: &str = "annapw";

/// A server on which authentication is on, guests may do nothing, and anna may do everything below
/// `/open` and read `/shown`. `root` makes a client that is root's from then on.
fn guarded(security: Security<'_>, root: impl FnOnce(&str) -> Client) -> (Server, Client) {
    let server = Server::secured(&ETCD, security).unwrap();
    let root = root(server.endpoint());
    let (users, roles) = (Users(&root), Roles(&root));
    roles.add("clerk").unwrap();
    roles.grant("clerk", ["/open/*"], Access::ReadWrite).unwrap();
    roles.grant("clerk", ["/shown"], Access::Read).unwrap();
    users.add("anna", ANNA).unwrap();
    users.grant("anna", ["clerk"]).unwrap();
    users.add("root", ROOT).unwrap();
    Auth(&root).enable().unwrap();
    roles.remove("guest").unwrap();
    root.send(Set::new("/shown", "1")).unwrap();
    (server, root)
}

/// The settings of somebody who shows a certificate with this common name.
fn called(name: &str) -> Tls {
    showing(&CA.for_user(name).unwrap())
}

/// A client with these settings, and with user information such as `anna:secret@` in its endpoint.
fn client(space: &Space, endpoint: &str, information: &str, tls: Tls) -> Client {
    let endpoint = endpoint.replace("https://", &format!("https://{information}"));
    space.client.secured([endpoint], tls).patient()
}

fn assert_unauthorized<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(![ROOT, ANNA].iter().any(|secret| format!("{error:?} {error}").contains(secret)));
}

fn assert_is_anna(client: &Client) {
    let written = client.send(Set::new("/open/file", "1")).unwrap();
    assert_eq!(client.send(Get::new("/open/file")).unwrap().node(), written.node());
    assert_eq!(client.send(Get::new("/shown")).unwrap().value(), Some("1"));
    let wait = Wait::new("/open/file").after(written.index().unwrap() - 1);
    assert_eq!(client.keys().wait(wait).unwrap().node(), written.node());
    assert_unauthorized(client.send(Set::new("/shown", "2")));
    assert_unauthorized(client.send(Set::new("/hidden", "1")));
    assert_unauthorized(client.send(Get::new("/").recursive()));
    assert_unauthorized(Users(client).list());
}

fn assert_is_root(client: &Client) {
    client.send(Set::new("/hidden", "1")).unwrap();
    assert_eq!(Users(client).list().unwrap(), ["anna", "root"]);
    Users(client).add("berta", "secret").unwrap();
    Users(client).remove("berta").unwrap();
}

fn assert_is_nobody(client: &Client) {
    assert_unauthorized(client.send(Get::new("/open/file")));
    assert_unauthorized(client.send(Set::new("/open/file", "1")));
    assert_unauthorized(Users(client).list());
    // Who the members are is no secret.
    assert_eq!(Members(client).list().unwrap().len(), 1);
}

fn passwords_are_asked_for_over_tls(space: &Space) {
    let (server, root) = guarded(Security::showing(&SHOWN), |endpoint| {
        client(space, endpoint, &format!("root:{ROOT}@"), trusting())
    });
    let as_user = |information: &str| client(space, server.endpoint(), information, trusting());
    assert_is_root(&root);
    assert_is_anna(&as_user(&format!("anna:{ANNA}@")));
    for information in ["", "anna:wrong@", "root:wrong@", "nobody:wrong@"] {
        assert_is_nobody(&as_user(information));
    }
    // What was learned is asked as the same user, and as securely.
    Its(&root).sync().unwrap();
    assert_eq!(root.endpoints(), [server.endpoint()]);
    assert_is_root(&root);
}

fn a_certificate_is_as_good_as_a_password(space: &Space) {
    let (server, root) = guarded(Security::showing(&SHOWN).admitting(&CA), |endpoint| {
        client(space, endpoint, "", called("root"))
    });
    assert_is_root(&root);
    assert_is_anna(&client(space, server.endpoint(), "", called("anna")));
    assert_is_nobody(&client(space, server.endpoint(), "", called("carl")));
    Auth(&root).disable().unwrap();
    client(space, server.endpoint(), "", called("carl")).send(Set::new("/hidden", "2")).unwrap();
}

fn a_password_outweighs_the_certificate(space: &Space) {
    let (server, _) = guarded(Security::showing(&SHOWN).admitting(&CA), |endpoint| {
        client(space, endpoint, "", called("root"))
    });
    let anna = format!("anna:{ANNA}@");
    assert_is_anna(&client(space, server.endpoint(), &anna, called("root")));
    assert_is_root(&client(space, server.endpoint(), &format!("root:{ROOT}@"), called("anna")));
    assert_is_nobody(&client(space, server.endpoint(), "anna:wrong@", called("root")));
}
