//! Servers that are slow, hung, cut off or without a leader, and what probes make of them.

use std::time::Duration;

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set, Wait};

use crate::both::{Colour, GUARDED, Subject, WRITES, both, ms, timed};
use crate::server::{Gate, Server, change, etcd, plausible, response};

both!(
    a_late_write_waits_while_its_server_is_alive,
    probes_carry_no_credentials,
    a_write_is_left_when_its_server_answers_no_probe,
    a_write_is_left_when_its_server_turns_probes_away,
    what_may_be_repeated_goes_on_elsewhere,
    a_write_without_a_leader_is_left_in_time,
    a_member_without_a_leader_is_left_for_one_that_has_one,
    a_watch_leaves_a_member_that_hangs,
    a_watch_leaves_a_member_without_a_leader_for_one_that_has_one,
    nobody_is_probed_while_answers_come_in_time,
    endpoint_of_a_local_read_is_probed_only_after_a_timeout,
    a_policy_may_be_against_it,
    idle_watches_share_their_probes,
);

pub(super) const PROBE: &str = "GET /v2/members/leader";

/// A bound that a busy machine keeps, but no time limit of the policy does.
pub(super) const SOON: Duration = ms(5000);

/// A client whose only limits for writes and watches are far away, but that probes.
pub(super) fn client<const N: usize>(colour: Colour, servers: [&Server; N]) -> Subject {
    colour
        .setup(servers.map(Server::url))
        .policy(|policy| {
            policy.write_deadline = Some(ms(60_000));
            policy.write_head = Some(ms(60_000));
            policy.guarded_head = policy.write_head.map(Into::into);
            policy.wait_head = None;
            policy.watch_idle = None;
        })
        .build()
}

pub(super) fn leader() -> String {
    response(200, &["Content-Type: application/json"], r#"{"id":"1","name":"one"}"#)
}

pub(super) fn no_leader() -> String {
    response(503, &["Content-Type: application/json"], r#"{"message":"During election"}"#)
}

/// Answers probes with this, accepts waits, and is silent otherwise.
pub(super) fn answering(probes: impl Fn() -> String + Send + Sync + 'static) -> Server {
    Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            match seen.line().as_str() {
                PROBE => drop(peer.write(probes())),
                line if line.contains("wait=true") => drop(peer.write(accepted())),
                _ => return peer.hang(),
            }
        }
    })
}

/// The head of a wait.
fn accepted() -> &'static str {
    "HTTP/1.1 200 OK\r\nX-Etcd-Index: 40\r\nTransfer-Encoding: chunked\r\n\r\n"
}

/// Has a leader, and answers everything.
pub(super) fn good() -> Server {
    Server::each(|seen| if seen.line() == PROBE { leader() } else { plausible(seen) })
}

pub(super) fn probes(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line == PROBE).count()
}

fn a_late_write_waits_while_its_server_is_alive(colour: Colour) {
    let gate = Gate::default();
    let answer = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.line() == PROBE {
                peer.write(leader());
            } else {
                answer.wait();
                peer.write(plausible(&seen));
            }
        }
    });
    let other = good();
    let client = client(colour, [&server, &other]);
    let writing = client.start(Set::new("/a", "1"));
    // The write, and two looks that found nothing wrong.
    server.until_seen(3);
    assert!(writing.lasts(ms(1)));
    gate.open();
    assert_eq!(writing.result().unwrap().value(), Some("written"));
    assert_eq!((other.connections(), client.pinned()), (0, server.url()));
}

fn probes_carry_no_credentials(colour: Colour) {
    let server = answering(leader);
    let client = colour.setup([server.url()]).credentials("root", "secret").build();
    let _writing = client.start(Set::new("/a", "1"));
    server.until_seen(2);
    let seen = server.seen();
    assert!(seen[0].header("authorization").is_some());
    assert_eq!((seen[1].line().as_str(), seen[1].header("authorization")), (PROBE, None));
    assert_eq!(seen[1].header("host"), Some(server.host().as_str()));
    assert_eq!(seen[1].header("user-agent"), seen[0].header("user-agent"));
}

fn a_write_is_left_when_its_server_answers_no_probe(colour: Colour) {
    for (name, write) in WRITES {
        let (hung, other) = (Server::hung(), good());
        let client = client(colour, [&hung, &other]);
        let (result, took) = timed(|| write(&client));
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{name}: {error}");
        assert!(took >= ms(400) && took < SOON, "{name}: {took:?}");
        assert_eq!((hung.count(), other.connections()), (2, 0), "{name}: once, and a probe");
        assert_eq!(client.pinned(), other.url(), "{name}");
    }
}

fn a_write_is_left_when_its_server_turns_probes_away(colour: Colour) {
    let server = Server::start(|peer| {
        if peer.number == 1 {
            return peer.hang();
        }
        peer.reset();
    });
    let other = good();
    let client = client(colour, [&server, &other]);
    let (result, took) = timed(|| client.send(Set::new("/a", "1")));
    assert_eq!(result.unwrap_err().outcome(), Outcome::Unknown);
    assert!(took < SOON, "{took:?}");
    assert_eq!(client.pinned(), other.url());
}

fn what_may_be_repeated_goes_on_elsewhere(colour: Colour) {
    for (name, write) in GUARDED {
        let (hung, other) = (Server::hung(), good());
        let client = client(colour, [&hung, &other]);
        let (result, took) = timed(|| write(&client));
        assert!(result.is_ok() && took < SOON, "{name}: {took:?} {result:?}");
        assert_eq!(client.pinned(), other.url(), "{name}");
    }
    let (hung, other) = (Server::hung(), good());
    let client = client(colour, [&hung, &other]);
    let (result, took) = timed(|| client.send(Get::new("/a").quorum()));
    assert!(result.is_ok() && took < SOON, "{took:?} {result:?}");
}

