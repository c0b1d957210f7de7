//! What holds for any input at all.
//!
//! What says so of itself is shared with the fuzz targets in `fuzz/`.

pub(crate) mod answers;
mod driver;
mod events;
mod evidence;
mod forms;
mod given;
mod heads;
mod histories;
mod key_check;
mod keys;
mod membership;
mod monitor;
mod rates;
mod secrets;
mod seeds;
mod shown;
pub(crate) mod smaller;
mod targets;
mod witness;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;

pub(crate) fn cases(cases: u32) -> Config {
    Config { failure_persistence: None, ..Config::with_cases(cases) }
}

/// Any text, with more of what means something in a path or a URL than chance would have it.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "/", "//", ".", "..", "/../", "/./", "%", "%2e", "%2E%2e", "%2F", "%00", "?", "#", "&",
        "=", "+", " ", ";", ",", ":", "@", "~", "\\", "\0", "\n", "\u{7f}", "é", "🦀", "a",
        "members", "v2", "keys", "_", "http://", "[::1]", "host", "2379",
    ];
    let piece = proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned);
    let made = vec(prop_oneof![4 => piece, 1 => any::<String>()], 0..8);
    prop_oneof![3 => made.prop_map(|pieces| pieces.concat()), 1 => any::<String>()]
}

/// Any bytes, with more of what means something in an answer.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u00",
        "\\ud83e\\udd80",
        "null",
        "true",
        "7",
        "-1",
        "1e9",
        " ",
        "\n",
        "\"action\":\"set\"",
        "\"action\":\"get\"",
        "\"node\":{",
        "\"key\":\"/a\"",
        "\"prevNode\":{",
        "\"nodes\":[{",
        "\"dir\":true",
        "\"value\":\"v\"",
        "\"ttl\":3",
        "\"modifiedIndex\":7",
        "\"createdIndex\":7",
        "\"expiration\":\"2026-11-22T14:12:57Z\"",
        "\"errorCode\":100",
        "\"message\":\"m\"",
        "\"cause\":\"/a\"",
        "\"index\":3",
        "404 page not found\n",
        "<html>",
        "é",
    ];
    let piece =
        proptest::sample::select(pieces.to_vec()).prop_map(|piece| piece.as_bytes().to_vec());
    let made = vec(prop_oneof![9 => piece, 1 => vec(any::<u8>(), 0..4)], 0..24);
    prop_oneof![3 => made.prop_map(|pieces| pieces.concat()), 1 => vec(any::<u8>(), 0..64)]
}

const KINDS: [&str; 13] = [
    "get",
    "quorum",
    "sorted",
    "set",
    "create",
    "update",
    "refresh",
    "guarded",
    "bare",
    "push",
    "delete",
    "guarded-delete",
    "wait",
];

/// The kinds of requests of which it is told what became of them.
const EVIDENCE_KINDS: [&str; 15] = [
    "get",
    "set",
    "guarded",
    "create",
    "push",
    "delete",
    "member",
    "put-user",
    "role",
    "update",
    "remove",
    "enable",
    "disable",
    "remove-user",
    "remove-role",
];

