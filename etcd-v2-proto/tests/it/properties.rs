//! What holds for any input at all.
//!
//! What says so of itself is shared with the fuzz targets in `fuzz/`.

pub(crate) mod answers;
mod driver;
mod events;
mod forms;
mod given;
mod heads;
mod histories;
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
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
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

const KINDS: [&str; 8] = ["get", "quorum", "set", "guarded", "bare", "push", "delete", "wait"];

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
