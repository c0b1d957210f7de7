//! Members that are behind, or without a leader.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::{Consistency, ErrorKind, Outcome};

use crate::both::{Colour, Subject, both, ms, timed};
use crate::server::{Refusing, Seen, Server, change, plausible, response};

both!(
    member_that_is_behind_is_left_for_the_next,
    clones_share_what_was_seen,
    members_that_are_all_behind_are_an_error_that_says_so,
    store_that_went_back_is_believed_if_consensus_says_so,
    quorum_is_asked_for_unless_the_request_is_content_with_less,
    no_wait_of_a_watch_asks_for_consensus,
    listings_of_a_mirror_ask_for_consensus_and_its_waits_do_not,
    member_without_a_leader_is_left_before_anything_is_sent,
    members_without_a_leader_are_an_error_that_says_so,
    leader_is_asked_for_on_the_same_connection,
    watch_moves_on_when_its_member_has_no_leader,
);

/// What an etcd answers whose store is at this index.
fn at(index: u64, seen: &Seen) -> String {
    let path = seen.target.split('?').next().unwrap();
    let key = path.strip_prefix("/v2/keys").unwrap();
    let index_header = format!("X-Etcd-Index: {index}");
    let headers = ["Content-Type: application/json", &index_header, "X-Raft-Term: 2"];
    let action = if seen.method == "PUT" { "set" } else { "get" };
    response(200, &headers, &change(action, key, &format!("at {index}"), index))
}

/// An etcd whose store is at this index.
fn store(index: u64) -> Server {
    Server::each(move |seen| at(index, seen))
}

/// The same that is gone after its first answer.
fn passing(index: u64) -> Server {
    Server::start(move |peer| {
        if peer.number == 1
            && let Some(seen) = peer.request()
        {
            peer.write(at(index, &seen));
        }
        peer.reset();
    })
}

/// An etcd that is well, except that it may have no leader.
fn led(has_leader: impl Fn() -> bool + Send + Sync + 'static) -> Server {
    Server::each(move |seen| match seen.target.as_str() {
        "/v2/members/leader" if has_leader() => {
            let body = r#"{"id":"a7be38d986537a7c","name":"s1","peerURLs":[],"clientURLs":[]}"#;
            response(200, &["Content-Type: application/json"], body)
        }
        "/v2/members/leader" => response(503, &[], "{\"message\":\"During election\"}"),
        _ => plausible(seen),
    })
}

fn monotonic(client: &Subject) -> Subject {
    client.with(|policy| policy.consistency = Consistency::Monotonic)
}

fn requiring_a_leader(client: &Subject) -> Subject {
    client.with(|policy| policy.require_leader = true)
}

fn member_that_is_behind_is_left_for_the_next(colour: Colour) {
    let (first, behind, ahead) = (passing(57), store(56), store(57));
    let urls = [first.url(), behind.url(), ahead.url()];
    let client = monotonic(&colour.client(urls));
    let read = || client.send(Get::new("/a")).unwrap().into_value();
    assert_eq!(read().as_deref(), Some("at 57"));
    assert_eq!(read().as_deref(), Some("at 57"), "not 56");
    assert_eq!((behind.count(), ahead.count()), (1, 1));
    assert_eq!(client.pinned(), ahead.url());
    assert_eq!(read().as_deref(), Some("at 57"));
    assert_eq!(behind.count(), 1, "it is not asked any more");
}

fn clones_share_what_was_seen(colour: Colour) {
    let (first, behind) = (passing(57), store(56));
    let client = colour.client([first.url(), behind.url()]);
    let once = monotonic(&client).with(|policy| policy.passes = Some(1));
    // What a write tells counts as well.
    client.send(Set::new("/a", "1")).unwrap();
    let error = once.send(Get::new("/a")).unwrap_err();
    assert!(error.is_stale(), "{error}");
    let read = client.send(Get::new("/a")).unwrap();
    assert_eq!(read.value(), Some("at 56"), "a local read is content with that");
    let read = once.send(Get::new("/a").local()).unwrap();
    assert_eq!(read.value(), Some("at 56"), "and so is one that says so");
}

fn members_that_are_all_behind_are_an_error_that_says_so(colour: Colour) {
    // Without a majority there is no consensus that could tell more.
    let behind = Server::each(|seen| match seen.target.contains("quorum=true") {
        true => crate::server::refusal(500, 300, "Raft Internal Error"),
        false => at(41, seen),
    });
    let (first, refusing) = (passing(57), Refusing::new());
    let client = colour.patient([first.url(), behind.url(), refusing.url()]).policy(|policy| {
        policy.consistency = Consistency::Monotonic;
        policy.read_deadline = Some(ms(1000));
    });
    let client = client.build();
    client.send(Get::new("/a")).unwrap();
    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took < ms(4000), "{took:?}");
    assert!(error.is_stale() && !error.is_unavailable(), "{error}");
    let ErrorKind::Stale { found, seen } = error.kind() else { panic!("{error}") };
    assert_eq!((found.index, seen.index, seen.term), (Some(41), Some(57), Some(2)));
    let text = error.to_string();
    assert!(text.contains("index 41 in term 2 instead of index 57 in term 2"), "{text}");
    assert!(text.contains(&refusing.url()), "who was not there at all is told, too: {text}");
    assert!((2..=11).contains(&behind.count()), "it was asked again: {}", behind.count());
}

