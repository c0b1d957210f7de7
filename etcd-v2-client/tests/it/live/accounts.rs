//! Users and roles, on a server that does not ask who they are.

use etcd_v2_client::auth::roles::Access;
use etcd_v2_client::{Error, Outcome};

use super::patience::until;
use super::space::Space;
use super::views::{Roles, Users};

both! {
    quiet, needs AUTH:
    a_role_is_made_filled_emptied_and_removed,
    a_role_is_made_once,
    a_user_gets_and_loses_roles,
    a_user_is_added_once,
    a_password_is_changed_only_if_there_is_a_user,
    a_user_with_roles_is_added_once,
    missing_users_and_roles_are_told_apart,
    names_may_have_any_letter_but_a_slash,
}

/// Everybody has names of their own, as the server is shared.
fn name(space: &Space, name: &str) -> String {
    format!("{}{name}", space.at("").replace('/', ""))
}

fn status(error: &Error) -> u16 {
    error.api().unwrap().status.as_u16()
}

fn a_role_is_made_filled_emptied_and_removed(space: &Space) {
    let roles = Roles(&space.client);
    let role = name(space, "");
    roles.add(&role).unwrap();
    assert!(listed(|| roles.list()).contains(&role));
    assert!(listed(|| roles.list()).contains(&"root".to_owned()));
    let kv = |role: &str| roles.get(role).unwrap().permissions.kv;
    assert_eq!((kv(&role).read.len(), kv(&role).write.len()), (0, 0));

    let granted = roles.grant(&role, ["/a/*"], Access::ReadWrite).unwrap();
    assert_eq!(granted.role, role);
    assert_eq!(granted.permissions.kv.write, ["/a/*"]);
    assert_eq!(roles.get(&role).unwrap(), granted);
    roles.grant(&role, ["/b"], Access::Read).unwrap();
    assert_eq!(kv(&role).read, ["/a/*", "/b"]);
    roles.grant(&role, ["/c"], Access::Write).unwrap();
    assert_eq!(kv(&role).write, ["/a/*", "/c"]);

    let error = roles.grant(&role, ["/b"], Access::Read).unwrap_err();
    assert_eq!((status(&error), error.outcome()), (409, Outcome::Rejected), "{error}");
    roles.revoke(&role, ["/a/*"], Access::Write).unwrap();
    assert_eq!((kv(&role).read.len(), kv(&role).write.len()), (2, 1));
    let error = roles.revoke(&role, ["/a/*"], Access::Write).unwrap_err();
    assert_eq!((status(&error), error.outcome()), (400, Outcome::Rejected), "{error}");

    roles.remove(&role).unwrap();
    assert!(!listed(|| roles.list()).contains(&role));
}

fn a_role_is_made_once(space: &Space) {
    let roles = Roles(&space.client);
    let role = name(space, "");
    roles.add(&role).unwrap();
    roles.grant(&role, ["/a"], Access::Read).unwrap();
    assert_eq!(status(&roles.add(&role).unwrap_err()), 409);
    assert_eq!(roles.get(&role).unwrap().permissions.kv.read, ["/a"], "it is as before");
    assert_eq!(status(&roles.add("root").unwrap_err()), 403);
    assert_eq!(status(&roles.remove("root").unwrap_err()), 403);
}

fn a_user_gets_and_loses_roles(space: &Space) {
    let (users, roles) = (Users(&space.client), Roles(&space.client));
    let (user, role) = (name(space, "user"), name(space, "role"));
    roles.add(&role).unwrap();
    let added = users.add(&user, "secret").unwrap();
    assert!(added.created);
    assert_eq!((&added.user.user, added.user.roles.len()), (&user, 0));
    assert!(listed(|| users.list()).contains(&user));
    assert_eq!(users.get(&user).unwrap(), added.user);

    let granted = users.grant(&user, [&*role]).unwrap();
    assert_eq!(granted.roles, [&*role]);
    assert_eq!(users.get(&user).unwrap(), granted);
    assert_eq!(status(&users.grant(&user, [&*role]).unwrap_err()), 409);
    assert_eq!(users.revoke(&user, [&*role]).unwrap().roles.len(), 0);
    assert_eq!(status(&users.revoke(&user, [&*role]).unwrap_err()), 409);

    users.remove(&user).unwrap();
    assert!(!listed(|| users.list()).contains(&user));
}

