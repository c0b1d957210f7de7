//! Seeds that are made up.

/// Pairs of what is said and how, after the kind of the request and the setup.
pub(super) const EVENTS: [(&str, &[u8]); 15] = [
    ("get_answered", &[0, 0, 1, 0, 3, 0, 5, 0]),
    ("get_in_two_pieces", &[0, 0, 1, 0, 3, 1, 0, 5, 3, 2, 5, 0]),
    ("get_after_a_pause", &[0, 1, 6, 0, 6, 0, 9, 20, 1, 0, 3, 0, 5, 0]),
    ("get_asked_again", &[0, 0, 6, 1, 1, 0, 3, 0, 5, 0]),
    ("set_not_sent", &[2, 1, 6, 0, 1, 2, 3, 0, 5, 0]),
    ("set_lost", &[2, 2, 6, 1, 1, 0, 3, 0, 5, 0]),
    ("set_abandoned", &[2, 1, 0, 1, 1, 0, 3, 0, 5, 0]),
    ("set_read_only_first", &[2, 1, 1, 13, 5, 0, 1, 2, 3, 0, 5, 0]),
    ("set_stopped_in_a_refusal", &[2, 0, 1, 7, 8, 0]),
    ("push_cut_off", &[4, 1, 1, 2, 3, 1, 6, 1]),
    ("delete_redirected", &[5, 1, 1, 22, 1, 0, 3, 0, 5, 0]),
    ("watch_cut_off", &[7, 0, 1, 47, 3, 1, 6, 1, 9, 200, 1, 0]),
    ("watch_twice", &[7, 1, 1, 0, 3, 0, 5, 0, 0, 0, 1, 0, 3, 1, 3, 2, 5, 0, 0, 0]),
    ("watch_from_now_of_all_below", &[31, 1, 1, 0, 3, 0, 5, 0, 1, 0, 4, 45, 5, 0, 1, 0]),
    (
        "watch_streams",
        &[63, 0, 1, 0, 3, 0, 5, 0, 0, 0, 1, 0, 4, 8, 0, 0, 4, 13, 0, 0, 3, 1, 6, 1, 9, 200, 1, 0],
    ),
];

/// Texts with NUL between them: a user name, a password, and one for everything else.
pub(super) const HEADS: [(&str, &str); 8] = [
    ("plain", "root\0hunter2\0inventory/1.0"),
    ("lines", "root\r\nX: y\0a\r\nb\0a\r\nX: y"),
    ("colons", "a:b\0c:d\0e:f"),
    ("letters", "\u{e9}\0\u{1f980}\0\u{85}\u{2028}"),
    ("numbers", "one\0two\0deadbeef"),
    ("slashes", "a/b\0..\0../members/%2e%2e"),
    ("a_peer", "a\0b\0http://10.0.0.1:2380"),
    ("a_peer_with_a_user", "a\0b\0http://root:hunter2@10.0.0.1:2380"),
];

/// User names and passwords.
pub(super) const SECRETS: [(&str, &str); 7] = [
    ("plain", "root\0swordfish"),
    ("commas", "root\0hunter2,swordfish"),
    ("signs", "anna\0a@b/c?d#e:f"),
    ("quotes", "o'neill\0\"a'b\\c\""),
    ("letters", "\u{e9}\0\u{1f980}\u{1f980}\u{1f980}\u{1f980}\u{1f980}\u{1f980}"),
    ("escapes", "root\0%73%65cret\0"),
    ("brackets", "root\0[::1]:2379/"),
];

