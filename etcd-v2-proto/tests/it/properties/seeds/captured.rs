//! Seeds out of what real servers answered.

use std::sync::LazyLock;

use super::{Seed, Seeds};
use crate::documents::{Row, whole_rows};

/// Which captures of the keys API, and which refusals, are seeds for the corpora; the tests replay them all.
const CAPTURES: [&str; 24] = [
    "auth_kv_guest_get",
    "auth_kv_guest_get_denied",
    "c3_dir_listing_negative_ttl",
    "c3_noquorum_put_immediate",
    "cad_ok",
    "cas_both_fail",
    "get_file",
    "get_missing",
    "get_queue_sorted",
    "host_whitelist_rejected",
    "key_unicode_get",
    "members_post_duplicate_peerurl",
    "nov2_get",
    "novalue_set",
    "post_inorder_ttl",
    "proxy_double_slash",
    "proxydead_get",
    "proxyro_put",
    "set_existing",
    "ttl_zero",
    "v2v3_ttl",
    "val_html",
    "watch_401_cleared",
    "watch_expire",
];

/// Which captures of the smaller APIs are.
const SMALLER: [&str; 27] = [
    "auth_role_get_root",
    "auth_role_grant_rw",
    "auth_roles_list",
    "auth_status_on",
    "auth_user_add_bob_with_roles_again",
    "auth_user_change_pw_missing_creates",
    "auth_user_delete",
    "auth_user_get_as_alice",
    "auth_user_grant",
    "auth_users_empty",
    "auth_users_list",
    "c3_health_right_after_leader_kill",
    "c3_machines",
    "c3_member_remove_again",
    "c3_member_update_via_follower",
    "c3_members_with_unstarted",
    "c3_noquorum_leader",
    "c3_noquorum_member_remove",
    "c3_stats_leader_on_follower",
    "health",
    "members_leader",
    "members_post_duplicate_peerurl",
    "nov2_members",
    "proxy_stats_self",
    "stats_leader_single",
    "stats_store_after",
    "version",
];

/// What is a seed for the corpora.
pub(super) fn is_chosen((name, _): &Seed) -> bool {
    CAPTURES.contains(&name.as_str())
}

/// What is one of the smaller APIs.
pub(super) fn is_chosen_as_smaller((name, _): &Seed) -> bool {
    SMALLER.contains(&name.as_str())
}

/// All captures, as the target for answers of the keys API reads them.
pub(in crate::properties) fn answers() -> &'static Seeds {
    static ANSWERS: LazyLock<Seeds> = LazyLock::new(|| whole_rows().map(answer).collect());
    &ANSWERS
}

fn answer(row: Row) -> Seed {
    let given = format!("{} {}", row.path, row.request_body());
    let conditional = given.contains("prevValue=") || given.contains("prevIndex=");
    let kind = match row.method.as_str() {
        "PUT" if row.path.contains("noValueOnSuccess") => "bare",
        "PUT" if given.contains("prevExist=false") => "create",
        "PUT" if conditional => "guarded",
        "PUT" if given.contains("refresh=true") => "refresh",
        "PUT" if given.contains("prevExist=true") => "update",
        "PUT" => "set",
        "POST" => "push",
        "DELETE" if conditional => "guarded-delete",
        "DELETE" => "delete",
        _ if row.path.contains("sorted=true") => "sorted",
        _ if row.path.contains("wait=true") => "wait",
        _ if row.path.contains("quorum=true") => "quorum",
        _ => "get",
    };
    told(kind, row)
}

/// The captures of the smaller APIs, as their target reads them.
pub(in crate::properties) fn smaller() -> &'static Seeds {
    static ANSWERS: LazyLock<Seeds> =
        LazyLock::new(|| whole_rows().filter_map(smaller_answer).collect());
    &ANSWERS
}

fn smaller_answer(row: Row) -> Option<Seed> {
    let path = row.path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let kind = match (row.method.as_str(), segments.as_slice()) {
        ("GET", ["version"]) => "version",
        ("GET", ["health"]) => "health",
        ("GET", ["v2", "machines"]) => "machines",
        ("GET", ["v2", "members"]) => "members",
        ("GET", ["v2", "members", "leader"]) => "leader",
        ("POST", ["v2", "members"]) => "member",
        ("PUT", ["v2", "members", ..]) => "update",
        ("DELETE", ["v2", "members", ..]) => "remove",
        ("GET", ["v2", "stats", "self"]) => "self",
        ("GET", ["v2", "stats", "store"]) => "store",
        ("GET", ["v2", "stats", "leader"]) => "followers",
        ("GET", ["v2", "auth", "enable"]) => "auth",
        (_, ["v2", "auth", "enable"]) => "enable",
        ("GET", ["v2", "auth", "users"]) => "users",
        ("GET", ["v2", "auth", "users", _]) => "user",
        ("PUT", ["v2", "auth", "users", _]) if row.status == Some(201) => "put-user",
        ("PUT", ["v2", "auth", "users", _]) => "grant",
        ("GET", ["v2", "auth", "roles"]) => "roles",
        ("GET", ["v2", "auth", "roles", _]) => "role",
        ("PUT", ["v2", "auth", "roles", _]) => "role-grant",
        (_, ["v2", "auth", ..]) => "remove",
        _ => return None,
    };
    Some(told(kind, row))
}

/// What the servers said of their members, as told by an endpoint of each kind.
pub(super) fn memberships() -> impl Iterator<Item = Seed> {
    let rows = whole_rows().filter(|row| {
        row.status == Some(200) && ["/v2/members", "/v2/machines"].contains(&row.path.as_str())
    });
    let told = |row: Row| {
        (0..4_u8).map(move |setup| {
            let seed = [&[setup], row.response_body.as_bytes()].concat();
            (format!("{}_{setup}", row.name), seed)
        })
    };
    rows.flat_map(told)
}

/// An answer, and the kind of the request that it is one to.
fn told(kind: &str, row: Row) -> Seed {
    let mut text = format!("{kind} {}\n", row.status.unwrap());
    let path = row.path.split('?').next().unwrap_or_default();
    if let Some(key) = path.strip_prefix("/v2/keys") {
        text.push_str(&format!("key: {key}\n"));
    }
    for (name, value) in &row.response_headers {
        if name.starts_with('X') || name == "Location" {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    (row.name, format!("{text}\n{}", row.response_body).into_bytes())
}

/// The refusals, as the target for their bodies reads them.
pub(super) fn refusals() -> impl Iterator<Item = Seed> {
    let refusals = whole_rows().filter(|row| row.status.unwrap() >= 300);
    refusals.map(|row| {
        let text = format!("{}\n{}", row.status.unwrap(), row.response_body);
        (row.name, text.into_bytes())
    })
}

/// The paths of the captures, as the target for keys reads them.
pub(super) fn key_texts() -> impl Iterator<Item = Seed> {
    let rows = whole_rows().filter(|row| row.name.starts_with("key_"));
    rows.map(|row| {
        let key = row.path.trim_start_matches("/v2/keys").as_bytes();
        (row.name, percent_encoding::percent_decode(key).collect())
    })
}
