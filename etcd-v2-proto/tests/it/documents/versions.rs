//! Answers of servers of which there is no capture, as their documentation and source have them.

use etcd_v2_proto::auth::{roles, users};
use etcd_v2_proto::members::List;
use etcd_v2_proto::server::{GetHealth, GetMachines, GetVersion};
use etcd_v2_proto::stats::{OfLeader, OfMember, OfStore};
use etcd_v2_proto::{ErrorKind, Outcome, Request};
use http::StatusCode;

use super::{Answer, Ending};

fn answered<R: Request>(status: StatusCode, body: &str, request: R) -> Ending<R::Output> {
    let body = body.as_bytes().to_vec();
    Answer { status, headers: Vec::new(), body }.to(request)
}

fn item<R: Request>(status: StatusCode, body: &str, request: R) -> R::Output {
    match answered(status, body, request) {
        Ending::Item(item) => item,
        Ending::Error(error) => panic!("{body}: {error}"),
        Ending::Elsewhere { .. } => panic!("{body}: it goes on"),
    }
}

fn ok<R: Request>(body: &str, request: R) -> R::Output {
    item(StatusCode::OK, body, request)
}

#[test]
fn versions_may_be_text_and_undecided() {
    let version = ok("etcd 2.0.13", GetVersion::default());
    assert_eq!((version.server.as_str(), version.cluster), ("2.0.13", None));
    let undecided = r#"{"etcdserver":"2.3.8","etcdcluster":"not_decided"}"#;
    let version = ok(undecided, GetVersion::default());
    assert_eq!(version.cluster.as_deref(), Some("not_decided"));
    let version = ok(r#"{"etcdserver":"2.1.0"}"#, GetVersion::default());
    assert_eq!((version.server.as_str(), version.cluster), ("2.1.0", None));
}

#[test]
fn health_may_be_a_word_or_a_flag_with_a_reason() {
    let unwell = StatusCode::SERVICE_UNAVAILABLE;
    for (status, body, healthy, reason) in [
        (StatusCode::OK, r#"{"health": "true"}"#, true, None),
        (StatusCode::OK, r#"{"health":true}"#, true, None),
        (StatusCode::OK, r#"{"health":"true","reason":""}"#, true, None),
        (unwell, "{\"health\": \"false\"}\n", false, None),
        (unwell, r#"{"health":false,"errors":["x"]}"#, false, None),
        (unwell, r#"{"health":"false","reason":"NO LEADER"}"#, false, Some("NO LEADER")),
    ] {
        let health = item(status, body, GetHealth::default());
        assert_eq!((health.healthy, health.reason.as_deref()), (healthy, reason), "{body}");
    }
    // What stands before the server is not the server.
    for (status, body) in [(unwell, "busy"), (StatusCode::BAD_GATEWAY, r#"{"health":"false"}"#)] {
        let ending = answered(status, body, GetHealth::default());
        assert!(matches!(ending, Ending::Error(_)), "{body}");
    }
}

#[test]
fn users_and_roles_may_be_names() {
    assert_eq!(ok(r#"{"users":["anna","root"]}"#, users::List::default()), ["anna", "root"]);
    assert_eq!(ok(r#"{"roles":["guest","root"]}"#, roles::List::default()), ["guest", "root"]);
    let user = ok(r#"{"user":"anna","roles":["guest"]}"#, users::Get::new("anna"));
    assert_eq!(user.roles, ["guest"]);
    let user = ok(r#"{"user":"anna"}"#, users::Get::new("anna"));
    assert_eq!(user.roles.len(), 0);
}

#[test]
fn lists_may_be_null() {
    assert_eq!(ok(r#"{"users":null}"#, users::List::default()).len(), 0);
    assert_eq!(ok(r#"{"roles":null}"#, roles::List::default()).len(), 0);
    assert_eq!(ok(r#"{"members":null}"#, List::default()).len(), 0);
    let member = r#"{"members":[{"id":"1","name":"","peerURLs":null,"clientURLs":null}]}"#;
    assert!(!ok(member, List::default())[0].has_started());
    let role = r#"{"role":"r","permissions":{"kv":{"read":null,"write":null}}}"#;
    assert_eq!(ok(role, roles::Get::new("r")).permissions.kv.read.len(), 0);
}

#[test]
fn machines_may_be_one_many_or_none() {
    assert_eq!(ok("http://a:1", GetMachines::default()), ["http://a:1"]);
    assert_eq!(
        ok("http://a:1, http://b:2\n", GetMachines::default()),
        ["http://a:1", "http://b:2"]
    );
    assert_eq!(ok("http://a:1,http://b:2", GetMachines::default()), ["http://a:1", "http://b:2"]);
    assert_eq!(ok(" ", GetMachines::default()).len(), 0);
}

#[test]
fn statistics_may_be_few_or_extreme() {
    assert_eq!(ok("{}", OfMember::default()).name, "");
    // A counter that was taken below zero wraps around.
    let store = ok(r#"{"watchers":18446744073709551615,"new":1}"#, OfStore::default());
    assert_eq!((store.watchers, store.gets_success), (u64::MAX, 0));
    let never = r#"{"leader":"a","followers":{"b":{"latency":{"current":0,
        "minimum":9223372036854775807},"counts":{"fail":7,"success":0}}}}"#;
    let followers = ok(never, OfLeader::default()).followers;
    assert_eq!((followers["b"].counts.fail, followers["b"].latency.current), (7, 0.0));
    assert!(followers["b"].latency.minimum > 9.2e18);
}

#[test]
fn what_is_no_answer_is_malformed_and_may_have_been_applied() {
    let put = || users::Put::new("anna", "secret");
    for body in ["{}", "[]", "ok", r#"{"user":1}"#, r#"{"user":"anna""#] {
        let Ending::Error(error) = answered(StatusCode::CREATED, body, put()) else {
            panic!("{body} is an answer");
        };
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{body}: {error}");
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert!(error.may_have_applied() && !error.to_string().contains("secret"));
    }
    let Ending::Error(error) = answered(StatusCode::CREATED, "", put()) else {
        panic!("nothing is an answer");
    };
    assert!(matches!(error.kind(), ErrorKind::EmptyBody), "{error}");
    for body in ["{}", "{\"members\":{}}", "{\"members\":[{}]}"] {
        let Ending::Error(error) = answered(StatusCode::OK, body, List::default()) else {
            panic!("{body} is an answer");
        };
        assert!(!error.may_have_applied());
    }
}