/// Targets of redirects, after a byte for the endpoints and the policy, and one for the request.
pub(super) const LOCATIONS: [(&str, u8, u8, &str); 20] = [
    ("relative", 0, 0, "b"),
    ("absolute_path", 1, 5, "/v2/keys/b?x=1#y"),
    ("at_home", 1, 9, "http://c:3/v2/keys/b"),
    ("other_port", 0, 13, "http://a:2/v2/keys/k"),
    ("other_port_allowed", 4, 14, "http://a:2/v2/keys/k"),
    ("other_host", 4, 3, "https://elsewhere/"),
    ("no_scheme", 4, 2, "//elsewhere/x"),
    ("step_down", 2, 0, "http://b:2/v2/keys/x"),
    ("step_down_abroad", 6, 1, "http://elsewhere"),
    ("default_port", 3, 0, "https://[::1]/"),
    ("user", 0, 1, "http://root:sesame@a:1/"),
    ("user_abroad", 4, 1, "http://eve:mallory@elsewhere:1/"),
    ("user_of_the_host", 4, 0, "http://a:1@elsewhere/"),
    ("backslashes", 4, 0, "\\\\elsewhere\\x"),
    ("one_slash", 4, 0, "http:/elsewhere"),
    ("tabs", 4, 0, "ht\ttp://else\twhere/"),
    ("dots", 0, 0, "/../../x/./../v2/members/1"),
    ("other_scheme", 4, 0, "ftp://a:1/"),
    ("wide_letters", 4, 0, "http://\u{ff41}:1/\u{e9}"),
    (
        "long",
        4,
        0,
        "http://elsewhere/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?yyyyyyyy",
    ),
];

