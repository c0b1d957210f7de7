//! Successes that etcd did not send, or sent for another request.

use etcd_v2_proto::auth::{Disable, Enable, roles, users};
use etcd_v2_proto::keys::{Change, Delete, Get, KeysRequest, Push, Set};
use etcd_v2_proto::{Error, ErrorKind, Outcome, Request, members};
use http::StatusCode;

use super::{Answer, Ending};

fn answer(status: u16, header: Option<(&str, &str)>, body: &str) -> Answer {
    let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.into_iter().collect(),
        body: body.into(),
    }
}

fn result<R: Request>(answer: &Answer, request: R) -> Result<R::Output, Error> {
    match answer.to(request) {
        Ending::Item(item) => Ok(item),
        Ending::Error(error) => Err(error),
        Ending::Elsewhere { .. } => panic!("it goes on"),
    }
}

const EVIDENCE: [Option<(&str, &str)>; 5] = [
    None,
    Some(("X-Raft-Index", "7")),
    Some(("X-Etcd-Index", "many")),
    Some(("X-Etcd-Index", "7")),
    Some(("X-Etcd-Cluster-Id", "7e27652122e8b2ae")),
];

#[test]
fn rejects_a_success_without_evidence_of_etcd() {
    for (status, body) in [
        (200, "<html>Sign in</html>"),
        (200, ""),
        (201, " \n"),
        (204, ""),
        (200, "{}"),
        (200, "null"),
        (200, "ok"),
        (202, r#"{"status":"queued"}"#),
        (200, r#"{"action":"login","node":"web-1"}"#),
        (200, r#"{"errorCode":0,"data":{}}"#),
        (200, r#"{"message":"ok"}"#),
    ] {
        for header in EVIDENCE {
            let is_etcds =
                header.is_some_and(|(name, value)| name != "X-Raft-Index" && value != "many");
            let outcome = |is_etcds| if is_etcds { Outcome::Applied } else { Outcome::Unknown };
            let answer = answer(status, header, body);
            let errors = [
                result(&answer, Set::new("/a", "v")).unwrap_err(),
                result(&answer, Set::new("/a", "v").if_index(7)).unwrap_err(),
                result(&answer, Set::create("/a", "v")).unwrap_err(),
                result(&answer, Push::new("/a", "v")).unwrap_err(),
                result(&answer, Delete::new("/a")).unwrap_err(),
                result(&answer, members::Add::new(["http://a:1"])).unwrap_err(),
                result(&answer, users::Put::new("anna", "sesame")).unwrap_err(),
                result(&answer, roles::Add::new("guest")).unwrap_err(),
            ];
            for (place, error) in errors.iter().enumerate() {
                // An action that etcd would not report contradicts the requests of the keys API.
                let is_other = place < 5 && (body.contains("login") || body.contains("errorCode"));
                let expected = outcome(is_etcds && !is_other);
                assert_eq!(
                    error.outcome(),
                    expected,
                    "{place}: {status} {body} {header:?}: {error}"
                );
                assert!(error.may_have_applied());
            }
        }
    }
}

#[test]
fn a_request_without_a_documented_body_succeeds_with_its_status_and_nothing_else() {
    fn check<R: Request<Output = ()>>(request: impl Fn() -> R, documented: u16) {
        for status in [200, 201, 202, 204, 206] {
            for header in EVIDENCE {
                for body in ["", "\n", "{}", "<html>", r#"{"message":"ok"}"#] {
                    let answer = answer(status, header, body);
                    let result = result(&answer, request());
                    let is_success = status == documented && body.is_empty();
                    assert_eq!(result.is_ok(), is_success, "{status} {header:?} {body:?}");
                    if let Err(error) = result {
                        let unexpected = matches!(error.kind(), ErrorKind::Unexpected(_));
                        assert!(unexpected, "{status} {body:?}: {error}");
                        assert!(error.may_have_applied(), "{error}");
                        assert_eq!(error.outcome() == Outcome::Unknown, !is_etcds(header));
                    }
                }
            }
        }
    }
    check(|| members::Update::new("1", ["http://a:1"]), 204);
    check(|| members::Remove::new("1"), 204);
    check(Enable::default, 200);
    check(Disable::default, 200);
    check(|| users::Remove::new("anna"), 200);
    check(|| roles::Remove::new("guest"), 200);
}

#[test]
fn an_empty_body_is_not_encoded_whatever_its_header_says() {
    for encoding in ["gzip", "br", "identity"] {
        let empty = |status| answer(status, Some(("Content-Encoding", encoding)), "");
        assert!(result(&empty(204), members::Update::new("1", ["http://a:1"])).is_ok());
        assert!(result(&empty(204), members::Remove::new("1")).is_ok());
        assert!(result(&empty(200), Enable::default()).is_ok());
        assert!(result(&empty(200), Disable::default()).is_ok());
        assert!(result(&empty(200), users::Remove::new("anna")).is_ok());
        assert!(result(&empty(200), roles::Remove::new("guest")).is_ok());
    }
}

fn is_etcds(header: Option<(&str, &str)>) -> bool {
    matches!(header, Some(("X-Etcd-Index", "7") | ("X-Etcd-Cluster-Id", _)))
}

#[test]
fn a_body_with_an_error_code_is_an_error_response_whatever_its_status() {
    for (code, outcome) in [
        (100, Outcome::Rejected),
        (101, Outcome::Rejected),
        (105, Outcome::Rejected),
        (110, Outcome::Rejected),
        (211, Outcome::Rejected),
        (401, Outcome::Rejected),
        (300, Outcome::Unknown),
        (301, Outcome::Unknown),
    ] {
        for body in [
            format!(r#"{{"errorCode":{code},"message":"m","cause":"/a","index":7}}"#),
            format!(r#" {{"message":"m","index":7,"cause":"\"/a\"","errorCode":{code}}}"#),
        ] {
            for (status, header) in
                [200, 201, 204].into_iter().flat_map(|s| EVIDENCE.map(|h| (s, h)))
            {
                let answer = answer(status, header, &body);
                let errors = [
                    result(&answer, Set::new("/a", "v")).unwrap_err(),
                    result(&answer, Get::new("/a")).unwrap_err(),
                    result(&answer, Delete::new("/a").if_index(7)).unwrap_err(),
                    result(&answer, members::List::default()).map(drop).unwrap_err(),
                    result(&answer, members::Remove::new("1")).unwrap_err(),
                    result(&answer, roles::Add::new("guest")).unwrap_err(),
                ];
                for (place, error) in errors.iter().enumerate() {
                    let refusal = error.etcd().unwrap_or_else(|| panic!("{place} {body}: {error}"));
                    assert_eq!(refusal.code.number(), code, "{body}");
                    assert_eq!(error.outcome(), outcome, "{place} {status} {body}");
                }
            }
        }
    }
    // One within a change contradicts it.
    let both = r#"{"action":"set","node":{"key":"/a","modifiedIndex":7},"errorCode":100}"#;
    for header in EVIDENCE {
        let error = result(&answer(200, header, both), Set::new("/a", "v")).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
        assert!(error.to_string().contains("it reports an error code in a success"), "{error}");
    }
}

/// A request of each kind, and whether a response with this action and key is one to it.
type Row = (&'static str, fn(&Answer) -> Result<Change, Error>, &'static [&'static str]);

const REQUESTS: [Row; 12] = [
    ("get", |answer| result(answer, Get::new("/mine")), &["get"]),
    ("quorum", |answer| result(answer, Get::new("mine/").quorum().sorted()), &["get"]),
    ("set", |answer| result(answer, Set::new("/mine", "v")), &["set"]),
    ("create", |answer| result(answer, Set::create("/mine", "v")), &["create"]),
    ("mkdir", |answer| result(answer, Set::mkdir("//mine//")), &["create"]),
    ("update", |answer| result(answer, Set::update("/mine", "v")), &["update"]),
    ("swap", |answer| result(answer, Set::new("/mine", "v").if_value("u")), SWAP),
    ("guarded", |answer| result(answer, Set::update("/mine", "v").if_index(6)), SWAP),
    ("bare", |answer| result(answer, Set::new("/mine", "v").no_value_on_success()), &["set"]),
    ("delete", |answer| result(answer, Delete::new("/mine").recursive()), &["delete"]),
    ("compare", |answer| result(answer, Delete::new("/mine").if_value("u")), &["compareAndDelete"]),
    (
        "chroot",
        |answer| result(answer, Set::new("/", "v").with_root("/mine".parse().unwrap())),
        &["set"],
    ),
];

/// Old servers call a swap an update where the key has to exist.
const SWAP: &[&str] = &["compareAndSwap", "update"];

const ACTIONS: [&str; 9] = [
    "get",
    "set",
    "create",
    "update",
    "compareAndSwap",
    "delete",
    "compareAndDelete",
    "expire",
    "merge",
];

#[test]
fn rejects_a_response_about_another_key_or_another_action() {
    let mut rejected = 0;
    for (name, send, actions) in REQUESTS {
        for action in ACTIONS {
            for key in
                ["/mine", "/mine/", "/other", "/mine/child", "/min", "/minee", "/x/mine", "/"]
            {
                let body = format!(
                    r#"{{"action":"{action}","node":{{"key":"{key}","value":"v","modifiedIndex":7}}}}"#
                );
                let answer = answer(200, Some(("X-Etcd-Index", "7")), &body);
                let is_ours = actions.contains(&action) && key.trim_end_matches('/') == "/mine";
                match send(&answer) {
                    Ok(_) => assert!(is_ours, "{name}: {body}"),
                    Err(error) => {
                        assert!(!is_ours, "{name}: {body}: {error}");
                        let ErrorKind::Unexpected(kind) = error.kind() else { panic!("{error}") };
                        let mismatch = kind.mismatch.as_deref().unwrap();
                        let local = key.strip_prefix("/mine").filter(|rest| rest.starts_with('/'));
                        let seen = local.filter(|_| name == "chroot").unwrap_or(key);
                        let seen = if (name, key) == ("chroot", "/mine") { "/" } else { seen };
                        let found = format!("reports {action:?} of {seen:?} instead of ");
                        assert!(mismatch.contains(&found), "{mismatch}");
                        assert_eq!(error.outcome(), Outcome::Unknown, "{name}: {body}");
                        rejected += 1;
                    }
                }
            }
        }
    }
    assert_eq!(rejected, 12 * 9 * 8 - 14 * 2);
}

#[test]
fn rejects_a_child_of_another_directory() {
    for (key, is_ours) in [
        ("/q/00000000000000000007", true),
        ("/q/7", true),
        ("/q/7/", true),
        ("/q", true),
        ("/q/r/7", false),
        ("/r/00000000000000000007", false),
        ("/qq/7", false),
        ("/7", false),
        ("/", false),
    ] {
        for action in ACTIONS {
            let body = format!(r#"{{"action":"{action}","node":{{"key":"{key}","value":"v"}}}}"#);
            let result =
                result(&answer(201, Some(("X-Etcd-Index", "7")), &body), Push::new("q/", "v"));
            assert_eq!(result.is_ok(), is_ours && action == "create", "{body}");
        }
    }
}
