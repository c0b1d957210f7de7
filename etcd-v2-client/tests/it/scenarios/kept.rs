//! Connections that are kept for the next call, and what may happen to them meanwhile.

use std::thread;

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{ErrorKind, Outcome};

use crate::both::{Colour, Subject, both, ms};
use crate::server::{Gate, Peer, Server, change, etcd, html, plausible};

both!(
    connection_that_was_closed_while_idle_costs_nothing,
    connection_that_was_reset_while_idle_costs_nothing,
    connection_that_is_closed_as_the_read_arrives_is_replaced,
    connection_that_is_closed_as_the_write_arrives_leaves_it_unknown,
    dead_connection_moves_no_pin_where_a_read_is_asked_once_more,
    answer_nobody_asked_for_is_not_taken_for_the_next_one,
    answer_nobody_asked_for_that_comes_later_is_not_taken_for_the_next_one,
    connection_is_not_used_again_if_the_server_says_so,
    connection_is_kept_after_a_refusal,
    connections_of_simultaneous_calls_are_used_again,
    connection_of_a_call_given_up_in_its_body_is_not_used_again,
    answer_that_comes_before_the_end_of_the_request_is_heard,
    connection_whose_request_was_not_read_to_its_end_is_not_used_again,
);

/// Serves one request, closes in this way, and goes on with new connections.
fn one_each(close: fn(&mut Peer)) -> (Server, Gate) {
    let gate = Gate::default();
    let closed = gate.clone();
    let server = Server::healthy_after(1, move |peer| {
        let seen = peer.request().unwrap();
        peer.write(plausible(&seen));
        gate.wait();
        close(peer);
    });
    (server, closed)
}

fn survives(colour: Colour, close: fn(&mut Peer)) {
    let after: [fn(&Subject); 2] = [
        |client| drop(client.send(Get::new("/b")).unwrap()),
        |client| drop(client.send(Set::new("/b", "1")).unwrap()),
    ];
    for after in after {
        let (server, gate) = one_each(close);
        let other = Server::healthy();
        let client = colour.client([server.url(), other.url()]);
        client.send(Get::new("/a")).unwrap();
        gate.open();
        // The news of it has to arrive; it is the client's own system that tells.
        thread::sleep(ms(100));
        after(&client);
        assert_eq!(server.lines().len(), 2);
        assert_eq!((server.connections(), other.connections()), (2, 0));
        assert_eq!(client.pinned(), server.url());
    }
}

fn connection_that_was_closed_while_idle_costs_nothing(colour: Colour) {
    survives(colour, Peer::close);
}

fn connection_that_was_reset_while_idle_costs_nothing(colour: Colour) {
    survives(colour, Peer::reset);
}

/// Answers one request, then reads another and closes, and goes on with new connections.
fn one_and_a_half() -> Server {
    Server::healthy_after(1, |peer| {
        let seen = peer.request().unwrap();
        peer.write(plausible(&seen));
        peer.request();
        peer.close();
    })
}

fn connection_that_is_closed_as_the_read_arrives_is_replaced(colour: Colour) {
    let server = one_and_a_half();
    let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.send(Get::new("/b")).unwrap().key(), Some("/b"));
    assert_eq!(server.lines(), ["GET /v2/keys/a", "GET /v2/keys/b", "GET /v2/keys/b"]);
    assert_eq!(server.connections(), 2);
}

