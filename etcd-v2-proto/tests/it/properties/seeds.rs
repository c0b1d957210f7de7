//! What the fuzz targets begin with: captured answers and some orders of events. Ordinary tests
//! replay all of it.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::{answers, events, keys};
use crate::documents::{Row, whole_rows};

type Seeds = Vec<(String, Vec<u8>)>;

/// Which captures are seeds for the corpora; the tests replay them all.
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

/// Pairs of what is said and how, after the kind of the request and the setup.
const EVENTS: [(&str, &[u8]); 13] = [
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
];

/// All captures, as the target for answers reads them.
pub(super) fn answers() -> &'static Seeds {
    static ANSWERS: LazyLock<Seeds> = LazyLock::new(|| whole_rows().map(answer).collect());
    &ANSWERS
}

fn answer(row: Row) -> (String, Vec<u8>) {
    let kind = match row.method.as_str() {
        "PUT" if row.path.contains("noValueOnSuccess") => "bare",
        "PUT" => "set",
        "POST" => "push",
        "DELETE" => "delete",
        _ if row.path.contains("wait=true") => "wait",
        _ if row.path.contains("quorum=true") => "quorum",
        _ => "get",
    };
    let mut text = format!("{kind} {}\n", row.status.unwrap());
    for (name, value) in &row.response_headers {
        if name.starts_with('X') || name == "Location" {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    (row.name, format!("{text}\n{}", row.response_body).into_bytes())
}

/// The refusals, as the target for their bodies reads them.
fn refusals() -> impl Iterator<Item = (String, Vec<u8>)> {
    let refusals = whole_rows().filter(|row| row.status.unwrap() >= 300);
    refusals.map(|row| {
        let text = format!("{}\n{}", row.status.unwrap(), row.response_body);
        (row.name, text.into_bytes())
    })
}

/// The paths of the captures, as the target for keys reads them.
fn key_texts() -> impl Iterator<Item = (String, Vec<u8>)> {
    let rows = whole_rows().filter(|row| row.name.starts_with("key_"));
    rows.map(|row| {
        let key = row.path.trim_start_matches("/v2/keys").as_bytes();
        (row.name, percent_encoding::percent_decode(key).collect())
    })
}

/// The corpora to begin with, by target.
fn corpora() -> BTreeMap<&'static str, BTreeMap<String, Vec<u8>>> {
    let chosen = |(name, _): &(String, Vec<u8>)| CAPTURES.contains(&name.as_str());
    let events = EVENTS.iter().map(|(name, data)| ((*name).to_owned(), data.to_vec()));
    BTreeMap::from([
        ("error_body", refusals().filter(chosen).collect()),
        ("events", events.collect()),
        ("key_to_request", key_texts().collect()),
        ("keys_answer", answers().iter().filter(|seed| chosen(seed)).cloned().collect()),
    ])
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds"))
}

#[test]
fn captures_replay() {
    for (_, answer) in answers() {
        answers::keys_answer(answer);
    }
    for (_, refusal) in refusals() {
        answers::error_body(&refusal);
    }
    for (_, key) in key_texts() {
        keys::key_to_request(&key);
    }
}

#[test]
fn orders_of_events_replay() {
    for (_, data) in EVENTS {
        events::events(data);
    }
}

/// What fuzzing found, and what it begins with. With `WRITE_CORPORA` set, the latter is written anew.
#[test]
fn corpora_replay() {
    let expected = corpora();
    if std::env::var_os("WRITE_CORPORA").is_some() {
        write_corpora(&expected);
    }
    if !folder().exists() {
        // The package as it is published has no fuzz targets.
        return;
    }
    for target in expected.keys() {
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in fs::read_dir(folder().join(target)).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::read(&path).unwrap();
            match *target {
                "error_body" => answers::error_body(&data),
                "events" => events::events(&data),
                "key_to_request" => keys::key_to_request(&data),
                "keys_answer" => answers::keys_answer(&data),
                other => panic!("nothing replays {other}"),
            }
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), data);
        }
        for (name, data) in &expected[target] {
            assert_eq!(found.get(name), Some(data), "{target}/{name} is out of date");
        }
    }
}

fn write_corpora(corpora: &BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>) {
    for (target, seeds) in corpora {
        let folder = folder().join(target);
        fs::create_dir_all(&folder).unwrap();
        for (name, data) in seeds {
            fs::write(folder.join(name), data).unwrap();
        }
    }
}
