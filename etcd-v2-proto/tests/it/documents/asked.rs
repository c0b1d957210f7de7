//! The requests that the captured answers are answers to, and how an exchange takes an answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::keys::{Change, Delete, Get, Key, Push, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Document, Encoded, Error, ErrorKind, Event, Exchange, Failure,
    Invalid, Policy, Purpose, Request,
};
use http::{Method, StatusCode};

use super::Row;
use super::smaller::Smaller;

/// A request of any kind, so that all rows have one type.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Get(Get),
    /// With whether it asks for no value.
    Set(Set, bool),
    Push(Push),
    Delete(Delete),
    Wait(Wait),
    Smaller(Smaller),
    /// What is of no API, of a form that this crate does not have, or of a method that has no request.
    Raw {
        method: Method,
        path: String,
    },
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Change(Change),
    /// What an answer of the smaller APIs says, as JSON.
    Told(serde_json::Value),
    Body(Vec<u8>),
}

type Parameters<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

impl Asked {
    /// The request of a row, and why it cannot be said as it was, if it cannot.
    pub(crate) fn for_row(row: &Row) -> (Self, Option<Invalid>) {
        let (path, query) = row.path.split_once('?').unwrap_or((&row.path, ""));
        let key =
            path.strip_prefix("/v2/keys").filter(|key| key.is_empty() || key.starts_with('/'));
        let key = key.and_then(|key| Self::of_keys(row, key, query));
        let smaller = || Smaller::for_row(row).map(Self::Smaller);
        let asked = key.or_else(smaller).unwrap_or_else(|| Self::Raw {
            method: row.method.parse().unwrap(),
            path: path.to_owned(),
        });
        match asked.encode() {
            Ok(_) => (asked, None),
            Err(invalid) => {
                let key = path.strip_prefix("/v2/keys").unwrap_or_default();
                let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
                let key =
                    key.parse().map_or_else(|_| "/plain".to_owned(), |key: Key| key.to_string());
                let creates = row.request_body.contains("prevExist=false");
                (asked.plain(key, creates), Some(invalid))
            }
        }
    }

    fn of_keys(row: &Row, key: &str, query: &str) -> Option<Self> {
        let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
        let mut given: Parameters<'_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let form = row.request_headers.values().any(|value| value.contains("form-urlencoded"));
        if form && row.method != "DELETE" {
            given.extend(url::form_urlencoded::parse(row.request_body.as_bytes()));
        }
        let text = |name| given.get(name).filter(|text| !text.is_empty());
        let number = |name| text(name).and_then(|text| text.parse::<u64>().ok());
        let flag = |name| {
            let text = text(name).map(|text| text.to_ascii_lowercase());
            text.is_some_and(|text| ["true", "t", "1"].contains(&text.as_str()))
        };
        Some(match row.method.as_str() {
            "GET" if flag("wait") => {
                let mut wait = Wait::new(key);
                if flag("recursive") {
                    wait = wait.recursive();
                }
                if let Some(index @ 1..) = number("waitIndex") {
                    wait = wait.after(index - 1);
                }
                Self::Wait(wait)
            }
            "GET" => {
                let mut get = Get::new(key);
                if flag("recursive") {
                    get = get.recursive();
                }
                if flag("sorted") {
                    get = get.sorted();
                }
                if flag("quorum") {
                    get = get.quorum();
                }
                Self::Get(get)
            }
            "PUT" => {
                let ttl = number("ttl").map(Duration::from_secs);
                let value = text("value").map_or("", |value| value);
                let mut set = match ttl {
                    Some(ttl) if flag("refresh") => Set::refresh(key, ttl).value(value),
                    _ => Set::new(key, value),
                };
                if flag("dir") {
                    set = set.directory();
                }
                if let Some(ttl) = ttl {
                    set = set.ttl(ttl);
                }
                if let Some(exist) = text("prevExist") {
                    set = if *exist == "false" { set.if_absent() } else { set.if_exists() };
                }
                if let Some(value) = given.get("prevValue") {
                    set = set.if_value(value.clone());
                }
                if let Some(index) = number("prevIndex") {
                    set = set.if_index(index);
                }
                let no_value = flag("noValueOnSuccess");
                Self::Set(if no_value { set.no_value_on_success() } else { set }, no_value)
            }
            "POST" => {
                let mut push = match text("value") {
                    _ if flag("dir") => Push::directory(key),
                    value => Push::new(key, value.map_or("", |value| value)),
                };
                if let Some(ttl) = number("ttl") {
                    push = push.ttl(Duration::from_secs(ttl));
                }
                Self::Push(push)
            }
            "DELETE" => {
                let mut delete = Delete::new(key);
                if flag("dir") {
                    delete = delete.directory();
                }
                if flag("recursive") {
                    delete = delete.recursive();
                }
                if let Some(value) = given.get("prevValue") {
                    delete = delete.if_value(value.clone());
                }
                if let Some(index) = number("prevIndex") {
                    delete = delete.if_index(index);
                }
                Self::Delete(delete)
            }
            _ => return None,
        })
    }

