//! Refusals, against what their status and body say.

use etcd_v2_proto::{Error, ErrorKind, Outcome, RedirectError, Request};
use serde_json::Value;

use super::{Asked, Class, Row};

/// Checks that `error` is what the answer of a row says.
pub(super) fn check(row: &Row, asked: &Asked, class: &Class, error: &Error) {
    let name = &row.name;
    let status = row.status.unwrap();
    let body: Value = serde_json::from_str(&row.response_body).unwrap_or_default();
    match (class, error.kind()) {
        (Class::Etcd, ErrorKind::Etcd(refusal)) => {
            let ours = serde_json::json!({
                "errorCode": refusal.code.number(),
                "message": refusal.message,
                "cause": refusal.cause,
                "index": refusal.index,
            });
            let mut told = body.clone();
            // What etcd leaves out is empty.
            told.as_object_mut().unwrap().entry("cause").or_insert_with(|| "".into());
            assert_eq!(ours, told, "{name}");
            assert_eq!(refusal.status, status, "{name}");
            assert!(refusal.code.name().is_some(), "{name}");
            predicates(row, error, &body);
        }
        (Class::Api, ErrorKind::Api(refusal)) => {
            assert_eq!(body["message"], refusal.message, "{name}");
            assert_eq!(refusal.status, status, "{name}");
            of_the_smaller_apis(row, error, &refusal.message);
        }
        (Class::NotLeader, ErrorKind::NotLeader) => {}
        (Class::ApiNotFound, ErrorKind::ApiNotFound { api, since }) => {
            assert_eq!(status, 404, "{name}");
            assert!(row.path.starts_with(api), "{name}: {api}");
            assert_eq!(*since, if api.ends_with("auth") { "2.1" } else { "2.0" }, "{name}");
        }
        (Class::V2Disabled, ErrorKind::V2Disabled) => assert_eq!(status, 404, "{name}"),
        (Class::Unexpected, ErrorKind::Unexpected(answer)) => {
            assert_eq!(answer.status, status, "{name}");
            let content_type = row.header("Content-Type").unwrap_or("no content type");
            assert_eq!(answer.content_type, content_type, "{name}");
            let excerpt: String = row.response_body.chars().take(200).collect();
            assert_eq!(answer.excerpt, excerpt, "{name}");
        }
        (Class::Malformed, ErrorKind::Malformed(_)) => {}
        // A path that etcd would rather have put in order is another one.
        (Class::Followed, ErrorKind::Redirect(RedirectError::OtherRequest { target })) => {
            let location = row.header("Location").unwrap();
            assert_eq!(*target, format!("http://127.0.0.1:23201{location}"), "{name}");
            assert_ne!(asked.encode().unwrap().path_and_query, location, "{name}");
        }
        (class, kind) => panic!("{name}: {kind:?} is no {class:?}"),
    }
    // The answers of the one server that there is are the end of the call, and its own.
    assert_eq!(error.endpoint().unwrap().as_str(), "http://127.0.0.1:23201", "{name}");
    assert_eq!(error.is_unauthorized(), status == 401, "{name}");
    assert!(!error.is_timeout() && !error.is_stopped(), "{name}");
    assert_eq!(error.outcome(), outcome(status), "{name}");
    let writes = asked.encode().unwrap().purpose.writes();
    assert_eq!(error.may_have_applied(), writes && outcome(status) > Outcome::Rejected, "{name}");
}

/// What became of a request that was answered with this status: a server that fails (500, 503) may
/// carry out a write nevertheless; one that says that it cannot (501) does not.
fn outcome(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Applied,
        300..=499 | 501 => Outcome::Rejected,
        _ => Outcome::Unknown,
    }
}

fn of_the_smaller_apis(row: &Row, error: &Error, message: &str) {
    let name = &row.name;
    let status = row.status.unwrap();
    let missing = |noun| status == 404 && message.starts_with(noun);
    for (says, is_so) in [
        (error.is_no_leader(), status == 503),
        (error.is_gone(), status == 410),
        (error.is_member_not_found(), missing("No such member: ")),
        (error.is_user_not_found(), missing("auth: User ")),
        (error.is_role_not_found(), missing("auth: Role ")),
    ] {
        assert_eq!(says, is_so, "{name}: {message}");
    }
    assert!(!error.is_key_not_found() && !error.is_compare_failed(), "{name}");
}

fn predicates(row: &Row, error: &Error, body: &Value) {
    let code = &body["errorCode"];
    for (number, says) in [
        (100, error.is_key_not_found()),
        (101, error.is_compare_failed()),
        (105, error.is_already_exists()),
        (110, error.is_unauthorized()),
        (401, error.is_history_cleared()),
    ] {
        assert_eq!(says, *code == number, "{}: {number}", row.name);
    }
    // The status follows from the code.
    let status = match code.as_u64().unwrap() {
        100 => 404,
        101 | 105 => 412,
        102 | 108 => 403,
        110 => 401,
        300 | 301 => 500,
        _ => 400,
    };
    assert_eq!(row.status, Some(status), "{}", row.name);
}