fn a_user_is_added_once(space: &Space) {
    let users = Users(&space.client);
    let user = name(space, "");
    assert!(users.add(&user, "secret").unwrap().created);
    let error = users.add(&user, "other").unwrap_err();
    assert!(error.is_conflict() && error.endpoint().is_some(), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(!error.may_have_applied() && !error.to_string().contains("other"), "{error}");
    users.remove(&user).unwrap();
    assert!(users.add(&user, "other").unwrap().created);
    let error = users.add(&user, "").unwrap_err();
    assert_ne!(error.outcome(), Outcome::Unknown, "{error}");
}

fn a_password_is_changed_only_if_there_is_a_user(space: &Space) {
    let users = Users(&space.client);
    let user = name(space, "");
    let error = users.change_password(&user, "secret").unwrap_err();
    assert!(error.is_user_not_found(), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(users.get(&user).unwrap_err().is_user_not_found(), "none was made");
    users.add(&user, "secret").unwrap();
    let changed = users.change_password(&user, "other").unwrap();
    assert!(!changed.created);
    assert_eq!(changed.user.user, user);
}

fn a_user_with_roles_is_added_once(space: &Space) {
    let users = Users(&space.client);
    let user = name(space, "");
    let added = users.add_with_roles(&user, "secret", ["guest"]).unwrap();
    assert_eq!(added.user.roles, ["guest"]);
    let error = users.add_with_roles(&user, "other", ["root"]).unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!((status(&error), error.outcome()), (409, Outcome::Rejected), "{error}");
}

fn missing_users_and_roles_are_told_apart(space: &Space) {
    let (users, roles) = (Users(&space.client), Roles(&space.client));
    let (user, role) = (name(space, "user"), name(space, "role"));
    for error in [
        users.get(&user).unwrap_err(),
        users.grant(&user, ["guest"]).unwrap_err(),
        users.revoke(&user, ["guest"]).unwrap_err(),
        users.change_password(&user, "secret").unwrap_err(),
        users.remove(&user).unwrap_err(),
    ] {
        assert!(error.is_user_not_found() && !error.is_role_not_found(), "{error}");
        assert!(!error.is_key_not_found() && !error.is_member_not_found(), "{error}");
        assert_eq!((status(&error), error.outcome()), (404, Outcome::Rejected));
    }
    for error in [
        roles.get(&role).unwrap_err(),
        roles.grant(&role, ["/a"], Access::Read).unwrap_err(),
        roles.revoke(&role, ["/a"], Access::Read).unwrap_err(),
        roles.remove(&role).unwrap_err(),
    ] {
        assert!(error.is_role_not_found() && !error.is_user_not_found(), "{error}");
        assert!(!error.is_key_not_found() && !error.is_member_not_found(), "{error}");
        assert_eq!((status(&error), error.outcome()), (404, Outcome::Rejected));
    }

    // A user may hold a role that does not exist, and cannot be shown then, but is there.
    users.add(&user, "secret").unwrap();
    users.grant(&user, [&*role]).unwrap();
    let error = users.get(&user).unwrap_err();
    assert!(error.is_role_not_found() && !error.is_user_not_found(), "{error}");
    assert!(users.add(&user, "other").unwrap_err().is_conflict());
    assert!(!users.change_password(&user, "other").unwrap().created);
    // The list of the users shows their roles, so it would stay broken.
    users.remove(&user).unwrap();
}

/// The names of all users, or of all roles. The server looks at them one by one, and fails if another test
/// removes one meanwhile.
fn listed(list: impl Fn() -> Result<Vec<String>, Error>) -> Vec<String> {
    let mut names = Vec::new();
    until("a list while nobody removes anything", || match list() {
        Err(error) if error.is_user_not_found() || error.is_role_not_found() => false,
        listed => {
            names = listed.unwrap();
            true
        }
    });
    names
}

fn names_may_have_any_letter_but_a_slash(space: &Space) {
    let (users, roles) = (Users(&space.client), Roles(&space.client));
    let strange = name(space, " ä%2F?#<&>\"");
    assert_eq!(users.add(&strange, "ü\"\\<&>").unwrap().user.user, strange);
    assert_eq!(users.get(&strange).unwrap().user, strange);
    assert!(listed(|| users.list()).contains(&strange));
    users.remove(&strange).unwrap();
    roles.add(&strange).unwrap();
    assert_eq!(roles.get(&strange).unwrap().role, strange);
    roles.remove(&strange).unwrap();
    for refused in ["", ".", "..", "a/b", "/"] {
        for error in [
            users.get(refused).unwrap_err(),
            users.add(refused, "secret").unwrap_err(),
            users.remove(refused).unwrap_err(),
            roles.get(refused).unwrap_err(),
            roles.add(refused).unwrap_err(),
            roles.remove(refused).unwrap_err(),
        ] {
            assert_eq!(error.outcome(), Outcome::NotSent, "{refused:?}: {error}");
        }
    }
}