/// Any header that tells who answers, or none.
fn header() -> impl Strategy<Value = &'static str> {
    let headers = [
        "",
        "",
        "X-Etcd-Index: 7\n",
        "X-Etcd-Cluster-Id: 7e27652122e8b2ae\n",
        "X-Etcd-Index: many\n",
        "X-Raft-Term: 2\n",
    ];
    proptest::sample::select(headers.to_vec())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_key_leads_to_itself_or_is_refused(key in text()) {
        keys::check(None, &key);
    }

    #[test]
    fn a_key_under_any_prefix_leads_to_itself_or_is_refused(prefix in text(), key in text()) {
        keys::check(Some(&prefix), &key);
    }

    #[test]
    fn a_refusal_is_never_an_item(status in 300_u16..600, body in body()) {
        answers::refuse(status, &body);
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(
        kind in proptest::sample::select(&KINDS[..]),
        status in prop_oneof![3 => 200_u16..207, 1 => 100_u16..600],
        body in body(),
    ) {
        answers::keys_answer(&[format!("{kind} {status}\n\n").as_bytes(), &body].concat());
    }

    #[test]
    fn a_capture_that_was_tampered_with_is_an_answer_or_an_error(
        place in any::<usize>(),
        at in any::<usize>(),
        length in 0_usize..4,
        instead in vec(any::<u8>(), 0..4),
    ) {
        let answers = seeds::answers();
        let mut answer = answers[place % answers.len()].1.clone();
        let at = at % answer.len();
        let end = answer.len().min(at + length);
        answer.splice(at..end, instead);
        answers::keys_answer(&answer);
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn nothing_counts_as_applied_that_etcd_did_not_send(
        kind in proptest::sample::select(&EVIDENCE_KINDS[..]),
        status in prop_oneof![Just(200_u16), Just(201), Just(204), 200_u16..300],
        header in header(),
        cut in any::<u8>(),
        body in prop_oneof![4 => body(), 1 => Just(Vec::new())],
    ) {
        let head = format!("{kind} {status}\n{header}\n");
        evidence::evidence_check(&[&[cut], head.as_bytes(), &body].concat());
    }

    #[test]
    fn a_response_about_another_key_or_action_is_never_taken(
        kind in any::<u8>(),
        form in any::<u8>(),
        own in text(),
        told in text(),
        action in proptest::sample::select(&ACTIONS[..]),
    ) {
        let name = own.trim_matches('/');
        // What is the same, or nearly, is rarely met by chance.
        for told in [told.as_str(), own.as_str(), &format!("/{name}"), &format!("/{name}/7"),
            &format!("/{name}x"), &format!("/tenant/{name}"), &format!("/root/{name}/")]
        {
            let text = format!("{}\0{}\0{action}", own.replace('\0', ""), told.replace('\0', ""));
            key_check::key_check(&[&[kind, form], text.as_bytes()].concat());
        }
    }
}

/// What etcd may report, and what it does not.
const ACTIONS: [&str; 10] = [
    "get",
    "set",
    "create",
    "update",
    "compareAndSwap",
    "delete",
    "compareAndDelete",
    "expire",
    "merge",
    "",
];

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn events_in_any_order_end_well(data in vec(any::<u8>(), 2..80)) {
        events::events(&data);
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_watch_leaves_nothing_out_without_a_word(data in vec(any::<u8>(), 1..120)) {
        histories::watch(&data);
    }

    #[test]
    fn a_redirect_leads_home_or_goes_without_credentials(
        head in vec(any::<u8>(), 2),
        target in text(),
    ) {
        targets::location(&[&head, target.as_bytes()].concat());
    }

    #[test]
    fn members_are_found_at_usable_urls_only(setup in any::<u8>(), urls in vec(text(), 0..4)) {
        let urls = serde_json::to_string(&urls).unwrap();
        let list = format!(r#"{{"members":[{{"id":"1","clientURLs":{urls}}}]}}"#);
        membership::membership(&[&[setup], list.as_bytes()].concat());
        membership::membership(&[&[setup], urls.as_bytes()].concat());
    }

    #[test]
    fn nothing_is_smuggled_into_a_head(user in text(), password in text(), other in text()) {
        heads::heads(format!("{user}\0{password}\0{other}").as_bytes());
    }

    #[test]
    fn any_bytes_are_an_answer_of_the_smaller_apis_or_an_error(
        place in any::<usize>(),
        at in any::<usize>(),
        length in 0_usize..4,
        instead in vec(any::<u8>(), 0..4),
    ) {
        let answers = seeds::smaller();
        let mut answer = answers[place % answers.len()].1.clone();
        let at = at % answer.len();
        let end = answer.len().min(at + length);
        answer.splice(at..end, instead);
        smaller::smaller_answer(&answer);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_watch_without_progress_sends_few_requests(script in vec(any::<u8>(), 1..6)) {
        rates::watch(&script);
    }

    #[test]
    fn a_mirror_without_progress_sends_few_requests(script in vec(any::<u8>(), 1..6)) {
        rates::mirror(&script);
    }
}
