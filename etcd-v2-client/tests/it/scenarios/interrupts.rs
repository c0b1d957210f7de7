//! Calls that are stopped while they wait.

use std::thread;
use std::time::Instant;

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{Interrupt, Outcome};

use crate::both::{Colour, Subject, both, ms};
use crate::server::{Gate, Refusing, Server};

both!(
    call_is_stopped_while_it_waits_for_a_head,
    call_is_stopped_in_the_middle_of_a_head,
    call_is_stopped_in_the_middle_of_a_body,
    call_is_stopped_in_the_middle_of_a_refusal,
    call_is_stopped_while_it_rests_between_passes,
    call_is_stopped_while_it_is_still_sending,
    call_of_a_stopped_client_sends_nothing,
    one_interrupt_stops_all_calls_of_its_client,
    other_clones_are_not_stopped,
    stopped_call_leaves_no_connection_behind,
);

/// Sends this, stops it once `ready` has returned, and tells how it ended and how soon.
fn stopped<R>(client: &Subject, request: R, ready: impl FnOnce()) -> etcd_v2_client::Error
where
    R: etcd_v2_client::Request + Send + 'static,
    R::Output: Send,
{
    let interrupt = Interrupt::new();
    let call = client.stopped_by(&interrupt).start(request);
    ready();
    let began = Instant::now();
    interrupt.stop();
    let Err(error) = call.result() else { panic!("it was not stopped") };
    assert!(began.elapsed() < ms(3000), "{:?}", began.elapsed());
    assert!(error.is_stopped(), "{error}");
    assert!(!error.is_timeout());
    error
}

fn call_is_stopped_while_it_waits_for_a_head(colour: Colour) {
    let (server, other) = (Server::hung(), Server::healthy());
    let client = colour.client([server.url(), other.url()]);
    let error = stopped(&client, Get::new("/a"), || server.until_seen(1));
    assert_eq!((error.outcome(), error.may_have_applied()), (Outcome::Unknown, false));
    server.until_closed(1);
    let client = colour.client([server.url(), other.url()]);
    let error = stopped(&client, Set::new("/a", "1"), || server.until_seen(2));
    assert_eq!((error.outcome(), error.may_have_applied()), (Outcome::Unknown, true));
    server.until_closed(2);
    assert_eq!((server.count(), other.connections()), (2, 0));
}

/// Sends this after the request, then waits.
fn stuck_after(bytes: &'static str) -> (Server, Gate) {
    let gate = Gate::default();
    let there = gate.clone();
    let server = Server::start(move |peer| {
        peer.request();
        peer.write(bytes);
        gate.open();
        peer.hang();
    });
    (server, there)
}

/// Stops a read and a write that are stuck there.
fn is_stopped_after(colour: Colour, bytes: &'static str, of_write: Outcome) {
    for write in [false, true] {
        let ((server, there), other) = (stuck_after(bytes), Server::healthy());
        let client = colour.client([server.url(), other.url()]);
        let ready = || {
            there.wait();
            // The client has to read what was sent.
            thread::sleep(ms(200));
        };
        if write {
            let error = stopped(&client, Set::new("/a", "1"), ready);
            assert_eq!(error.outcome(), of_write, "{error}");
        } else {
            let error = stopped(&client, Get::new("/a"), ready);
            assert!(!error.may_have_applied());
        }
        server.until_closed(1);
        assert_eq!((server.count(), other.connections()), (1, 0));
    }
}

fn call_is_stopped_in_the_middle_of_a_head(colour: Colour) {
    is_stopped_after(colour, "HTTP/1.1 200 OK\r\nX-Etcd-Index", Outcome::Unknown);
}

