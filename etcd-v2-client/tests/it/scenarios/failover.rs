//! The first endpoint is dead, or as good as dead.

use std::thread;
use std::time::Duration;

use etcd_v2_client::keys::{Get, Push, Set};
use etcd_v2_client::{ErrorKind, Outcome};

use crate::both::{Colour, WRITES, both, ms, timed};
use crate::server::{Refusing, Server, plausible, response};

both!(
    everything_goes_past_an_endpoint_that_refuses_connections,
    pin_moves_past_several_dead_endpoints_at_once,
    read_leaves_a_hung_endpoint_quickly_and_does_not_come_back,
    hung_endpoint_costs_a_read_a_moment_by_default,
    listing_has_more_time_than_the_read_of_one_key,
    read_that_is_given_up_moves_on_for_the_next_call,
    read_that_is_given_up_at_once_moves_nothing,
    read_with_a_deadline_of_its_own_moves_on_for_the_next_call,
    deadline_is_shared_with_the_next_endpoint,
    write_that_got_no_answer_is_unknown_and_not_sent_again,
    write_that_got_no_answer_is_sent_again_if_the_caller_wants_that,
    quorum_read_that_got_no_answer_is_asked_elsewhere,
    many_calls_at_once_leave_a_hung_endpoint_together,
    late_answer_is_not_taken_for_the_next_one,
    addresses_of_a_name_are_tried_in_turn,
    attempts_before_the_last_one_are_told_too,
);

fn everything_goes_past_an_endpoint_that_refuses_connections(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    for (what, write) in WRITES {
        let client = colour.client([refusing.url(), server.url()]);
        let result = write(&client);
        assert!(result.is_ok(), "{what}: {result:?}");
        assert_eq!(client.pinned(), server.url(), "{what}");
    }
    let client = colour.client([refusing.url(), server.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.pinned(), server.url());
    assert_eq!(server.count(), WRITES.len() + 1, "each was sent once");
}

fn pin_moves_past_several_dead_endpoints_at_once(colour: Colour) {
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let client = colour.client([refusing.url(), reset.url(), server.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.pinned(), server.url());
    client.send(Set::new("/a", "1")).unwrap();
    assert_eq!((reset.count(), server.count()), (1, 2));
}

fn read_leaves_a_hung_endpoint_quickly_and_does_not_come_back(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    let client = client.with(|policy| policy.read_head = Some(ms(300).into()));
    let (read, took) = timed(|| client.send(Get::new("/a")));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took >= ms(300), "it had its time: {took:?}");
    assert!(took < ms(3000), "the limit, and what a busy machine adds: {took:?}");
    assert_eq!(client.pinned(), server.url());
    hung.until_closed(1);

    for _ in 0..3 {
        client.send(Get::new("/a")).unwrap();
    }
    assert_eq!(hung.count(), 1);
    assert!(server.seen().iter().all(|seen| seen.line() == "GET /v2/keys/a"));
}

fn hung_endpoint_costs_a_read_a_moment_by_default(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.setup([hung.url(), server.url()]).build();
    let (read, took) = timed(|| client.send(Get::new("/a")));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took >= ms(100), "{took:?}");
    // On a quiet machine it takes little more than that.
    assert!(took < ms(1500), "{took:?}");
}

fn listing_has_more_time_than_the_read_of_one_key(colour: Colour) {
    let slow = Server::each(|seen| {
        thread::sleep(ms(700));
        plausible(seen)
    });
    let client = || colour.setup([slow.url()]).policy(|policy| policy.passes = Some(1)).build();
    let error = client().send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert!(client().send(Get::new("/a").recursive()).is_ok());
}

fn read_that_is_given_up_moves_on_for_the_next_call(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    client.give_up(Get::new("/a"), || {
        hung.until_seen(1);
        thread::sleep(ms(600));
    });
    assert_eq!(client.pinned(), server.url());
    client.send(Get::new("/a")).unwrap();
    client.send(Set::new("/a", "1")).unwrap();
    assert_eq!((hung.count(), server.count()), (1, 2));
    hung.until_closed(1);
}

fn read_that_is_given_up_at_once_moves_nothing(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    // With 7 seconds for a head, an endpoint is late after 250 ms.
    let ((), took) = timed(|| client.give_up(Get::new("/a"), || hung.until_seen(1)));
    if took < ms(200) {
        assert_eq!(client.pinned(), hung.url());
    }
    hung.until_closed(1);
    assert_eq!(server.count(), 0);
}

