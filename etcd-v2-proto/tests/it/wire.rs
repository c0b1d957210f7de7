//! What goes on the wire, against what the Go client sends for the same calls.
//!
//! `tests/wire/go-requests.jsonl` has requests of the real Go client, byte for byte;
//! `go-requests-more.jsonl` has further ones, of which the common headers were filled in afterwards.
//! Every row is compared, and every difference has a name; see [`deviations`].

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

mod calls;
mod deviations;

use std::collections::BTreeMap;

use serde::Deserialize;

use calls::INEXPRESSIBLE;
use deviations::{DEVIATIONS, Deviation, OF_EVERY_REQUEST};

const ROWS: [&str; 2] =
    [include_str!("../wire/go-requests.jsonl"), include_str!("../wire/go-requests-more.jsonl")];

/// How many rows there are; a row that gets lost must not go unnoticed.
const HOW_MANY: [usize; 2] = [63, 35];

/// A call of the Go client and what it sent, if it sent anything.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    op: String,
    method: String,
    target: String,
    headers: Option<BTreeMap<String, String>>,
    body: String,
    go_err: Option<String>,
}

/// What a call comes to: a request, or a refusal with what it is about.
type Call = Result<Sent, String>;

/// A request as it goes on the wire, header names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn rows() -> Vec<Row> {
    let lines = ROWS.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Row {
    fn call(&self) -> Call {
        let Some(headers) = &self.headers else {
            return Err(self.go_err.clone().unwrap());
        };
        let mut headers: BTreeMap<String, String> = headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        // Framing the body is up to the driver.
        let length = headers.remove("content-length").map(|length| length.parse().unwrap());
        assert_eq!(length.unwrap_or(0), self.body.len(), "{}", self.name);
        Ok(Sent {
            method: self.method.clone(),
            target: self.target.clone(),
            headers,
            body: self.body.clone(),
        })
    }
}

#[test]
fn no_row_is_lost() {
    assert_eq!(ROWS.map(|text| text.lines().count()), HOW_MANY);
}

#[test]
fn every_call_is_sent_as_go_sends_it_but_for_deviations_with_a_name() {
    let calls = calls::calls();
    let mut listed: BTreeMap<&str, &[Deviation]> = BTreeMap::new();
    for (name, deviations) in DEVIATIONS {
        assert!(listed.insert(name, deviations).is_none(), "{name} is listed twice");
    }
    let mut compared = 0;
    for row in rows() {
        let Some((_, ours)) = calls.iter().find(|(name, _)| *name == row.name) else { continue };
        let mut expected = row.call();
        let own = listed.remove(row.name.as_str()).unwrap_or_default();
        for deviation in own.iter().chain(OF_EVERY_REQUEST) {
            let before = expected.clone();
            expected = deviation.apply(expected);
            let moot = OF_EVERY_REQUEST.contains(deviation) && before.is_err();
            assert!(moot || expected != before, "{}: {deviation:?} is no difference", row.name);
        }
        assert_eq!(*ours, expected, "{} ({})", row.name, row.op);
        compared += 1;
    }
    assert_eq!(compared, calls.len(), "there are calls without a row");
    assert!(listed.is_empty(), "deviations of rows that are not compared: {listed:?}");
}

#[test]
fn every_row_is_compared_or_listed_by_name() {
    let mut places: BTreeMap<String, u32> = BTreeMap::new();
    let rows = rows();
    for row in &rows {
        assert!(places.insert(row.name.clone(), 0).is_none(), "{} is there twice", row.name);
    }
    let compared = calls::calls();
    let names = compared.iter().map(|(name, _)| *name);
    let names = names.chain(INEXPRESSIBLE.iter().map(|(name, _)| *name));
    for name in names {
        *places.get_mut(name).unwrap_or_else(|| panic!("there is no row {name}")) += 1;
    }
    places.retain(|_, times| *times != 1);
    assert!(places.is_empty(), "rows with no place, or with several: {places:?}");
}

