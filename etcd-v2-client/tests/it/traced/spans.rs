//! Spans are around what belongs to them, and events say what happened.

use std::thread;
use std::time::Instant;

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set, Wait};
use tracing::Level;

use super::Traced;
use super::collector::Happened;
use crate::both::{Colour, both, ms};
use crate::server::{Gate, PATIENCE, Refusing, Server, plausible, refusal, response};

both!(
    a_call_is_told_within_its_span,
    a_failure_is_told_with_its_outcome,
    concurrent_calls_are_told_apart,
    no_thread_stays_in_a_span_while_a_call_waits,
    a_span_is_within_that_of_the_caller,
    a_watch_is_one_span,
    a_mirror_is_one_span,
    syncs_are_told,
    an_automatic_sync_is_one_span,
    commands_are_told_when_they_are_switched_on,
);

fn a_call_is_told_within_its_span(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let traced = Traced::new(colour.patient([refusing.url(), server.url()]));
    traced.send(Get::new("/a").quorum()).unwrap();

    let spans = traced.collector.spans();
    assert_eq!((spans.len(), spans[0].name, spans[0].level), (1, "etcd", Level::DEBUG));
    let fields = &spans[0].fields;
    let field = |name: &str| fields.get(name).map(String::as_str);
    assert_eq!((field("what"), field("method")), (Some("Get"), Some("GET")));
    assert_eq!((field("path"), field("outcome")), (Some("/v2/keys/a"), None));

    let events = traced.collector.events();
    let told = events.iter().map(|event| (event.level, event.message()));
    let expected = [
        (Level::TRACE, "attempt started"),
        (Level::DEBUG, "attempt finished"),
        (Level::INFO, "pin moved"),
        (Level::TRACE, "attempt started"),
        (Level::DEBUG, "attempt finished"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert!(events.iter().all(|event| event.span == Some(1)), "{events:?}");
    assert!(events.iter().all(|event| event.target == "etcd_v2_client"));
    let [_, failed, moved, started, answered] = &events[..] else { panic!("{events:?}") };
    assert_eq!((failed.field("endpoint"), failed.field("outcome")), (&*refusing.url(), "not sent"));
    assert!(failed.field("failure").starts_with("could not connect"), "{failed:?}");
    assert_eq!((moved.field("from"), moved.field("to")), (&*refusing.url(), &*server.url()));
    assert_eq!((started.field("endpoint"), started.field("method")), (&*server.url(), "GET"));
    for (name, expected) in [
        ("path", "/v2/keys/a"),
        ("status", "200"),
        ("etcd_index", "7"),
        ("raft_index", "21"),
        ("raft_term", "2"),
        ("outcome", "answered"),
        ("failure", ""),
    ] {
        assert_eq!(answered.field(name), expected, "{name}");
    }
    assert!(answered.field("elapsed").ends_with('s'), "{answered:?}");
}

fn a_failure_is_told_with_its_outcome(colour: Colour) {
    for (answer, outcome) in [
        (refusal(412, 101, "Compare failed"), Outcome::Rejected),
        (refusal(500, 300, "Raft Internal Error"), Outcome::Unknown),
    ] {
        let server = Server::always(answer);
        let traced = Traced::new(colour.patient([server.url()]));
        traced.send(Set::new("/a", "1")).unwrap_err();
        assert_eq!(traced.collector.spans()[0].fields["outcome"], outcome.to_string());
        assert_eq!(traced.collector.events()[1].field("outcome"), outcome.to_string());
    }
}

fn concurrent_calls_are_told_apart(colour: Colour) {
    const CALLS: usize = 12;
    let gate = Gate::default();
    let opened = gate.clone();
    // All of them are under way before one is answered.
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            opened.wait();
            peer.write(plausible(&seen));
        }
    });
    let traced = Traced::new(colour.patient([server.url()]));
    let calls = (0..CALLS).map(|call| traced.start(Get::new(format!("/{call}"))));
    let calls: Vec<_> = calls.collect();
    server.until_seen(CALLS);
    gate.open();
    for call in calls {
        call.result().unwrap();
    }
    let (spans, events) = (traced.collector.spans(), traced.collector.events());
    assert_eq!((spans.len(), events.len()), (CALLS, 2 * CALLS));
    for event in events {
        let span = &spans[event.span.unwrap() as usize - 1];
        assert_eq!(span.fields["path"], event.field("path"));
    }
}

fn no_thread_stays_in_a_span_while_a_call_waits(colour: Colour) {
    let gate = Gate::default();
    let opened = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            opened.wait();
            peer.write(plausible(&seen));
        }
    });
    let traced = Traced::new(colour.patient([server.url()]));
    let call = traced.start(Get::new("/a"));
    server.until_seen(1);
    if traced.client.is_blocking() {
        // It keeps its thread, which is in the span rightly.
        assert!(!traced.collector.is_left());
    } else {
        let began = Instant::now();
        while !traced.collector.is_left() {
            assert!(began.elapsed() < PATIENCE, "still entered: {:?}", traced.collector);
            thread::yield_now();
        }
    }
    gate.open();
    call.result().unwrap();
    assert_eq!(traced.collector.spans().len(), 1);
}

fn a_span_is_within_that_of_the_caller(colour: Colour) {
    let server = Server::healthy();
    let traced = Traced::new(colour.patient([server.url()]));
    traced.send_within(Get::new("/a")).unwrap();
    let spans = traced.collector.spans();
    assert_eq!((spans[0].name, spans[1].name), ("caller", "etcd"));
    assert_eq!(spans[1].parent, Some(1));
    assert!(traced.collector.events().iter().all(|event| event.span == Some(2)));
}

