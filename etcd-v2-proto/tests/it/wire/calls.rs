//! The calls of the rows, made with this crate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::auth::roles::{self, Access};
use etcd_v2_proto::auth::{self, users};
use etcd_v2_proto::keys::{Delete, Get, KeysRequest, Push, Set, Wait};
use etcd_v2_proto::server::GetVersion;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Error, ErrorKind, Exchange, Policy, Request,
    members,
};

use super::{Call, Sent};

/// Rows that cannot be said in Rust, and why.
pub(super) const INEXPRESSIBLE: &[(&str, &str)] = &[
    ("get_invalid_utf8", "a key is a string, and a string is UTF-8"),
    ("set_ttl_negative", "a Duration has no sign"),
];

const ENDPOINT: &str = "http://127.0.0.1:23201";

/// Every row that can be called, by name, with what it comes to.
pub(super) fn calls() -> Vec<(&'static str, Call)> {
    let seconds = Duration::from_secs;
    let set = || Set::new("/foo", "bar");
    vec![
        ("get_default", get("/foo")),
        ("get_noslash", get("foo")),
        ("get_all_opts", call(Get::new("/foo").recursive().sorted().quorum())),
        ("get_root", get("/")),
        ("get_empty_key", get("")),
        ("get_trailing_slash", get("/foo/")),
        ("get_double_slash", get("//a//b")),
        ("get_dotdot", get("/a/../b")),
        ("get_escape_prefix", get("/../members")),
        ("get_dot", get("/./a/.")),
        ("get_space", get("/a b")),
        ("get_percent", get("/100%")),
        ("get_percent41", get("/a%41")),
        ("get_pct2F", get("/a%2Fb")),
        ("get_question", get("/a?b=c")),
        ("get_hash", get("/a#b")),
        ("get_plus", get("/a+b")),
        ("get_reserved", get("/:@&=$,;!'()*~-_.")),
        ("get_unsafe", get("/\"<>[]\\^`{|}")),
        ("get_unicode", get("/你好/é")),
        ("get_ctrl", get("/\u{1}\n\u{7f}")),
        ("set_default", call(set())),
        ("set_empty_value", call(Set::new("/foo", ""))),
        ("set_value_encoding", call(Set::new("/foo", "a b+c&d=e%f/ü~*-_.!'()\n"))),
        ("set_ttl", call(set().ttl(seconds(180)))),
        ("set_ttl_1500ms", call(set().ttl(Duration::from_millis(1500)))),
        ("set_ttl_500ms", call(set().ttl(Duration::from_millis(500)))),
        ("set_all", {
            let all = set().ttl(seconds(60)).no_value_on_success();
            call(all.if_exists().if_index(12).if_value("p v+&"))
        }),
        ("set_refresh", call(Set::refresh("/foo", seconds(180)))),
        ("set_refresh_with_value", call(Set::refresh("/foo", seconds(180)).value("v"))),
        ("set_dir", call(Set::new("/d", "ignored").directory())),
        ("set_dir_ttl_prevexist", {
            call(Set::new("/d", "").directory().ttl(seconds(30)).if_exists())
        }),
        ("set_dir_prevvalue_ignored", {
            call(Set::new("/d", "").directory().if_value("x").if_index(7))
        }),
        ("set_novalue", call(set().no_value_on_success())),
        ("create", call(Set::create("/foo", "bar"))),
        ("update", call(Set::update("/foo", "bar"))),
        ("create_in_order", call(Push::new("/q", "v"))),
        ("create_in_order_ttl", call(Push::new("/q", "v").ttl(seconds(60)))),
        ("delete", call(Delete::new("/foo"))),
        ("delete_all", {
            let delete = Delete::new("/foo").if_value("bar baz").if_index(12);
            call(delete.directory().recursive())
        }),
        ("delete_escape_prefix", call(Delete::new("/../members/deadbeef"))),
        ("watch_first", call(Wait::new("/foo"))),
        ("watch_second", call(Wait::new("/foo").after(4))),
        ("watch_after19_recursive", call(Wait::new("/foo").after(19).recursive())),
        ("watch_after_maxuint", call(Wait::new("/foo").after(u64::MAX))),
        ("prefix_noslash", call(Get::new("foo").with_prefix("pfx"))),
        ("ep_path_get", send("http://127.0.0.1:23201/base", None, Get::new("/foo"))),
        ("ep_path_members", send("http://127.0.0.1:23201/base", None, members::List::default())),
        ("ep_path_slash_get", send("http://127.0.0.1:23201/base/", None, Get::new("/foo"))),
        (
            "ep_path_slash_members",
            send("http://127.0.0.1:23201/base/", None, members::List::default()),
        ),
        ("ep_query_get", send("http://127.0.0.1:23201/?x=1&a=2", None, Get::new("/foo"))),
        (
            "ep_query_members",
            send("http://127.0.0.1:23201/?x=1&a=2", None, members::List::default()),
        ),
        ("ep_fragment_get", send("http://127.0.0.1:23201#frag", None, Get::new("/foo"))),
        (
            "ep_fragment_members",
            send("http://127.0.0.1:23201#frag", None, members::List::default()),
        ),
        ("ep_userinfo_get", send("http://user:p%40ss@127.0.0.1:23201", None, Get::new("/foo"))),
        (
            "ep_userinfo_members",
            send("http://user:p%40ss@127.0.0.1:23201", None, members::List::default()),
        ),
        ("ep_hostonly_get", send("localhost:23201", None, Get::new("/foo"))),
        ("ep_hostonly_members", send("localhost:23201", None, members::List::default())),
        ("basic_auth_get", send(ENDPOINT, Some(("root", "pä:ss")), Get::new("/foo"))),
        ("basic_auth_empty_user", send(ENDPOINT, Some(("", "x")), Get::new("/foo"))),
        ("get_version", call(GetVersion::default())),
        ("members_list", call(members::List::default())),
        ("members_leader", call(members::Leader::default())),
        ("members_add", call(members::Add::new(["http://10.0.0.1:2380"]))),
        ("members_add_bad", call(members::Add::new(["10.0.0.1:2380"]))),
        ("members_add_spaces", call(members::Add::new([" http://10.0.0.1:2380 "]))),
        ("members_update", call(members::Update::new("abcd", ["http://b:2", "http://a:1"]))),
        ("members_remove", call(members::Remove::new("abcd"))),
        ("members_remove_empty", call(members::Remove::new(""))),
        ("members_remove_dotdot", call(members::Remove::new("../keys/foo"))),
        ("curl_member_add", call(members::Add::new(["http://10.0.0.1:2380"]))),
        ("auth_enable", call(auth::Enable::default())),
        ("auth_disable", call(auth::Disable::default())),
        ("user_list", call(users::List::default())),
        ("user_get", call(users::Get::new("alice"))),
        ("user_add", call(users::Put::new("alice", "pw"))),
        ("user_add_empty_pw", call(users::Put::new("alice", ""))),
        ("user_add_html", call(users::Put::new("al<&>ice", "p\"w"))),
        ("user_remove", call(users::Remove::new("alice"))),
        ("user_remove_empty", call(users::Remove::new(""))),
        ("user_grant", call(users::Grant::new("alice", ["r1", "r2"]))),
        ("user_grant_none", call(users::Grant::new("alice", [""; 0]))),
        ("user_revoke", call(users::Revoke::new("alice", ["r1"]))),
        ("user_chpw", call(users::Put::new("alice", "pw2"))),
        ("user_dotdot", call(users::Get::new("../../keys/x"))),
        ("curl_user", call(users::Put::new("alice", "secret"))),
        ("role_list", call(roles::List::default())),
        ("role_get", call(roles::Get::new("r"))),
        ("role_add", call(roles::Add::new("r"))),
        ("role_remove", call(roles::Remove::new("r"))),
        ("role_grant_rw", call(roles::Grant::new("r", ["/a*", "/b"], Access::ReadWrite))),
        ("role_grant_r", call(roles::Grant::new("r", ["/a*"], Access::Read))),
        ("role_revoke_w", call(roles::Revoke::new("r", ["/a*"], Access::Write))),
        ("curl_set", call(Set::new("/a b", "x \"y\"\n é").if_value("q"))),
        ("curl_get", send(ENDPOINT, Some(("root", "pä:ss")), Get::new("/foo"))),
        ("curl_delete", call(Delete::new("/foo"))),
    ]
}