fn a_write_without_a_leader_is_left_in_time(colour: Colour) {
    let servers = [answering(no_leader), answering(no_leader)];
    let client = client(colour, [&servers[0], &servers[1]]);
    let client = client.with(|policy| policy.no_leader = Some(ms(1900)));
    let (result, took) = timed(|| client.send(Set::new("/a", "1")));
    assert_eq!(result.unwrap_err().outcome(), Outcome::Unknown);
    assert!(took >= ms(1900) && took < SOON, "{took:?}");
    assert!(probes(&servers[1]) > 0, "somebody else might have had one");
}

fn a_member_without_a_leader_is_left_for_one_that_has_one(colour: Colour) {
    let (cut_off, other) = (answering(no_leader), good());
    let client = client(colour, [&cut_off, &other]).with(|policy| policy.no_leader = None);
    let (result, took) = timed(|| client.send(Set::new("/a", "1").if_index(3)));
    assert!(result.is_ok() && took < SOON, "{took:?} {result:?}");
    assert_eq!(client.pinned(), other.url());
}

/// Waits at the first server, of which something is wrong, then at the second one.
fn is_left_by_a_watch(colour: Colour, first: &Server) {
    let second = Server::each(|seen| match seen.line().as_str() {
        PROBE => leader(),
        _ => etcd(&change("set", "/a", "1", 41)),
    });
    let client = client(colour, [first, &second]);
    let ((error, watch), took) = timed(|| client.watch(Wait::new("/a")).error());
    assert!(error.gap().is_none() && took < SOON, "{took:?} {error}");
    assert_eq!(watch.change().0, 41);
    let lines = second.lines();
    assert!(lines.contains(&"GET /v2/keys/a?wait=true&waitIndex=41".to_owned()), "{lines:?}");
    assert_eq!(client.pinned(), second.url());
}

fn a_watch_leaves_a_member_that_hangs(colour: Colour) {
    let silent = Server::start(|peer| {
        peer.request();
        if peer.number == 1 {
            peer.write(accepted());
        }
        peer.hang();
    });
    is_left_by_a_watch(colour, &silent);
    // Of two connections, one was the wait's.
    silent.until_closed(2);
}

fn a_watch_leaves_a_member_without_a_leader_for_one_that_has_one(colour: Colour) {
    let cut_off = answering(no_leader);
    is_left_by_a_watch(colour, &cut_off);
    assert!(probes(&cut_off) >= 2);
}

fn nobody_is_probed_while_answers_come_in_time(colour: Colour) {
    let server = good();
    // As late as only a machine is that is very busy.
    let client = client(colour, [&server]).with(|policy| policy.late = Some(ms(3000)));
    let (requests, took) = timed(|| {
        for round in 0..40 {
            client.send(Set::new("/a", "1")).unwrap();
            client.send(Get::new("/a").quorum()).unwrap();
            client.send(Set::new("/a", "1").if_index(3)).unwrap();
            client.send(Get::new("/a")).unwrap();
            assert_eq!(client.watch(Wait::new("/a").after(round)).change().0, round + 1);
            std::thread::sleep(ms(20));
        }
        server.count()
    });
    assert!(took > ms(500), "long enough for late ones to be looked after: {took:?}");
    assert_eq!((requests, probes(&server)), (200, 0));
}

fn endpoint_of_a_local_read_is_probed_only_after_a_timeout(colour: Colour) {
    let server = Server::hung();
    let setup = colour.setup([server.url()]).policy(|policy| {
        policy.read_head = Some(ms(900).into());
        policy.listing_head = Some(ms(900).into());
        policy.passes = Some(1);
    });
    let client = setup.build();
    let (result, took) = timed(|| client.send(Get::new("/a")));
    assert!(result.is_err() && took >= ms(900), "{took:?}");
    server.until_seen(2);
    assert_eq!(server.lines(), ["GET /v2/keys/a", PROBE]);
    assert!(client.send(Get::new("/a").recursive()).is_err());
}

fn a_policy_may_be_against_it(colour: Colour) {
    let server = answering(leader);
    let client = client(colour, [&server]);
    let calls = client.with(|policy| {
        (policy.late, policy.watch_probe) = (None, None);
        policy.write_head = Some(ms(900));
    });
    let watching = calls.watch("/a").start();
    server.until_seen(1);
    assert!(calls.send(Set::new("/a", "1")).unwrap_err().is_timeout());
    assert!(watching.lasts(ms(600)));
    assert_eq!(probes(&server), 0, "{:?}", server.lines());
    // It is each call's own affair.
    let _late = client.start(Set::new("/a", "2"));
    server.until_seen(4);
    assert_eq!(probes(&server), 1, "{:?}", server.lines());
}

fn idle_watches_share_their_probes(colour: Colour) {
    for watches in [1, 100] {
        let server = answering(leader);
        let client = client(colour, [&server]);
        let watching: Vec<_> = (0..watches).map(|_| client.watch("/a").start()).collect();
        server.until_seen(watches);
        let (_, took) = timed(|| server.until_seen(watches + 3));
        assert!(took >= ms(1500), "three probes within {took:?} for {watches} watches");
        assert!(watching.iter().all(|watching| watching.lasts(ms(1))));
    }
}