fn call_is_stopped_in_the_middle_of_a_body(colour: Colour) {
    let head = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 90\r\n\r\n{\"action\":";
    is_stopped_after(colour, head, Outcome::Applied);
    // Anything could have sent this.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"action\":";
    is_stopped_after(colour, head, Outcome::Unknown);
}

fn call_is_stopped_in_the_middle_of_a_refusal(colour: Colour) {
    for bytes in [
        "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 90\r\n\r\n{",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 90\r\n\r\n{",
    ] {
        let (server, there) = stuck_after(bytes);
        let error = stopped(&colour.client([server.url()]), Set::new("/a", "1"), || {
            there.wait();
            thread::sleep(ms(200));
        });
        // Nothing but a success may be called applied.
        assert!(error.outcome() <= Outcome::Unknown, "{error}");
        server.until_closed(1);
        assert_eq!(server.count(), 1);
    }
}

fn call_is_stopped_while_it_rests_between_passes(colour: Colour) {
    let refusing = Refusing::new();
    let client = colour.client([refusing.url()]).with(|policy| policy.read_deadline = None);
    // Pauses grow up to a second, so it is all but certain to be in one.
    let error = stopped(&client, Get::new("/a"), || thread::sleep(ms(1500)));
    assert_eq!(error.outcome(), Outcome::NotSent, "{error}");
    assert!(!error.attempts().is_empty());
}

fn call_is_stopped_while_it_is_still_sending(colour: Colour) {
    let server = Server::start(|peer| {
        peer.until_something_came();
        thread::sleep(ms(1500));
    });
    let client = colour.client([server.url()]);
    let value = "x".repeat(8 << 20);
    let error = stopped(&client, Set::new("/a", value), || {
        server.until_connected(1);
        thread::sleep(ms(700));
    });
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    assert_eq!(server.connections(), 1);
}

fn call_of_a_stopped_client_sends_nothing(colour: Colour) {
    let server = Server::healthy();
    let interrupt = Interrupt::new();
    let client = colour.client([server.url()]).stopped_by(&interrupt);
    client.send(Get::new("/a")).unwrap();
    interrupt.stop();
    for _ in 0..2 {
        let error = client.send(Set::new("/a", "1")).unwrap_err();
        assert!(error.is_stopped(), "{error}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
    let (item, _) = client.watch("/a").step();
    assert!(item.unwrap().unwrap_err().is_stopped());
    assert_eq!((server.count(), server.connections()), (1, 1));
}

fn one_interrupt_stops_all_calls_of_its_client(colour: Colour) {
    let server = Server::hung();
    let interrupt = Interrupt::new();
    let client = colour.client([server.url()]).stopped_by(&interrupt);
    let calls: Vec<_> = (0..8).map(|_| client.start(Get::new("/a"))).collect();
    let watch = client.with(|policy| policy.wait_head = None).watch("/a").start();
    server.until_seen(9);
    interrupt.stop();
    for call in calls {
        assert!(call.result().unwrap_err().is_stopped());
    }
    assert!(watch.result().0.unwrap().unwrap_err().is_stopped());
    server.until_closed(9);
}

fn other_clones_are_not_stopped(colour: Colour) {
    let server = Server::hung();
    let interrupt = Interrupt::new();
    let client = colour.client([server.url()]);
    let other = client.start(Get::new("/other"));
    let stoppable = client.stopped_by(&interrupt).start(Get::new("/a"));
    server.until_seen(2);
    interrupt.stop();
    assert!(stoppable.result().unwrap_err().is_stopped());
    assert!(other.lasts(ms(100)));
}

fn stopped_call_leaves_no_connection_behind(colour: Colour) {
    let gate = Gate::default();
    let answer = gate.clone();
    let server = Server::healthy_after(1, move |peer| {
        peer.request();
        answer.wait();
        peer.write(crate::server::etcd(&crate::server::change("get", "/late", "late", 7)));
        peer.hang();
    });
    let client = colour.client([server.url()]);
    stopped(&client, Get::new("/late"), || server.until_seen(1));
    gate.open();
    for key in ["/a", "/b"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    server.until_closed(1);
    assert_eq!(server.connections(), 2);
}
