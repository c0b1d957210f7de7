//! What real servers answered, and what this crate makes of it.
//!
//! `tests/documents/exchanges.jsonl` has exchanges with real servers, `go-outcomes.jsonl` what the Go
//! client made of the same answers. What to expect is worked out here anew, from status and body.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

mod asked;
mod errors;
mod evidence;
mod go;
mod known;
mod old;
mod said;
mod smaller;
mod tolerance;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use etcd_v2_proto::ErrorKind;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

pub(crate) use asked::{Answer, Asked, Ending, Item};
use known::{SKIPPED, UNSAYABLE, Why};

/// An exchange with a real server.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    request_headers: BTreeMap<String, String>,
    request_body: String,
    pub(crate) status: Option<u16>,
    pub(crate) response_headers: BTreeMap<String, String>,
    pub(crate) response_body: String,
    #[serde(default = "yes")]
    complete: bool,
    /// Of long texts, which were shortened, the true lengths.
    request_body_len: Option<u64>,
    response_body_len: Option<u64>,
    path_len: Option<u64>,
}

const fn yes() -> bool {
    true
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    let lines = include_str!("../documents/exchanges.jsonl").lines();
    let rows: Vec<Row> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 400);
    rows
}

/// The rows that are complete.
pub(crate) fn whole_rows() -> impl Iterator<Item = Row> {
    rows().into_iter().filter(|row| row.skipped().is_none())
}

impl Row {
    fn skipped(&self) -> Option<Why> {
        if self.status.is_none() {
            return Some(Why::NoAnswer);
        }
        if !self.complete {
            return Some(Why::Incomplete);
        }
        let lengths = [self.request_body_len, self.response_body_len, self.path_len];
        lengths.iter().any(Option::is_some).then_some(Why::Shortened)
    }

    pub(crate) fn answer(&self) -> Answer {
        let headers = self.response_headers.iter();
        Answer {
            status: StatusCode::from_u16(self.status.unwrap()).unwrap(),
            headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: self.response_body.clone().into_bytes(),
        }
    }

    pub(crate) fn request_body(&self) -> &str {
        &self.request_body
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response_headers.get(name).map(String::as_str)
    }
}

/// What an answer has to be taken for.
#[derive(Debug, PartialEq, Eq)]
enum Class {
    Change,
    Told,
    NotLeader,
    Body,
    Malformed,
    Followed,
    Etcd,
    Api,
    V2Disabled,
    ApiNotFound,
    Unexpected,
}

/// Works out the class from status and body alone.
fn class(row: &Row, asked: &Asked) -> Class {
    let status = row.status.unwrap();
    let body: Value = serde_json::from_str(&row.response_body).unwrap_or_default();
    match status {
        // That a member is unwell is an answer.
        200..=299 if matches!(asked, Asked::Smaller(_)) => Class::Told,
        503 if body["health"] == "false" => Class::Told,
        403 if body["message"] == "not current leader" => Class::NotLeader,
        200..=299 if matches!(asked, Asked::Raw { .. }) => Class::Body,
        200..=299 if body["node"].is_object() || asked.wants_no_value() => Class::Change,
        200..=299 => Class::Malformed,
        301 | 302 | 307 | 308 => Class::Followed,
        _ if body["errorCode"].is_u64() => Class::Etcd,
        _ if body["message"].is_string() => Class::Api,
        404 if row.response_body == "404 page not found\n" => {
            let is_in_every_version = !["/v2/auth", "/v2/members"].iter().any(|api| {
                row.path
                    .strip_prefix(api)
                    .is_some_and(|rest| matches!(rest.chars().next(), None | Some('/' | '?')))
            });
            if is_in_every_version { Class::V2Disabled } else { Class::ApiNotFound }
        }
        _ => Class::Unexpected,
    }
}

#[test]
fn every_answer_is_taken_for_what_it_is() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for row in whole_rows() {
        let (asked, _) = Asked::for_row(&row);
        let class = class(&row, &asked);
        *counts.entry(format!("{class:?}")).or_default() += 1;
        match (class, row.answer().to(asked.clone())) {
            (Class::Change, Ending::Item(Item::Change(change))) => said::check(&row, &change),
            (Class::Told, Ending::Item(Item::Told(item))) => smaller::check(&row, &item),
            (Class::Body, Ending::Item(Item::Body(body))) => {
                assert_eq!(body, row.response_body.as_bytes(), "{}", row.name);
            }
            (Class::Followed, Ending::Elsewhere { first, then }) => {
                let target = then.uri().path_and_query().unwrap().as_str();
                assert_eq!(Some(target), row.header("Location"), "{}", row.name);
                assert_eq!(then.uri().authority(), first.uri().authority(), "{}", row.name);
                assert_eq!(then.method(), first.method(), "{}", row.name);
                assert_eq!(then.headers(), first.headers(), "{}", row.name);
                assert_eq!(then.body(), first.body(), "{}", row.name);
            }
            (class, Ending::Error(error)) => errors::check(&row, &asked, &class, &error),
            (class, ending) => panic!("{}: {ending:?} is no {class:?}", row.name),
        }
    }
    let expected = [
        ("Api", 50),
        ("ApiNotFound", 2),
        ("Body", 3),
        ("Change", 154),
        ("Etcd", 81),
        ("Followed", 6),
        ("NotLeader", 2),
        ("Told", 58),
        ("Unexpected", 18),
        ("V2Disabled", 7),
    ];
    let expected = expected.map(|(class, count)| (class.to_owned(), count));
    assert_eq!(counts, BTreeMap::from(expected));
}

#[test]
fn every_row_that_is_skipped_has_a_name_and_a_reason() {
    let skipped: BTreeSet<_> = rows()
        .into_iter()
        .filter_map(|row| row.skipped().map(|why| (format!("{why:?}"), row.name)))
        .collect();
    let listed = SKIPPED.iter().flat_map(|(why, names)| {
        names.iter().map(move |name| (format!("{why:?}"), (*name).to_owned()))
    });
    assert_eq!(skipped, listed.collect());
}

#[test]
fn every_request_that_cannot_be_said_has_a_name_and_a_reason() {
    let refused: BTreeMap<String, String> = rows()
        .iter()
        .filter_map(|row| Some((row.name.clone(), Asked::for_row(row).1?.field.to_owned())))
        .collect();
    let listed = UNSAYABLE.iter().map(|(name, field, _)| ((*name).to_owned(), (*field).to_owned()));
    assert_eq!(refused, listed.collect());
}

#[test]
fn a_success_that_breaks_off_is_never_an_item() {
    let cut_short = rows().into_iter().filter(|row| {
        matches!(row.skipped(), Some(Why::Incomplete | Why::Shortened))
            && row.status.is_some_and(|status| status < 300)
    });
    let mut count = 0;
    for row in cut_short {
        let (asked, _) = Asked::for_row(&row);
        let Ending::Error(error) = row.answer().broken_off_to(asked) else {
            panic!("{} is an answer", row.name)
        };
        assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{}: {error}", row.name);
        assert_eq!(error.outcome(), etcd_v2_proto::Outcome::Applied, "{}", row.name);
        assert_eq!(error.may_have_applied(), row.method != "GET", "{}", row.name);
        count += 1;
    }
    assert_eq!(count, 15);
}