    /// A request of the same kind that can be said, for the same key if that can be said.
    fn plain(&self, key: String, creates: bool) -> Self {
        match self {
            Self::Get(_) => Self::Get(Get::new(key)),
            Self::Set(_, false) if creates => Self::Set(Set::create(key, ""), false),
            Self::Set(_, false) => Self::Set(Set::new(key, ""), false),
            Self::Set(_, true) => Self::Set(Set::new(key, "").no_value_on_success(), true),
            Self::Push(_) => Self::Push(Push::new(key, "")),
            Self::Delete(_) => Self::Delete(Delete::new(key)),
            Self::Wait(_) => Self::Wait(Wait::new(key)),
            Self::Smaller(smaller) => Self::Smaller(smaller.plain()),
            Self::Raw { method, .. } => {
                Self::Raw { method: method.clone(), path: "/plain".to_owned() }
            }
        }
    }

    /// Whether an answer without a node is what was asked for.
    pub(super) const fn wants_no_value(&self) -> bool {
        matches!(self, Self::Set(_, true))
    }
}

impl Request for Asked {
    type Output = Item;

    fn encode(&self) -> Result<Encoded, Invalid> {
        match self {
            Self::Get(get) => get.encode(),
            Self::Set(set, _) => set.encode(),
            Self::Push(push) => push.encode(),
            Self::Delete(delete) => delete.encode(),
            Self::Wait(wait) => wait.encode(),
            Self::Smaller(smaller) => smaller.encode(),
            Self::Raw { method, path } => {
                let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
                let purpose = if reads { Purpose::Read } else { Purpose::Write };
                Encoded::new(method.clone(), path.as_str(), purpose)
            }
        }
    }

    fn accepts(&self, status: StatusCode) -> bool {
        match self {
            Self::Smaller(smaller) => smaller.accepts(status),
            _ => status.is_success(),
        }
    }

    fn decode(&self, document: Document) -> Result<Item, ErrorKind> {
        match self {
            Self::Get(get) => get.decode(document).map(Item::Change),
            Self::Set(set, _) => set.decode(document).map(Item::Change),
            Self::Push(push) => push.decode(document).map(Item::Change),
            Self::Delete(delete) => delete.decode(document).map(Item::Change),
            Self::Wait(wait) => wait.decode(document).map(Item::Change),
            Self::Smaller(smaller) => smaller.decode(document).map(Item::Told),
            Self::Raw { .. } => Ok(Item::Body(document.body)),
        }
    }
}

/// The only answer that an exchange gets.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// How an exchange ends that gets one answer.
#[derive(Debug)]
pub(crate) enum Ending<T> {
    Item(T),
    Error(Error),
    /// It goes on with another request.
    Elsewhere {
        first: Box<http::Request<Bytes>>,
        then: Box<http::Request<Bytes>>,
    },
}

impl Answer {
    /// The answer, given in one piece.
    pub(crate) fn to<R: Request>(&self, request: R) -> Ending<R::Output> {
        self.in_pieces(request, [self.body.as_slice()], Event::End)
    }

    /// The answer, with the connection cut after what there is of it.
    pub(crate) fn broken_off_to<R: Request>(&self, request: R) -> Ending<R::Output> {
        let cut = Event::Failed(Failure::after_send("connection reset"));
        self.in_pieces(request, [self.body.as_slice()], cut)
    }

    /// Whether its head tells how long its body is.
    pub(crate) fn tells_length(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    }

    /// The answer with these pieces for a body and this end.
    pub(crate) fn in_pieces<'a, R: Request>(
        &self,
        request: R,
        pieces: impl IntoIterator<Item = &'a [u8]>,
        end: Event,
    ) -> Ending<R::Output> {
        let cluster = Cluster::parse(["http://127.0.0.1:23201"]).unwrap();
        let mut policy = Policy::default();
        policy.passes = Some(1);
        let now = Duration::ZERO;
        let mut exchange = Exchange::new(request, cluster.route(), Arc::new(policy), 1, now);
        let first = match exchange.poll(now) {
            Action::Send { request, .. } => Box::new(request),
            Action::Finish(Err(error)) => return Ending::Error(error),
            _ => panic!("neither sending nor refusing"),
        };
        let mut head = http::Response::builder().status(self.status);
        for (name, value) in &self.headers {
            head = head.header(name, value);
        }
        exchange.handle(now, Event::Head(head.body(()).unwrap().into_parts().0));
        let chunks = pieces.into_iter().map(|piece| Event::Chunk(Bytes::copy_from_slice(piece)));
        let mut events = chunks.chain([end]);
        loop {
            match exchange.poll(now) {
                Action::Read { .. } => {
                    exchange.handle(now, events.next().expect("an end after the end"));
                }
                Action::Send { request, .. } => {
                    return Ending::Elsewhere { first, then: Box::new(request) };
                }
                Action::Yield(item) => {
                    let end = exchange.poll(now);
                    assert!(matches!(end, Action::Finish(Ok(()))), "more than one item");
                    return Ending::Item(item);
                }
                Action::Finish(Err(error)) => return Ending::Error(error),
                _ => panic!("neither an item nor an error"),
            }
        }
    }
}