/// Lists of members that lead nowhere, or astray.
pub(super) const MEMBERS: [(&str, &str); 12] = [
    ("loopback", r#"["http://127.0.0.1:2379","http://[::1]:2379","http://localhost:2379"]"#),
    ("nowhere", r#"["http://0.0.0.0:2379","http://[::]:2379","http://[::ffff:0.0.0.0]:2379"]"#),
    ("numbers", r#"["http://2130706433:2379","http://0x7f.1:2379","http://0:2379"]"#),
    ("link_local", r#"["http://169.254.169.254","http://[fe80::1]:2379"]"#),
    ("schemes", r#"["ftp://10.0.0.1","unix:///run/etcd","file:///etc/passwd","HTTPS://10.0.0.1"]"#),
    ("users", r#"["http://root:secret@10.0.0.1:2379","root:secret@10.0.0.1"]"#),
    (
        "paths",
        r#"["http://10.0.0.1:2379/base","http://10.0.0.1:2379/v2/keys","http://a?b","http://a#b"]"#,
    ),
    ("texts", r#"["","  ","http://","10.0.0.1:2379","http://10.0.0.1:99999"," http://10.0.0.1 "]"#),
    ("doubles", r#"["http://10.0.0.1","http://10.0.0.1:80/","http://10.0.0.1:80"]"#),
    ("none", "[]"),
    ("null", "null"),
    ("dots", r#"["http://localhost.:2379","http://a\u3002example","http://127.1"]"#),
];

/// What goes wrong and what is written, in threes, after a byte that says what is watched.
pub(super) const WATCHES: [(&str, &[u8]); 12] = [
    ("told_as_it_happens", &[0, 0, 255, 15, 0, 0, 0, 0, 0, 1, 0, 0, 4]),
    ("from_the_history", &[8, 0, 64, 17, 0, 128, 33, 0, 8, 1]),
    ("a_stream", &[12, 0, 64, 17, 0, 0, 0, 0, 0, 1, 0, 64, 1, 15, 0, 3, 0, 0, 4]),
    ("history_gone", &[8, 1, 203, 47, 1, 203, 47, 1, 203, 47, 0, 0, 1]),
    ("history_gone_of_a_key", &[10, 0, 0, 0, 2, 203, 47, 1, 203, 47, 1, 203, 47, 0, 0, 0]),
    ("history_gone_of_a_directory", &[11, 0, 6, 10, 2, 10, 10, 1, 203, 47, 1, 203, 47, 0, 0, 0]),
    ("a_copy", &[8, 0, 0, 0, 0, 11, 0, 13, 64, 1, 0, 0, 3, 0, 0, 0, 0, 0, 1]),
    ("another_cluster", &[8, 0, 0, 0, 14, 64, 1, 0, 0, 3, 0, 0, 1]),
    ("a_lagging_member", &[8, 0, 0, 0, 0, 64, 1, 7, 0, 3, 9, 0, 15, 0, 0, 1]),
    ("silence", &[0, 0, 11, 15, 9, 11, 31, 9, 11, 31, 2, 0, 0, 9, 0, 15]),
    ("cuts", &[0, 0, 0, 0, 4, 0, 1, 4, 0, 3, 28, 0, 4, 5, 0, 0]),
    ("removed_above", &[11, 0, 0, 1, 0, 8, 12, 0, 8, 14, 0, 0, 1]),
];

/// What goes wrong and what is written, in threes.
pub(super) const MIRRORS: [(&str, &[u8]); 5] = [
    ("listed_and_changed", &[0, 64, 17, 0, 128, 33, 0, 8, 1]),
    ("history_gone", &[1, 203, 47, 2, 203, 47, 1, 203, 47, 0, 0, 1]),
    ("a_lagging_member", &[0, 64, 17, 5, 203, 47, 21, 64, 1, 0, 0, 3]),
    ("cuts_and_repetitions", &[3, 0, 0, 4, 0, 1, 3, 0, 3, 4, 8, 0]),
    ("a_directory_goes", &[0, 192, 17, 0, 8, 10, 0, 0, 1, 0, 8, 14]),
];

/// How much of the body comes, and an answer: the kind of the request, the status, headers and the body.
pub(super) const EVIDENCE: [(&str, &[u8]); 16] = [
    ("a_login_page", b"\xffset 200\nContent-Type: text/html\n\n<html>Sign in</html>"),
    ("a_login_page_for_a_guarded_write", b"\x10guarded 200\n\n<html>Sign in</html>"),
    ("nothing", b"\x00create 204\n\n"),
    ("nothing_with_an_index", b"\x00delete 200\nX-Etcd-Index: 7\n\n"),
    ("another_service", b"\x80set 200\n\n{\"node\":\"web-1\",\"status\":\"ok\"}"),
    ("an_error_response", b"\xffset 200\n\n{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/a\",\"index\":7}"),
    ("an_error_response_in_another_order", b"\xe0guarded 200\nX-Etcd-Index: 7\n\n{\"message\":\"Raft Internal Error\",\"errorCode\":300}"),
    ("an_error_code_of_others", b"\xffset 200\n\n{\"errorCode\":0,\"data\":{}}"),
    ("an_error_code_in_a_change", b"\xffset 200\n\n{\"action\":\"set\",\"errorCode\":100}"),
    ("an_action", b"\x30set 200\n\n{\"action\":\"set\",\"node\":{\"key\":\"/a\",\"value\":\"v\",\"modifiedIndex\":7}}"),
    ("an_action_of_another_write", b"\x60set 200\nX-Etcd-Index: 7\n\n{\"action\":\"delete\",\"node\":{\"key\":\"/a\"}}"),
    ("another_key", b"\xa0push 201\nX-Etcd-Index: 7\n\n{\"action\":\"create\",\"node\":{\"key\":\"/b/7\",\"value\":\"v\"}}"),
    ("a_member", b"\x90member 201\n\n{\"id\":\"1\",\"peerURLs\":[\"http://a:1\"]}"),
    ("a_removal", b"\x00remove 204\n\n"),
    ("a_removal_with_a_page", b"\xffremove-user 200\n\n<html>"),
    ("a_wrong_status", b"\x00enable 204\nX-Etcd-Cluster-Id: 7\n\n"),
];

/// The kind of the request, the form of the response, and the keys of both with the action.
pub(super) const KEY_CHECKS: [(&str, &[u8]); 14] = [
    ("get_the_same", b"\x00\x00/a/b\0/a/b\0get"),
    ("get_another", b"\x00\x00/a\0/other\0get"),
    ("slashes", b"\x01\x00a//b/\0/a/b/\0set"),
    ("a_name_that_begins_alike", b"\x01\x00/a/foo\0/a/foobar\0set"),
    ("the_root_without_a_key", b"\x00\x04/\0\0get"),
    ("a_key_without_one", b"\x03\x04/a\0\0update"),
    ("no_node_at_all", b"\x09\x08/a\0\0set"),
    ("no_node_of_another_action", b"\x09\x08/a\0\0delete"),
    ("update_for_a_swap", b"\x05\x00/a\0/a\0update"),
    ("a_child", b"\x06\x00/q\0/q/00000000000000000007\0create"),
    ("a_grandchild", b"\x06\x00/q\0/q/r/7\0create"),
    ("under_a_prefix", b"\x08\x01/a\0/tenant/a\0compareAndDelete"),
    ("under_a_root", b"\x02\x02/a\0/root/a\0create"),
    ("escapes", b"\x07\x00/a%2Fb \xc3\xa9\0/a%2Fb \xc3\xa9\0delete"),
];
