//! The smaller APIs: the requests of their rows, and what the answers have to come to.

use std::fmt;
use std::sync::Arc;

use etcd_v2_proto::auth::{self, roles, users};
use etcd_v2_proto::{Document, Encoded, ErrorKind, Invalid, Request, members, server, stats};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Row;

type Shared = Arc<dyn Request<Output = Value> + Send + Sync>;

/// A request of one of the smaller APIs, whose answer is told as JSON.
#[derive(Clone)]
pub(crate) struct Smaller {
    request: Shared,
    /// One of the same kind that can be said.
    plain: Shared,
}

/// A request, and how to tell what it was answered with.
struct Told<R: Request>(R, fn(R::Output) -> Value);

impl<R: Request> Request for Told<R> {
    type Output = Value;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.0.encode()
    }

    fn accepts(&self, status: StatusCode) -> bool {
        self.0.accepts(status)
    }

    fn decode(&self, document: Document) -> Result<Value, ErrorKind> {
        self.0.decode(document).map(self.1)
    }
}

fn serialized<T: Serialize>(item: T) -> Value {
    serde_json::to_value(item).unwrap()
}

fn written(written: users::Written) -> Value {
    let mut told = serialized(written.user);
    told["created"] = written.created.into();
    told
}

impl Smaller {
    /// The request of a row, if it is one of the smaller APIs and of a form that this crate has.
    pub(super) fn for_row(row: &Row) -> Option<Self> {
        let (path, _) = row.path.split_once('?').unwrap_or((&row.path, ""));
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let body: Value = serde_json::from_str(&row.request_body).unwrap_or_default();
        Some(match (row.method.as_str(), segments.as_slice()) {
            ("GET", ["version"]) => Self::new(server::GetVersion::default()),
            ("GET", ["health"]) => Self::new(server::GetHealth::default()),
            ("GET", ["v2", "machines"]) => Self::new(server::GetMachines::default()),
            ("GET", ["v2", "members"]) => Self::new(members::List::default()),
            ("GET", ["v2", "members", "leader"]) => Self::new(members::Leader::default()),
            ("POST", ["v2", "members"]) => {
                let add = members::Add::new(texts(&body["peerURLs"])?);
                Self::new(add).or(members::Add::new(["http://plain:1"]), serialized)
            }
            ("PUT", ["v2", "members", id]) => {
                Self::new(members::Update::new(*id, texts(&body["peerURLs"])?))
            }
            ("DELETE", ["v2", "members", id]) => {
                Self::new(members::Remove::new(*id)).or(members::Remove::new("1"), serialized)
            }
            ("GET", ["v2", "stats", "self"]) => Self::new(stats::OfMember::default()),
            ("GET", ["v2", "stats", "store"]) => Self::new(stats::OfStore::default()),
            ("GET", ["v2", "stats", "leader"]) => Self::new(stats::OfLeader::default()),
            ("GET", ["v2", "auth", "enable"]) => Self::new(auth::Status::default()),
            ("PUT", ["v2", "auth", "enable"]) => Self::new(auth::Enable::default()),
            ("DELETE", ["v2", "auth", "enable"]) => Self::new(auth::Disable::default()),
            ("GET", ["v2", "auth", "users"]) => Self::new(users::List::default()),
            ("GET", ["v2", "auth", "users", user]) => Self::new(users::Get::new(*user)),
            ("DELETE", ["v2", "auth", "users", user]) => Self::new(users::Remove::new(*user)),
            ("PUT", ["v2", "auth", "users", user]) => Self::of_user(user, &body)?,
            ("GET", ["v2", "auth", "roles"]) => Self::new(roles::List::default()),
            ("GET", ["v2", "auth", "roles", role]) => Self::new(roles::Get::new(*role)),
            ("DELETE", ["v2", "auth", "roles", role]) => Self::new(roles::Remove::new(*role)),
            ("PUT", ["v2", "auth", "roles", role]) => Self::of_role(role, &body)?,
            _ => return None,
        })
    }

    fn of_user(user: &str, body: &Value) -> Option<Self> {
        let given = |name| texts(&body[name]);
        match (given("roles"), given("grant"), given("revoke")) {
            _ if body["user"] != user => None,
            (None, Some(roles), None) => Some(Self::new(users::Grant::new(user, roles))),
            (None, None, Some(roles)) => Some(Self::new(users::Revoke::new(user, roles))),
            (roles, None, None) => {
                let password = body["password"].as_str().unwrap_or_default();
                let put = users::Put::new(user, password).roles(roles.unwrap_or_default());
                Some(Self::told(put, written).or(users::Put::new("plain", "plain"), written))
            }
            _ => None,
        }
    }

