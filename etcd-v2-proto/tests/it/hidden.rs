//! A watch of everything in a store in which nearly all changes are of hidden keys. Time is virtual.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::keys::Wait;
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Policy, Watch};

/// How long a request takes.
const TRIP: Duration = Duration::from_millis(1);

/// How many changes a server keeps.
const HISTORY: u64 = 1000;

/// An open wait is sent no hidden changes, but each later wait finds them in the history, one at a time.
#[test]
fn a_watch_keeps_up_with_a_store_whose_changes_are_hidden() {
    let route = Cluster::parse(["http://a:1"]).unwrap().route();
    let wait = Wait::new("/").recursive().after(1);
    let mut watch = Watch::new(wait, route, Arc::new(Policy::default()), 1);
    let (mut now, mut events, mut requests) = (Duration::ZERO, Vec::new(), 0);
    while now < Duration::from_secs(300) {
        let event = match watch.poll(now) {
            Action::Send { request, .. } => {
                requests += 1;
                now += TRIP;
                let index = index(now);
                let query = request.uri().query().unwrap();
                let from = query.split('&').find_map(|pair| pair.strip_prefix("waitIndex="));
                events = respond(from.unwrap().parse().unwrap(), index);
                events.pop().unwrap()
            }
            Action::Read { timeout } => events.pop().unwrap_or_else(|| {
                now += timeout.unwrap();
                Event::Elapsed
            }),
            Action::Wait(pause) => {
                now += pause;
                Event::Elapsed
            }
            Action::Yield(item) => panic!("after {now:?} and {requests} requests: {item:?}"),
            Action::Finish(end) => panic!("{end:?}"),
        };
        watch.handle(now, event);
    }
    assert!(requests > 1000, "it is about more events than a history has: {requests}");
}

/// The index of the store: 20 hidden keys change in a second, and 220 in the end.
fn index(now: Duration) -> u64 {
    let millis = u64::try_from(now.as_millis()).unwrap();
    2 + millis * 20 / 1000 + millis * millis / 3_000_000
}

/// The events of a response, the last one first.
fn respond(from: u64, index: u64) -> Vec<Event> {
    let head = |status: u16| {
        let head = http::Response::builder().status(status).header("X-Etcd-Index", index);
        Event::Head(head.body(()).unwrap().into_parts().0)
    };
    if from + HISTORY <= index {
        let body = format!(r#"{{"errorCode":401,"message":"","cause":"","index":{index}}}"#);
        return vec![Event::End, Event::Chunk(body.into()), head(400)];
    }
    if from > index {
        return vec![head(200)];
    }
    let body = format!(
        r#"{{"action":"set","node":{{"key":"/_h/a","value":"","modifiedIndex":{from},"createdIndex":{from}}}}}"#
    );
    vec![Event::End, Event::Chunk(body.into()), head(200)]
}