fn connection_that_is_closed_as_the_write_arrives_leaves_it_unknown(colour: Colour) {
    let (server, other) = (one_and_a_half(), Server::healthy());
    let client = colour.client([server.url(), other.url()]);
    client.send(Get::new("/a")).unwrap();
    let error = client.send(Set::new("/b", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(server.lines(), ["GET /v2/keys/a", "PUT /v2/keys/b"]);
    assert_eq!((server.connections(), other.connections()), (1, 0));
}

fn dead_connection_moves_no_pin_where_a_read_is_asked_once_more(colour: Colour) {
    let server = one_and_a_half();
    let client = colour.client([server.url()]);
    for key in ["/a", "/b", "/c"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    assert_eq!(client.pinned(), server.url());
    assert_eq!(server.count(), 4);
}

fn answer_nobody_asked_for_is_not_taken_for_the_next_one(colour: Colour) {
    let evil = etcd(&change("get", "/evil", "evil", 7));
    let server = Server::each(move |seen| format!("{}{evil}", plausible(seen)));
    let client = colour.client([server.url()]);
    for key in ["/a", "/b", "/c", "/d"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
        assert_eq!(client.send(Set::new(key, "1")).unwrap().key(), Some(key));
    }
    assert_eq!(server.connections(), 8, "none of the connections can be trusted");
}

fn answer_nobody_asked_for_that_comes_later_is_not_taken_for_the_next_one(colour: Colour) {
    let evil = etcd(&change("get", "/evil", "evil", 7));
    let gate = Gate::default();
    let idle = gate.clone();
    let server = Server::healthy_after(1, move |peer| {
        let seen = peer.request().unwrap();
        peer.write(plausible(&seen));
        gate.wait();
        peer.write(&evil);
        peer.hang();
    });
    let client = colour.client([server.url()]);
    client.send(Get::new("/a")).unwrap();
    idle.open();
    thread::sleep(ms(100));
    assert_eq!(client.send(Get::new("/b")).unwrap().key(), Some("/b"));
    assert_eq!(client.send(Set::new("/c", "1")).unwrap().key(), Some("/c"));
    server.until_closed(1);
    assert_eq!((server.count(), server.connections()), (3, 2));
}

fn connection_is_not_used_again_if_the_server_says_so(colour: Colour) {
    let server = Server::start(|peer| {
        let seen = peer.request().unwrap();
        peer.write(plausible(&seen).replace("X-Raft-Term", "Connection: close\r\nX-Raft-Term"));
        peer.hang();
    });
    let client = colour.client([server.url()]);
    for key in ["/a", "/b", "/c"] {
        assert_eq!(client.send(Set::new(key, "1")).unwrap().key(), Some(key));
    }
    server.until_closed(3);
    assert_eq!((server.count(), server.connections()), (3, 3));
}

fn connection_is_kept_after_a_refusal(colour: Colour) {
    let server = Server::each(|seen| match seen.target.as_str() {
        "/v2/keys/missing" => crate::server::refusal(404, 100, "Key not found"),
        "/v2/keys/page" => html(400),
        _ => plausible(seen),
    });
    let client = colour.client([server.url()]);
    for _ in 0..3 {
        assert!(client.send(Get::new("/missing")).unwrap_err().is_key_not_found());
        let error = client.send(Set::new("/page", "1")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
        client.send(Get::new("/a")).unwrap();
    }
    assert_eq!((server.count(), server.connections()), (9, 1));
}

fn connections_of_simultaneous_calls_are_used_again(colour: Colour) {
    const CALLS: usize = 8;
    let gate = Gate::default();
    let all_there = gate.clone();
    let server = Server::each(move |seen| {
        gate.wait();
        plausible(seen)
    });
    let client = colour.client([server.url()]);
    let calls: Vec<_> = (0..CALLS).map(|_| client.start(Get::new("/a"))).collect();
    server.until_seen(CALLS);
    assert_eq!(server.connections(), CALLS, "a connection carries one request at a time");
    all_there.open();
    for call in calls {
        call.result().unwrap();
    }
    for _ in 0..CALLS {
        client.send(Get::new("/a")).unwrap();
    }
    assert_eq!((server.connections(), server.closed()), (CALLS, 0));
}

fn connection_of_a_call_given_up_in_its_body_is_not_used_again(colour: Colour) {
    let gate = Gate::default();
    let rest = gate.clone();
    let server = Server::healthy_after(1, move |peer| {
        peer.request();
        let answer = etcd(&change("get", "/half", "half", 7));
        let (before, after) = answer.split_at(answer.len() - 9);
        peer.write(before);
        rest.wait();
        peer.write(after);
        peer.hang();
    });
    let client = colour.client([server.url()]);
    client.give_up(Get::new("/half"), || {
        server.until_seen(1);
        thread::sleep(ms(100));
    });
    gate.open();
    for key in ["/a", "/b"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    server.until_closed(1);
    assert_eq!((server.count(), server.connections()), (3, 2));
}

/// More than the buffers on the way take.
const LARGE: usize = 8 << 20;

fn answer_that_comes_before_the_end_of_the_request_is_heard(colour: Colour) {
    let server = Server::start(|peer| {
        peer.until_something_came();
        peer.write(html(413));
        peer.hang();
    });
    let client = colour.client([server.url()]);
    let error = client.send(Set::new("/a", "x".repeat(LARGE))).unwrap_err();
    let ErrorKind::Unexpected(answer) = error.kind() else { panic!("{error}") };
    assert_eq!(answer.status.as_u16(), 413);
    assert_eq!((error.outcome(), server.connections()), (Outcome::Rejected, 1));
}

fn connection_whose_request_was_not_read_to_its_end_is_not_used_again(colour: Colour) {
    let server = Server::healthy_after(1, |peer| {
        peer.until_something_came();
        peer.write(etcd(&change("set", "/early", "early", 7)));
        thread::sleep(ms(500));
    });
    let client = colour.client([server.url()]);
    // Whether it counts as written is the server's word against the missing rest.
    let written = client.send(Set::new("/early", "x".repeat(LARGE)));
    assert!(written.is_ok_and(|change| change.key() == Some("/early")));
    for key in ["/a", "/b"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    assert_eq!((server.count(), server.connections()), (2, 2));
}