    fn of_role(role: &str, body: &Value) -> Option<Self> {
        let none = json!({ "kv": { "read": null, "write": null } });
        if body["role"] != role || body["permissions"] != none {
            return None;
        }
        let patterns = |change: &Value| {
            let (read, write) = (texts(&change["kv"]["read"]), texts(&change["kv"]["write"]));
            Some(match (read, write) {
                (Some(read), Some(write)) if read == write => (read, roles::Access::ReadWrite),
                (Some(read), None) => (read, roles::Access::Read),
                (None, Some(write)) => (write, roles::Access::Write),
                _ => return None,
            })
        };
        match (patterns(&body["grant"]), patterns(&body["revoke"])) {
            (Some((all, access)), None) => Some(Self::new(roles::Grant::new(role, all, access))),
            (None, Some((all, access))) => Some(Self::new(roles::Revoke::new(role, all, access))),
            (None, None) => Some(Self::new(roles::Add::new(role))),
            _ => None,
        }
    }

    fn new<R>(request: R) -> Self
    where
        R: Request<Output: Serialize> + Send + Sync + 'static,
    {
        Self::told(request, serialized)
    }

    fn told<R>(request: R, told: fn(R::Output) -> Value) -> Self
    where
        R: Request + Send + Sync + 'static,
    {
        let request: Shared = Arc::new(Told(request, told));
        Self { plain: Arc::clone(&request), request }
    }

    fn or<R>(self, plain: R, told: fn(R::Output) -> Value) -> Self
    where
        R: Request + Send + Sync + 'static,
    {
        Self { plain: Arc::new(Told(plain, told)), ..self }
    }

    pub(super) fn plain(&self) -> Self {
        Self { request: Arc::clone(&self.plain), plain: Arc::clone(&self.plain) }
    }
}

impl Request for Smaller {
    type Output = Value;

    fn encode(&self) -> Result<Encoded, Invalid> {
        self.request.encode()
    }

    fn accepts(&self, status: StatusCode) -> bool {
        self.request.accepts(status)
    }

    fn decode(&self, document: Document) -> Result<Value, ErrorKind> {
        self.request.decode(document)
    }
}

impl fmt::Debug for Smaller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.encode().fmt(f)
    }
}

fn texts(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Checks that an item says all that the answer of a row says.
pub(super) fn check(row: &Row, item: &Value) {
    let name = &row.name;
    let Ok(body) = serde_json::from_str::<Value>(&row.response_body) else {
        // Machines are text, and many a success has no body.
        let machines: Vec<&str> = row.response_body.split(", ").collect();
        let expected = if row.response_body.is_empty() { Value::Null } else { json!(machines) };
        assert_eq!(*item, expected, "{name}");
        return;
    };
    let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = match fields.as_slice() {
        ["members"] => body["members"].clone(),
        ["users"] => names(&body["users"], "user"),
        ["roles"] => names(&body["roles"], "role"),
        ["enabled"] => body["enabled"].clone(),
        ["health"] => json!({ "healthy": body["health"] == "true", "reason": null }),
        ["permissions", "role"] if row.status == Some(201) => Value::Null,
        ["roles", "user"] | ["user"] => {
            let mut user = json!({ "user": body["user"], "roles": names(&body["roles"], "role") });
            if item.get("created").is_some() {
                user["created"] = (row.status == Some(201)).into();
            }
            user
        }
        // What is left out has not happened.
        _ if body["leaderInfo"].is_object() => {
            let mut member = body.clone();
            for rate in ["recvPkgRate", "recvBandwidthRate", "sendPkgRate", "sendBandwidthRate"] {
                member.as_object_mut().unwrap().entry(rate).or_insert_with(|| 0.0.into());
            }
            member
        }
        _ => body,
    };
    assert_eq!(*item, expected, "{name}");
}

/// The names in a list of names or of things that have one.
fn names(list: &Value, field: &str) -> Value {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = |it: &Value| if it.is_string() { it.clone() } else { it[field].clone() };
    list.iter().map(name).collect()
}
