//! Whether a success about any key, with any action, is taken for that of a request. Shared with the fuzz
//! targets.
//!
//! The first byte is the kind of the request, the second its view and the form of the node. The text after
//! them has the key of the request, the key and the action of the response, with a NUL between them.

use etcd_v2_proto::http::Response;
use etcd_v2_proto::keys::{Change, Delete, Get, KeysRequest, Push, Set};
use etcd_v2_proto::{ErrorKind, Outcome};
use serde_json::json;

use super::given::give;

/// What is put before the key of the request, and not known by the server.
const PREFIX: &str = "/v2/keys/tenant";
/// What is put before the key of the request, and known by the server.
const ROOT: &str = "/root";

/// The parts of a case.
struct Case<'a> {
    view: u8,
    own: &'a str,
    /// The key of the node; none if the node has none, as the root.
    told: Option<&'a str>,
    has_node: bool,
    action: &'a str,
}

pub(crate) fn key_check(data: &[u8]) {
    let (head, text) = data.split_at(data.len().min(2));
    let (kind, form) = (*head.first().unwrap_or(&0), *head.get(1).unwrap_or(&0));
    let text = String::from_utf8_lossy(text);
    let mut parts = text.splitn(3, '\0');
    let mut part = || parts.next().unwrap_or_default();
    let (own, told, action) = (part(), part(), part());
    let told = Some(told).filter(|_| form / 4 % 4 != 1);
    let case = Case { view: form % 4, own, told, has_node: form / 4 % 4 != 2, action };
    let swap: &[&str] = &["compareAndSwap", "update"];
    match kind % 10 {
        0 => case.check(|| Get::new(own), &["get"], false),
        1 => case.check(|| Set::new(own, "v"), &["set"], false),
        2 => case.check(|| Set::create(own, "v"), &["create"], false),
        3 => case.check(|| Set::update(own, "v"), &["update"], false),
        4 => case.check(|| Set::new(own, "v").if_value("u"), swap, false),
        5 => case.check(|| Set::update(own, "v").if_index(6), swap, false),
        6 => case.check(|| Push::new(own, "v"), &["create"], false),
        7 => case.check(|| Delete::new(own).recursive(), &["delete"], false),
        8 => case.check(|| Delete::new(own).if_index(6), &["compareAndDelete"], false),
        _ => case.check(|| Set::new(own, "v").no_value_on_success(), &["set"], true),
    }
}

impl Case<'_> {
    fn check<R: KeysRequest<Output = Change>>(
        &self,
        request: impl Fn() -> R,
        actions: &[&str],
        may_lack_node: bool,
    ) {
        let request = || match self.view {
            1 => request().with_prefix(PREFIX),
            2 => request().with_root(ROOT.parse().expect("a key")),
            _ => request(),
        };
        let Ok(encoded) = request().encode() else { return };
        let is_push = encoded.method == "POST";
        let mut body = json!({"action": self.action});
        if self.has_node {
            body["node"] = json!({"value": "v", "modifiedIndex": 7, "createdIndex": 7});
            if let Some(told) = self.told {
                body["node"]["key"] = told.into();
            }
        }
        let body = body.to_string();
        let mut answer = Response::new(body.as_bytes());
        answer.headers_mut().insert("X-Etcd-Index", 7.into());
        let result = give(request(), &answer, &[body.as_bytes()]).expect("no redirect");

        let is_allowed = self.action.is_empty() || actions.contains(&self.action);
        let is_elsewhere = self.has_node && !self.is_at(is_push);
        let contradicts = !is_allowed || is_elsewhere;
        let is_whole = !self.action.is_empty() && (self.has_node || may_lack_node);
        match result {
            Ok(change) => assert!(!contradicts && is_whole, "{body}: {change:?}"),
            Err(error) if contradicts => {
                assert!(
                    matches!(error.kind(), ErrorKind::Unexpected(it) if it.mismatch.is_some()),
                    "{body}: {error}"
                );
                assert_eq!(error.outcome(), Outcome::Unknown, "{body}");
                assert_eq!(error.may_have_applied(), encoded.purpose.writes(), "{body}");
            }
            Err(error) => {
                assert!(!is_whole, "{body}: {error}");
                assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{body}: {error}");
                assert_eq!(error.outcome(), Outcome::Applied, "{body}");
            }
        }
    }

    /// Whether the server means the key of the request, or a child of it.
    fn is_at(&self, is_push: bool) -> bool {
        let root = if self.view == 2 { ROOT } else { "" };
        let wanted: Vec<&str> = segments(root).chain(segments(self.own)).collect();
        let told: Vec<&str> = segments(self.told.unwrap_or_default()).collect();
        let is = |told: &[&str]| match self.view {
            1 => told.ends_with(&wanted),
            _ => *told == *wanted,
        };
        is(&told) || (is_push && told.split_last().is_some_and(|(_, directory)| is(directory)))
    }
}

fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.split('/').filter(|segment| !segment.is_empty())
}