fn get(key: &str) -> Call {
    call(Get::new(key))
}

fn call(request: impl Request) -> Call {
    send(ENDPOINT, None, request)
}

/// What an exchange asks its driver to send first.
pub(super) fn send(endpoint: &str, user: Option<(&str, &str)>, request: impl Request) -> Call {
    try_send(endpoint, user, request).map_err(|error| match error.kind() {
        ErrorKind::Invalid(invalid) => invalid.field.to_owned(),
        other => panic!("{other}"),
    })
}

fn try_send(
    endpoint: &str,
    user: Option<(&str, &str)>,
    request: impl Request,
) -> Result<Sent, Error> {
    let mut cluster = Cluster::parse([endpoint])?;
    if let Some((user, password)) = user {
        cluster = cluster.with_credentials(Credentials::new(user, password)?)?;
    }
    let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
    let mut exchange = Exchange::new(request, cluster.route(), policy, 1, now);
    match exchange.poll(now) {
        Action::Send { request, .. } => Ok(sent(&request)),
        Action::Finish(Err(error)) => Err(error),
        _ => panic!("neither sending nor refusing"),
    }
}

fn sent(request: &http::Request<bytes::Bytes>) -> Sent {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: BTreeMap<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
        .collect();
    assert_eq!(headers.len(), request.headers().len(), "a header twice");
    assert_eq!(request.uri().authority().unwrap().as_str(), headers["host"]);
    Sent {
        method: request.method().to_string(),
        target: request.uri().path_and_query().unwrap().to_string(),
        headers,
        body: text(request.body()),
    }
}
