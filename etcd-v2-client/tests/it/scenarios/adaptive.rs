//! What follows a timeout: a probe, which tells slow endpoints from dead ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use etcd_v2_client::keys::{Get, Set};

use super::liveness::{PROBE, good, leader};
use crate::both::{Colour, Subject, both, ms};
use crate::server::{PATIENCE, Server, plausible};

both!(
    a_slow_endpoint_gets_its_place_back_when_a_probe_succeeds,
    a_dead_endpoint_is_the_last_choice_for_reads_and_writes,
    a_dead_endpoint_is_used_again_when_a_probe_succeeds,
);

/// Waits until this is so.
fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < PATIENCE, "it does not come to that");
        thread::sleep(ms(5));
    }
}

/// A server that does not answer while the switch is on.
fn stoppable() -> (Server, Arc<AtomicBool>) {
    let stopped = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&stopped);
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if switch.load(Ordering::SeqCst) {
                return peer.hang();
            }
            let answer = if seen.line() == PROBE { leader() } else { plausible(&seen) };
            peer.write(answer);
        }
    });
    (server, stopped)
}

/// A server that turns one request away when the switch is on.
fn moody(turns_away: &Arc<AtomicBool>) -> Server {
    let turns_away = Arc::clone(turns_away);
    Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.line() == PROBE {
                peer.write(leader());
            } else if turns_away.swap(false, Ordering::SeqCst) {
                return peer.reset();
            } else {
                peer.write(plausible(&seen));
            }
        }
    })
}

/// Requests that are no probes.
fn requests(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line != PROBE).count()
}

fn probes(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line == PROBE).count()
}

/// A client of these, the first of which is stopped and was found dead.
fn beside_a_dead_endpoint(colour: Colour, servers: [&Server; 3], switch: &AtomicBool) -> Subject {
    let client = colour.setup(servers.map(Server::url)).build();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    switch.store(true, Ordering::SeqCst);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    assert_eq!(client.pinned(), servers[1].url());
    // When the second probe has begun, the first one has failed.
    until(|| {
        assert!(client.send(Get::new("/a")).is_ok());
        probes(servers[0]) > 1
    });
    client
}

fn a_slow_endpoint_gets_its_place_back_when_a_probe_succeeds(colour: Colour) {
    let reads = AtomicUsize::new(0);
    let slow = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.line() == PROBE {
                peer.write(leader());
            } else if reads.fetch_add(1, Ordering::SeqCst) == 0 {
                return peer.hang();
            } else {
                peer.write(plausible(&seen));
            }
        }
    });
    let other = good();
    let client = colour.setup([slow.url(), other.url()]).build();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    until(|| client.pinned() == slow.url());
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    assert_eq!((requests(&slow), probes(&slow), requests(&other)), (2, 1, 1));
}

fn a_dead_endpoint_is_the_last_choice_for_reads_and_writes(colour: Colour) {
    let (dead, switch) = stoppable();
    let turns_away = Arc::new(AtomicBool::new(false));
    let others = [moody(&turns_away), moody(&turns_away)];
    let client = beside_a_dead_endpoint(colour, [&dead, &others[0], &others[1]], &switch);
    let before = requests(&dead);
    for round in 0..6 {
        turns_away.store(true, Ordering::SeqCst);
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"), "{round}");
        assert_eq!(client.send(Set::new("/a", "1")).unwrap().value(), Some("written"), "{round}");
    }
    assert_eq!(requests(&dead), before, "{:?}", dead.lines());
    assert!(requests(&others[0]) > 6 && requests(&others[1]) > 6);
}

fn a_dead_endpoint_is_used_again_when_a_probe_succeeds(colour: Colour) {
    let (dead, switch) = stoppable();
    let turns_away = Arc::new(AtomicBool::new(false));
    let others = [moody(&turns_away), moody(&turns_away)];
    let client = beside_a_dead_endpoint(colour, [&dead, &others[0], &others[1]], &switch);
    switch.store(false, Ordering::SeqCst);
    let before = requests(&dead);
    until(|| {
        // Where one turns it away, the next one of the ring is asked: the third server or the first one.
        turns_away.store(true, Ordering::SeqCst);
        assert!(client.send(Get::new("/a")).is_ok());
        requests(&dead) > before
    });
}
