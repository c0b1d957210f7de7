//! What is left out, said otherwise, or told otherwise than the Go client does, by name.

use super::go::Difference;

/// Why a row is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The server closed the connection without an answer.
    NoAnswer,
    /// The capture stopped before the answer was complete.
    Incomplete,
    /// A long text was shortened for the record.
    Shortened,
}

/// The rows that are not decoded.
pub(super) const SKIPPED: &[(Why, &[&str])] = &[
    (Why::NoAnswer, &["key_del_raw_space", "proxy_watch", "uri_1_1MB"]),
    (
        Why::Incomplete,
        &[
            "c3_noquorum_watch_missed",
            "c3_watch_on_killed_leader",
            "c3_watch_sigterm_follower",
            "watch_implicit_parent_dir",
            "watch_nonrecursive_dir_child_event",
            "watch_recursive_hidden_live",
            "watch_stream",
            "watch_stream_history",
        ],
    ),
    (
        Why::Shortened,
        &[
            "cas_in_body_long_prevvalue",
            "val_long_key",
            "value_10MiB_form_exact",
            "value_11MiB_form",
            "value_1_5MB",
            "value_1_6MB",
            "value_2MB_over_max_request_bytes",
            "value_just_under_10MiB_form",
        ],
    ),
];

/// The rows whose requests this crate refuses to send, with the field that is refused and why. Their
/// answers are given to another request of the same kind.
pub(super) const UNSAYABLE: &[(&str, &str, &str)] = &[
    ("cad_empty_prevvalue", "prevValue", "etcd cannot compare with an empty value"),
    ("cas_prevvalue_empty", "prevValue", "etcd cannot compare with an empty value"),
    ("set_prevvalue_with_dir", "prevValue", "a directory has no value to compare"),
    ("cas_previndex_zero", "prevIndex", "etcd takes 0 for no condition"),
    ("cas_prevexist_false_and_value", "prevExist", "etcd would ignore the value"),
    ("key_dot", "key", "a dot is a way and no name"),
    ("key_dotdot_end", "key", "two dots are a way and no name"),
    ("ttl_zero", "ttl", "the key would be gone at once"),
    ("ttl_huge_overflow_duration", "ttl", "the server's arithmetic would overflow"),
    ("members_post_no_urls", "peer URLs", "nobody could reach the member"),
    ("members_post_no_port", "peer URL", "etcd wants a port"),
    ("members_post_path", "peer URL", "etcd wants no path"),
    ("members_delete_bad_id", "member id", "it is no number"),
    ("auth_user_empty_pw", "password", "etcd wants one"),
    ("auth_user_colon", "user name", "nobody could log in as that"),
];

/// Where the Go client has something else.
pub(super) const DIFFERENCES: &[(Difference, &[&str])] = &[
    (
        Difference::ServerErrorIsTold,
        &[
            "c3_member_add_dup_peerurl",
            "c3_member_add_unhealthy",
            "c3_noquorum_auth_user_put",
            "c3_noquorum_create",
            "c3_noquorum_delete",
            "c3_noquorum_leader",
            "c3_noquorum_member_remove",
            "c3_noquorum_member_update",
            "c3_noquorum_put_immediate",
            "c3_noquorum_qget_immediate",
            "members_delete_self_single",
            "proxydead_get",
            "proxyro_put",
            "v2v3_ttl",
        ],
    ),
    (
        Difference::StrangerIsTold,
        &[
            "auth_users_delete",
            "host_whitelist_rejected",
            "key_bad_pct",
            "nov2_get",
            "nov2_put",
            "version_post",
        ],
    ),
    (
        Difference::MessageIsKept,
        &[
            "auth_members_delete_alice",
            "auth_members_delete_noauth",
            "auth_members_post_noauth",
            "auth_roles_noauth",
            "c3_member_get_by_id",
            "members_delete_bad_id",
            "members_delete_no_id",
            "members_delete_no_id_slash",
            "members_post_no_ct",
            "members_post_no_port",
            "members_post_no_urls",
            "members_post_nojson_ct",
            "members_post_path",
            "members_put_no_id",
            "members_unknown_get",
            "nov2_members",
            "nov2_members_leader",
        ],
    ),
    (Difference::CreationIsSuccess, &["auth_user_change_pw_missing_creates", "auth_user_colon"]),
    (Difference::GoneIsRefusal, &["c3_member_remove_again"]),
    (
        Difference::RootHasName,
        &["auth_kv_guest_get", "c3_dir_listing_negative_ttl", "ttl_dir_get_parent", "v2v3_root"],
    ),
];
