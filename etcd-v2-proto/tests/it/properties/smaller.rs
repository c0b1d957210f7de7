//! Any answer at all to a request of the smaller APIs. Shared with the fuzz targets.

use std::fmt::Debug;

use etcd_v2_proto::auth::{self, roles, users};
use etcd_v2_proto::http::Response;
use etcd_v2_proto::{Request, members, server, stats};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::given::{give_twice, parse};

/// A request of the smaller APIs, an answer to it, and what has to hold of the result.
pub(crate) fn smaller_answer(data: &[u8]) {
    let (kind, answer) = parse(data);
    match kind.as_str() {
        "leader" => told(&answer, members::Leader::default),
        "member" => told(&answer, || members::Add::new(["http://a:1"])),
        "user" => told(&answer, || users::Get::new("anna")),
        "grant" => told(&answer, || users::Grant::new("anna", ["guest"])),
        "role" => told(&answer, || roles::Get::new("guest")),
        "role-grant" => told(&answer, || roles::Grant::new("guest", ["/a"], roles::Access::Read)),
        "store" => told(&answer, stats::OfStore::default),
        "users" => listed(&answer, users::List::default),
        "roles" => listed(&answer, roles::List::default),
        "auth" => drop(json(&answer, auth::Status::default)),
        "self" => drop(json(&answer, stats::OfMember::default)),
        "followers" => drop(json(&answer, stats::OfLeader::default)),
        "health" => drop(json(&answer, server::GetHealth::default)),
        "put-user" => drop(json(&answer, || users::Put::new("anna", "sesame"))),
        "version" => drop(taken(&answer, server::GetVersion::default)),
        "machines" => listed_in_text(&answer),
        "update" => drop(taken(&answer, || members::Update::new("1", ["http://a:1"]))),
        "remove" => drop(taken(&answer, || members::Remove::new("1"))),
        "enable" => drop(taken(&answer, auth::Enable::default)),
        _ => listed(&answer, members::List::default),
    }
}

/// What is told is told again by its own JSON.
fn told<R>(answer: &Response<&[u8]>, request: impl Fn() -> R)
where
    R: Request<Output: Debug + PartialEq + serde::Serialize + DeserializeOwned>,
{
    if let Some(item) = json(answer, request) {
        let text = serde_json::to_string(&item).expect("it is JSON");
        let again: R::Output = serde_json::from_str(&text).expect("its own JSON decodes");
        assert_eq!(again, item, "{text}");
    }
}

/// There is nothing in a list that has no place in the text that it was made of.
fn listed<R, T>(answer: &Response<&[u8]>, request: impl Fn() -> R)
where
    R: Request<Output = Vec<T>>,
    Vec<T>: Debug + PartialEq,
{
    let length = answer.body().len();
    if let Some(items) = json(answer, request) {
        assert!(items.len() <= length / 2, "{} out of {length} bytes", items.len());
    }
}

/// An item out of a body that is JSON, as somebody else judges.
fn json<R: Request<Output: Debug + PartialEq>>(
    answer: &Response<&[u8]>,
    request: impl Fn() -> R,
) -> Option<R::Output> {
    let item = taken(answer, request)?;
    let judged = serde_json::from_slice::<IgnoredAny>(answer.body());
    assert!(judged.is_ok(), "{item:?} out of what is no JSON: {judged:?}");
    Some(item)
}

fn listed_in_text(answer: &Response<&[u8]>) {
    let urls = taken(answer, server::GetMachines::default).unwrap_or_default();
    assert!(urls.iter().all(|url| !url.is_empty() && !url.contains(',') && url.trim() == url));
    assert!(urls.iter().map(String::len).sum::<usize>() <= answer.body().len());
}

fn taken<R: Request<Output: Debug + PartialEq>>(
    answer: &Response<&[u8]>,
    request: impl Fn() -> R,
) -> Option<R::Output> {
    give_twice(answer, request, |item, same| item == same).and_then(Result::ok)
}
