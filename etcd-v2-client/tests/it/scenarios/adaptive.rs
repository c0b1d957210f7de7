//! What follows a timeout: a probe tells slow endpoints from dead ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use etcd_v2_client::keys::{Get, Set};

use super::liveness::{PROBE, good, leader};
use crate::both::{Colour, Subject, both};
use crate::live::patience::until;
use crate::server::{Server, plausible};

both!(
    slow_endpoint_regains_its_position_after_a_successful_probe,
    dead_endpoint_is_the_last_choice_for_reads_and_writes,
    dead_endpoint_is_used_again_after_a_successful_probe,
);

/// A server that sends no responses while the switch is on.
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

/// A server that resets the connection of one request when the switch is on.
fn resetting_once(reset_next: &Arc<AtomicBool>) -> Server {
    let reset_next = Arc::clone(reset_next);
    Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.line() == PROBE {
                peer.write(leader());
            } else if reset_next.swap(false, Ordering::SeqCst) {
                return peer.reset();
            } else {
                peer.write(plausible(&seen));
            }
        }
    })
}

/// How many requests came that are no probes.
fn requests(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line != PROBE).count()
}

fn probes(server: &Server) -> usize {
    server.lines().iter().filter(|line| *line == PROBE).count()
}

/// A client of these servers. The first one has stopped, and a probe of it has failed.
fn client_with_a_dead_endpoint(
    colour: Colour,
    servers: [&Server; 3],
    switch: &AtomicBool,
) -> Subject {
    let client = colour.setup(servers.map(Server::url)).build();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    switch.store(true, Ordering::SeqCst);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    assert_eq!(client.pinned(), servers[1].url());
    // When the second probe has begun, the first one has failed.
    until("the endpoint is dead", || {
        assert!(client.send(Get::new("/a")).is_ok());
        probes(servers[0]) > 1
    });
    client
}

fn slow_endpoint_regains_its_position_after_a_successful_probe(colour: Colour) {
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
    until("the pin is back", || client.pinned() == slow.url());
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    assert_eq!((requests(&slow), probes(&slow), requests(&other)), (2, 1, 1));
}

fn dead_endpoint_is_the_last_choice_for_reads_and_writes(colour: Colour) {
    let (dead, switch) = stoppable();
    let reset_next = Arc::new(AtomicBool::new(false));
    let others = [resetting_once(&reset_next), resetting_once(&reset_next)];
    let client = client_with_a_dead_endpoint(colour, [&dead, &others[0], &others[1]], &switch);
    let before = requests(&dead);
    for round in 0..6 {
        reset_next.store(true, Ordering::SeqCst);
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"), "{round}");
        assert_eq!(client.send(Set::new("/a", "1")).unwrap().value(), Some("written"), "{round}");
    }
    assert_eq!(requests(&dead), before, "{:?}", dead.lines());
    assert!(requests(&others[0]) > 6 && requests(&others[1]) > 6);
}

fn dead_endpoint_is_used_again_after_a_successful_probe(colour: Colour) {
    let (dead, switch) = stoppable();
    let reset_next = Arc::new(AtomicBool::new(false));
    let others = [resetting_once(&reset_next), resetting_once(&reset_next)];
    let client = client_with_a_dead_endpoint(colour, [&dead, &others[0], &others[1]], &switch);
    switch.store(false, Ordering::SeqCst);
    let before = requests(&dead);
    until("the endpoint is used again", || {
        // After a reset the next endpoint of the ring is tried: the third server or the first one.
        reset_next.store(true, Ordering::SeqCst);
        assert!(client.send(Get::new("/a")).is_ok());
        requests(&dead) > before
    });
}
