//! Servers that begin an answer and are heard of no more, as when a network is cut between a head and its body.

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set};

use super::liveness::{PROBE, SOON, client, good, leader, probes};
use crate::both::{Colour, WRITES, both, ms, timed};
use crate::server::{Gate, Server, plausible};

both!(
    a_write_without_a_body_leaves_a_server_that_answers_no_probe,
    a_swap_without_a_body_is_looked_up_elsewhere,
    a_write_without_a_body_waits_while_its_server_is_alive,
    a_read_without_a_body_goes_on_elsewhere_in_time,
);

const HEAD: &str = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 40\r\nContent-Length: 100\r\n\r\n";

/// Sends the heads of its answers, answers no probe, and says nothing else.
fn cut() -> Server {
    Server::start(|peer| {
        if peer.request().is_some_and(|seen| seen.line() != PROBE) {
            peer.write(HEAD);
        }
        peer.hang();
    })
}

fn a_write_without_a_body_leaves_a_server_that_answers_no_probe(colour: Colour) {
    for (name, write) in WRITES {
        let (server, other) = (cut(), good());
        let client = client(colour, [&server, &other]).with(|policy| policy.silence = None);
        let (result, took) = timed(|| write(&client));
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Applied, "{name}: {error}");
        assert!(took < SOON, "{name}: {took:?}");
        assert!(probes(&server) > 0, "{name}");
        assert_eq!(client.pinned(), other.url(), "{name}");
    }
}

fn a_swap_without_a_body_is_looked_up_elsewhere(colour: Colour) {
    let (server, other) = (cut(), good());
    let client = client(colour, [&server, &other]).with(|policy| policy.silence = None);
    let (result, took) = timed(|| client.send(Set::new("/a", "written").if_index(7)));
    // What the other one has to tell is not this swap.
    let error = result.unwrap_err();
    assert!(error.may_have_applied(), "{error}");
    assert!(took < SOON, "{took:?}");
    assert!(other.lines().iter().any(|line| line.contains("/v2/keys/a")), "{:?}", other.lines());
}

fn a_write_without_a_body_waits_while_its_server_is_alive(colour: Colour) {
    let gate = Gate::default();
    let rest = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.line() == PROBE {
                peer.write(leader());
                continue;
            }
            let answer = plausible(&seen);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            peer.write(format!("{head}\r\n\r\n"));
            rest.wait();
            peer.write(body);
        }
    });
    let client = client(colour, [&server]);
    let writing = client.start(Set::new("/a", "1"));
    // The write, and two looks that found nothing wrong.
    server.until_seen(3);
    assert!(writing.lasts(ms(1)));
    gate.open();
    assert_eq!(writing.result().unwrap().value(), Some("written"));
}

fn a_read_without_a_body_goes_on_elsewhere_in_time(colour: Colour) {
    let (server, other) = (cut(), good());
    let client = colour.setup([server.url(), other.url()]).build();
    let read = client.send(Get::new("/a")).unwrap();
    assert_eq!(read.value(), Some("read"));
    let reads = server.lines().iter().filter(|line| *line != PROBE).count();
    assert_eq!((reads, other.count()), (1, 1));
}