#[test]
fn a_client_says_who_it_is_and_whom_it_asks() {
    for (name, call) in calls::calls() {
        let Ok(sent) = call else { continue };
        let agent = concat!("etcd-v2-rust/", env!("CARGO_PKG_VERSION"));
        assert_eq!(sent.headers["user-agent"], agent, "{name}");
        assert_eq!(sent.headers["host"], "127.0.0.1:23201", "{name}");
        // Changes of keys have a form, be it an empty one; other requests have a type with a body.
        let changes_keys = sent.target.contains("/v2/keys") && sent.method != "GET";
        let typed = changes_keys || !sent.body.is_empty();
        assert_eq!(sent.headers.contains_key("content-type"), typed, "{name}");
    }
}

/// Keys, the keys that they are below, and the paths of both.
const SLASHES: [(&str, Option<&str>, &str); 26] = [
    ("", None, "/"),
    ("/", None, "/"),
    ("//", None, "/"),
    ("foo", None, "/foo"),
    ("/foo", None, "/foo"),
    ("foo/", None, "/foo/"),
    ("/foo/", None, "/foo/"),
    ("//foo//", None, "/foo/"),
    ("/foo/bar", None, "/foo/bar"),
    ("/foo/bar/", None, "/foo/bar/"),
    ("/foo/%2F", None, "/foo/%252F"),
    ("", Some(""), "/"),
    ("", Some("/"), "/"),
    ("/foo/", Some("/"), "/foo/"),
    ("/foo", Some("/"), "/foo"),
    ("", Some("/r"), "/r"),
    ("", Some("/r/"), "/r/"),
    ("", Some("r//"), "/r/"),
    ("/", Some("/r"), "/r/"),
    ("//", Some("/r"), "/r/"),
    ("/", Some("/r/"), "/r/"),
    ("foo", Some("/r"), "/r/foo"),
    ("/foo", Some("/r/"), "/r/foo"),
    ("/foo/", Some("/r"), "/r/foo/"),
    ("/foo/", Some("/r/"), "/r/foo/"),
    ("foo//", Some("r"), "/r/foo/"),
];

#[test]
fn a_path_ends_in_a_slash_if_the_key_does_and_the_root_always_does() {
    use etcd_v2_proto::keys::{Delete, Get, Key, KeysRequest, Push, Set, Wait};

    fn path<R: KeysRequest>(request: R, root: Option<&str>, prefix: Option<&str>) -> String {
        let request = match root {
            Some(root) => request.with_root(root.parse::<Key>().unwrap()),
            None => request,
        };
        let request = match prefix {
            Some(prefix) => request.with_prefix(prefix),
            None => request,
        };
        request.encode().unwrap().path_and_query.path().to_owned()
    }

    for (key, root, expected) in SLASHES {
        let prefixes =
            [(None, "/v2/keys"), (Some("pfx"), "/pfx"), (Some("/p/q/"), "/p/q"), (Some("/"), "")];
        for (prefix, begin) in prefixes {
            let expected = format!("{begin}{expected}");
            for path in [
                path(Get::new(key), root, prefix),
                path(Get::new(key).recursive().sorted().quorum(), root, prefix),
                path(Set::new(key, "v"), root, prefix),
                path(Set::mkdir(key), root, prefix),
                path(Push::new(key, "v"), root, prefix),
                path(Delete::new(key), root, prefix),
                path(Delete::new(key).recursive(), root, prefix),
                path(Wait::new(key), root, prefix),
                path(Wait::new(key).recursive().after(7).stream(), root, prefix),
            ] {
                assert_eq!(path, expected, "{key:?} below {root:?} at {prefix:?}");
            }
        }
        // A parsed key keeps the slash; parsed from the empty text it is "/".
        let given = key.parse::<Key>().unwrap();
        if !key.is_empty() {
            assert_eq!(path(Get::new(given), root, None), format!("/v2/keys{expected}"), "{key:?}");
        }
    }
}

#[test]
fn what_a_set_asks_for_never_lengthens_its_request_line() {
    use etcd_v2_proto::keys::Set;

    let long = "v".repeat(10_000);
    let set = Set::new("/foo", "new").if_value(long.as_str()).if_index(7).no_value_on_success();
    let sent = calls::send("http://127.0.0.1:23201", None, set).unwrap();
    assert_eq!(sent.target, "/v2/keys/foo?noValueOnSuccess=true");
    assert_eq!(sent.body, format!("prevIndex=7&prevValue={long}&value=new"));
}