fn store_that_went_back_is_believed_if_consensus_says_so(colour: Colour) {
    let (first, restored) = (passing(57), store(40));
    let client = colour.client([first.url(), restored.url()]);
    let once = monotonic(&client).with(|policy| policy.passes = Some(1));
    client.send(Get::new("/a")).unwrap();
    assert!(once.send(Get::new("/a")).unwrap_err().is_stale());
    client.send(Get::new("/a").local()).unwrap();
    assert!(once.send(Get::new("/a")).unwrap_err().is_stale(), "a local read proves nothing");
    client.send(Get::new("/a").quorum()).unwrap();
    assert_eq!(once.send(Get::new("/a")).unwrap().value(), Some("at 40"));
}

fn quorum_is_asked_for_unless_the_request_is_content_with_less(colour: Colour) {
    let server = Server::healthy();
    let client = by_consensus(&colour.client([server.url()]));
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/a").local()).unwrap();
    client.send(Set::new("/a", "1")).unwrap();
    client.send(Wait::new("/a")).unwrap();
    let lines = [
        "GET /v2/keys/a?quorum=true",
        "GET /v2/keys/a",
        "PUT /v2/keys/a",
        "GET /v2/keys/a?wait=true",
    ];
    assert_eq!(server.lines(), lines);
}

fn by_consensus(client: &Subject) -> Subject {
    client.with(|policy| policy.consistency = Consistency::Quorum)
}

fn no_wait_of_a_watch_asks_for_consensus(colour: Colour) {
    let server = Server::healthy();
    let client = by_consensus(&colour.client([server.url()]));
    for wait in [Wait::new("/a"), Wait::new("/a").after(7), Wait::new("/a").after(7).stream()] {
        let (_, watch) = client.watch(wait.recursive()).change();
        assert!(watch.step().0.is_some(), "resumed");
    }
    let asked = server.lines();
    assert!(asked.len() >= 6, "{asked:?}");
    assert!(asked.iter().all(|line| line.contains("wait=true")), "{asked:?}");
    assert!(!asked.iter().any(|line| line.contains("quorum")), "{asked:?}");
}

fn listings_of_a_mirror_ask_for_consensus_and_its_waits_do_not(colour: Colour) {
    let server = Server::healthy();
    let client = by_consensus(&colour.client([server.url()]));
    assert!(client.updates(Get::new("/a"), 4).iter().all(Result::is_ok));
    let asked = server.lines();
    let (waits, listings): (Vec<_>, Vec<_>) =
        asked.iter().partition(|line| line.contains("wait=true"));
    assert!(waits.len() >= 2 && !listings.is_empty(), "{asked:?}");
    assert!(!waits.iter().any(|line| line.contains("quorum")), "{asked:?}");
    assert!(listings.iter().all(|line| line.contains("quorum=true")), "{asked:?}");
}

fn member_without_a_leader_is_left_before_anything_is_sent(colour: Colour) {
    let (alone, server) = (led(|| false), led(|| true));
    let client = requiring_a_leader(&colour.client([alone.url(), server.url()]));
    client.send(Set::new("/a", "1")).unwrap();
    assert_eq!(client.pinned(), server.url());
    client.send(Get::new("/a")).unwrap();
    let question = "GET /v2/members/leader";
    assert_eq!(alone.lines(), [question]);
    let lines = [question, "PUT /v2/keys/a", question, "GET /v2/keys/a"];
    assert_eq!(server.lines(), lines);
}

fn members_without_a_leader_are_an_error_that_says_so(colour: Colour) {
    let (alone, hung, refusing) = (led(|| false), Server::hung(), Refusing::new());
    let client = colour.setup([hung.url(), alone.url(), refusing.url()]).policy(|policy| {
        policy.require_leader = true;
        (policy.connect, policy.read_deadline) = (Some(ms(300)), Some(ms(1000)));
    });
    let client = client.build();
    for result in [client.send(Set::new("/a", "1")), client.send(Get::new("/a"))] {
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoLeader), "{error}");
        assert!(error.is_no_leader() && !error.may_have_applied(), "{error}");
        assert_eq!(error.outcome(), Outcome::NotSent, "not even to the one that hangs");
        assert!(error.attempts().len() >= 3, "{}", error.detail());
    }
    let lines = [hung.lines(), alone.lines()].concat();
    assert!(lines.iter().all(|line| line == "GET /v2/members/leader"), "{lines:?}");
}

fn leader_is_asked_for_on_the_same_connection(colour: Colour) {
    let server = led(|| true);
    let client = colour.setup([server.url()]).credentials("root", "hunter2").build();
    let client = requiring_a_leader(&client)
        .with(|policy| policy.read_head = policy.write_head.map(Into::into));
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert_eq!((server.count(), server.connections()), (4, 1));
    for seen in server.seen() {
        let question = seen.target == "/v2/members/leader";
        assert_eq!(seen.header("authorization").is_none(), question, "{}", seen.line());
    }
}

fn watch_moves_on_when_its_member_has_no_leader(colour: Colour) {
    let has_leader = Arc::new(AtomicBool::new(true));
    let leads = Arc::clone(&has_leader);
    let (first, second) = (led(move || leads.load(Ordering::Relaxed)), led(|| true));
    let client = requiring_a_leader(&colour.client([first.url(), second.url()]));
    let (index, watch) = client.watch(Wait::new("/a").after(7)).change();
    assert_eq!((index, second.count()), (8, 0));
    has_leader.store(false, Ordering::Relaxed);
    let (index, _watch) = watch.change();
    assert_eq!((index, second.count()), (9, 2));
    assert_eq!(client.pinned(), second.url());
}