fn read_with_a_deadline_of_its_own_moves_on_for_the_next_call(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    // Without a limit of its own, the first attempt may take all the time.
    let hasty = client.with(|policy| {
        (policy.read_deadline, policy.read_head) = (Some(ms(300)), None);
    });
    let error = hasty.send(Get::new("/a")).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(client.pinned(), server.url(), "a deadline is no excuse for staying");
    client.send(Get::new("/a")).unwrap();
    assert_eq!((hung.count(), server.count()), (1, 1));
}

fn deadline_is_shared_with_the_next_endpoint(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    // The limit for a head is 7 seconds.
    let hasty = client.with(|policy| policy.read_deadline = Some(ms(2000)));
    let (read, took) = timed(|| hasty.send(Get::new("/a")));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took >= ms(1000), "{took:?}");
    assert_eq!((hung.count(), server.count()), (1, 1));
}

fn write_that_got_no_answer_is_unknown_and_not_sent_again(colour: Colour) {
    for (what, write) in WRITES {
        let (hung, server) = (Server::hung(), Server::healthy());
        let client = colour.client([hung.url(), server.url()]);
        let hasty = client.with(|policy| policy.write_head = Some(ms(150)));
        let error = write(&hasty).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{what}: {error}");
        assert!(error.may_have_applied() && error.is_timeout(), "{what}: {error}");
        assert_eq!(error.endpoint().unwrap().as_str(), hung.url());
        assert_eq!((hung.count(), server.count()), (1, 0), "{what}");
        hung.until_closed(1);
        assert_eq!(client.pinned(), server.url(), "the next one goes elsewhere");
    }
}

fn write_that_got_no_answer_is_sent_again_if_the_caller_wants_that(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]).with(|policy| {
        policy.write_head = Some(ms(150));
        policy.at_least_once = true;
    });
    client.send(Push::new("/a", "1")).unwrap();
    assert_eq!((hung.lines(), server.lines()), (vec!["POST /v2/keys/a".to_owned()], hung.lines()));
    assert_eq!(hung.seen()[0].body, server.seen()[0].body);
}

fn quorum_read_that_got_no_answer_is_asked_elsewhere(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    let hasty = client.with(|policy| policy.write_head = Some(ms(150)));
    hasty.send(Get::new("/a").quorum()).unwrap();
    assert_eq!((hung.count(), server.count()), (1, 1));
}

fn many_calls_at_once_leave_a_hung_endpoint_together(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.client([hung.url(), server.url()]);
    let client = client.with(|policy| policy.read_head = Some(ms(500).into()));
    let calls: Vec<_> = (0..16).map(|_| client.start(Get::new("/a"))).collect();
    for call in calls {
        call.result().unwrap();
    }
    assert_eq!(client.pinned(), server.url());
    assert!(hung.count() <= 16);
    let asked = hung.count();
    client.send(Get::new("/a")).unwrap();
    assert_eq!(hung.count(), asked);
}

fn late_answer_is_not_taken_for_the_next_one(colour: Colour) {
    let server = Server::healthy_after(1, |peer| {
        let seen = peer.request().unwrap();
        thread::sleep(Duration::from_millis(400));
        peer.write(plausible(&seen));
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| {
        policy.write_head = Some(ms(100));
        policy.read_head = Some(ms(3000).into());
    });
    let error = client.send(Set::new("/late", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    for key in ["/b", "/c", "/d"] {
        assert_eq!(client.send(Get::new(key)).unwrap().key(), Some(key));
    }
    server.until_closed(1);
    assert_eq!((server.count(), server.connections()), (4, 2));
}

/// The name may stand for an address of the other family, too, where nobody listens.
fn addresses_of_a_name_are_tried_in_turn(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url().replace("127.0.0.1", "localhost")]);
    client.send(Set::new("/a", "1")).unwrap();
    client.send(Get::new("/a")).unwrap();
    let host = server.host().replace("127.0.0.1", "localhost");
    assert!(server.seen().iter().all(|seen| seen.header("Host") == Some(&host)));
    assert_eq!((server.count(), server.connections()), (2, 1));
}

fn attempts_before_the_last_one_are_told_too(colour: Colour) {
    let (refusing, proxy) = (Refusing::new(), Server::always(response(501, &[], "")));
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let other = Server::healthy();
    let client = colour.client([refusing.url(), proxy.url(), reset.url(), other.url()]);
    let error = client.send(Push::new("/a", "1")).unwrap_err();
    assert_eq!(error.endpoint().unwrap().as_str(), reset.url());
    let outcomes: Vec<_> = error.attempts().iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::NotSent, Outcome::Rejected]);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(other.connections(), 0);
}