fn a_watch_is_one_span(colour: Colour) {
    let server = Server::healthy();
    let traced = Traced::new(colour.patient([server.url()]));
    let changes = traced.watch(Wait::new("/a").recursive().after(2), 3);
    assert!(changes.len() == 3 && changes.iter().all(Result::is_ok), "{changes:?}");
    let spans = traced.collector.spans();
    assert_eq!((spans.len(), &*spans[0].fields["what"]), (1, "Watch"));
    assert_eq!((&*spans[0].fields["path"], &*spans[0].fields["method"]), ("/v2/keys/a", "GET"));
    let events = traced.collector.events();
    assert_eq!(events.len(), 6);
    assert!(events.iter().all(|event| event.span == Some(1)));
}

fn a_mirror_is_one_span(colour: Colour) {
    let server = Server::healthy();
    let traced = Traced::new(colour.patient([server.url()]));
    let updates = traced.mirror(Get::new("/a"), 4);
    assert!(updates.iter().all(Result::is_ok), "{updates:?}");
    let spans = traced.collector.spans();
    assert_eq!((spans.len(), &*spans[0].fields["what"]), (1, "Mirroring"));
    let events = traced.collector.events();
    assert!(events.len() >= 4 && events.iter().all(|event| event.span == Some(1)));
}

fn syncs_are_told(colour: Colour) {
    let server = Server::each(|seen| {
        let host = seen.header("Host").unwrap();
        let members = format!(r#"{{"members":[{{"id":"1","clientURLs":["http://{host}","x"]}}]}}"#);
        response(200, &["Content-Type: application/json"], &members)
    });
    let traced = Traced::new(colour.patient([server.url()]));
    traced.sync().unwrap();
    let events = traced.collector.events();
    let last = events.last().unwrap();
    assert_eq!((last.level, last.message()), (Level::INFO, "synced"));
    assert_eq!((last.field("endpoints"), last.field("refused")), ("1", "1"));
    assert_eq!(traced.collector.spans()[0].fields["what"], "Sync");

    let refusing = Refusing::new();
    let setup = colour.patient([refusing.url()]).policy(|policy| policy.passes = Some(1));
    let traced = Traced::new(setup);
    traced.sync().unwrap_err();
    let events = traced.collector.events();
    let last = events.last().unwrap();
    assert_eq!((last.level, last.message()), (Level::WARN, "not synced"));
    assert_eq!(last.field("outcome"), "not sent");
}

fn an_automatic_sync_is_one_span(colour: Colour) {
    let gate = Gate::default();
    let opened = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            opened.wait();
            let host = seen.header("Host").unwrap();
            let members = format!(r#"{{"members":[{{"id":"1","clientURLs":["http://{host}"]}}]}}"#);
            peer.write(response(200, &["Content-Type: application/json"], &members));
        }
    });
    let traced = Traced::new(colour.patient([server.url()]));
    let syncing = traced.auto_sync(ms(100));
    server.until_seen(1);
    if traced.client.is_blocking() {
        // It keeps a thread of its own, which subscribers of other threads see by its span alone.
        assert!(!traced.collector.is_left());
    }
    gate.open();
    syncing.next().unwrap();
    syncing.next().unwrap();
    assert!(syncing.end().iter().all(Result::is_ok));
    let spans = traced.collector.spans();
    assert_eq!((spans.len(), &*spans[0].fields["what"]), (1, "AutoSync"));
    assert_eq!((&*spans[0].fields["path"], &*spans[0].fields["method"]), ("/v2/members", "GET"));
    let events = traced.collector.events();
    assert!(events.iter().all(|event| event.span == Some(1)), "{events:?}");
    if !traced.client.is_blocking() {
        let synced = events.iter().filter(|event| event.message() == "synced");
        assert!(synced.count() >= 2, "{events:?}");
    }
}

fn commands_are_told_when_they_are_switched_on(colour: Colour) {
    let server = Server::healthy();
    let traced = Traced::new(colour.patient([server.url()]));
    let commands = || {
        let is_command = |event: &Happened| {
            event.target == "etcd_v2_client::curl" && event.level == Level::DEBUG
        };
        let events = traced.collector.events().into_iter().filter(is_command);
        events.map(|event| event.message().to_owned()).collect::<Vec<_>>()
    };
    traced.send(Get::new("/a")).unwrap();
    assert!(commands().is_empty());
    traced.enable_curl_tracing();
    traced.send(Get::new("/b")).unwrap();
    traced.client.disable_curl();
    traced.send(Get::new("/c")).unwrap();
    assert_eq!(commands(), [format!("curl -X GET {}/v2/keys/b", server.url())]);
}

#[cfg(feature = "hyper")]
#[test]
fn a_call_that_is_dropped_is_told_within_its_span() {
    use tracing::instrument::WithSubscriber;

    let server = Server::hung();
    let client = etcd_v2_client::Client::new([server.url()]).unwrap();
    let Traced { collector, dispatch, .. } = Traced::new(Colour::Async.setup([server.url()]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = async {
        let mut call = Box::pin(client.send(Set::new("/a", "1")));
        while server.count() == 0 {
            assert!(tokio::time::timeout(ms(1), &mut call).await.is_err());
        }
    };
    runtime.block_on(call.with_subscriber(dispatch));
    assert_eq!(collector.spans().len(), 1);
    let events = collector.events();
    let told: Vec<_> = events.iter().map(|event| (event.message(), event.span)).collect();
    assert_eq!(told[..2], [("attempt started", Some(1)), ("attempt finished", Some(1))]);
    assert_eq!((events[1].field("outcome"), events[1].field("failure")), ("unknown", ""));
}
