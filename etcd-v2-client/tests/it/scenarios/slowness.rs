//! Servers that take their time.

use std::time::Duration;

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::{Cause, ErrorKind, Outcome, Policy};

use super::liveness::{PROBE, leader};
use crate::both::{Colour, both, ms, timed};
use crate::server::{PATIENCE, Peer, Server, plausible};

both!(
    head_that_is_too_late_is_given_up_for_a_read_and_a_write,
    head_that_drips_is_too_late_however_often_something_comes,
    slow_head_within_its_limit_is_waited_for,
    first_quorum_read_fails_over_from_a_hung_endpoint_after_a_second,
    quorum_read_is_answered_by_a_cluster_that_takes_seconds,
    body_that_falls_silent_is_given_up,
    body_that_drips_is_given_up_at_the_deadline,
    body_that_drips_without_a_deadline_is_read_to_its_end,
    refusal_that_drips_is_given_up_at_the_deadline,
    connect_limit_does_not_cut_the_head_short,
    request_that_nobody_reads_is_given_up,
    interim_answers_that_never_end_are_given_up,
    deadline_of_nothing_sends_nothing,
    limits_without_an_end_are_no_limits,
    gos_limits_stay_with_a_server_that_is_slow,
);

/// How much later than a limit something may end on a busy machine.
const MARGIN: Duration = Duration::from_secs(3);

fn head_that_is_too_late_is_given_up_for_a_read_and_a_write(colour: Colour) {
    let server = Server::hung();
    let client = colour.setup([server.url()]).policy(|policy| {
        policy.passes = Some(1);
        policy.read_head = Some(ms(200).into());
        policy.write_head = Some(ms(300));
        policy.late = None;
    });
    let client = client.build();
    let (error, took) = timed(|| client.send(Set::new("/a", "1")).unwrap_err());
    assert!(took >= ms(300) && took < ms(300) + MARGIN, "{took:?}");
    assert!(error.is_timeout() && error.may_have_applied(), "{error}");

    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took >= ms(200) && took < ms(200) + MARGIN, "{took:?}");
    let [attempt] = error.attempts() else { panic!("{}", error.detail()) };
    let ErrorKind::Failed(failure) = &attempt.kind else { panic!("{error}") };
    assert_eq!((failure.cause(), attempt.outcome), (Cause::TimedOut, Outcome::Unknown));
    assert_eq!((server.count(), server.connections()), (2, 2));
    server.until_closed(2);
}

fn head_that_drips_is_too_late_however_often_something_comes(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\n");
        peer.drip("X: y\r\n", ms(20));
    });
    let client = colour.setup([server.url()]).policy(|policy| {
        policy.write_head = Some(ms(300));
        policy.late = None;
    });
    let (error, took) = timed(|| client.build().send(Set::new("/a", "1")).unwrap_err());
    assert!(took >= ms(300) && took < ms(300) + MARGIN, "{took:?}");
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(server.count(), 1);
}

fn slow_head_within_its_limit_is_waited_for(colour: Colour) {
    let server = Server::each(|seen| {
        std::thread::sleep(ms(700));
        plausible(seen)
    });
    let client = colour.client([server.url()]);
    let (written, took) = timed(|| client.send(Set::new("/a", "1")));
    assert!(written.is_ok() && took >= ms(700));
    assert_eq!(server.count(), 1);
}

fn first_quorum_read_fails_over_from_a_hung_endpoint_after_a_second(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::healthy());
    let client = colour.setup([hung.url(), server.url()]).build();
    let (read, took) = timed(|| client.send(Get::new("/a").quorum()));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took >= ms(1000) && took < ms(1000) + MARGIN, "{took:?}");
    assert_eq!(client.pinned(), server.url());
}

fn quorum_read_is_answered_by_a_cluster_that_takes_seconds(colour: Colour) {
    let slow = || {
        Server::each(|seen| {
            // Who leads is known without asking the others.
            if seen.line() == PROBE {
                return leader();
            }
            std::thread::sleep(ms(2500));
            plausible(seen)
        })
    };
    let servers = [slow(), slow()];
    let client = colour.setup(servers.iter().map(Server::url)).build();
    let (read, took) = timed(|| client.send(Get::new("/a").quorum()));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took < ms(8000) + MARGIN, "{took:?}");
}

/// Sends a head and the beginning of a body, then what the script sends.
fn beginning(peer: &mut Peer) {
    peer.request();
    peer.write("HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 100000\r\n\r\n{\"action\":");
}

fn body_that_falls_silent_is_given_up(colour: Colour) {
    let (silent, server) = (
        Server::start(|peer| {
            beginning(peer);
            peer.hang();
        }),
        Server::healthy(),
    );
    let hasty = |policy: &mut Policy| policy.silence = Some(ms(200));
    let client = colour.client([silent.url(), server.url()]).with(hasty);
    let (read, took) = timed(|| client.send(Get::new("/a")));
    assert_eq!(read.unwrap().value(), Some("read"));
    assert!(took >= ms(200) && took < ms(200) + MARGIN, "{took:?}");
    assert_eq!((silent.count(), server.count()), (1, 1));

    let client = colour.client([silent.url(), server.url()]).with(hasty);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Applied);
    assert!(error.is_timeout() && error.may_have_applied(), "{error}");
    assert_eq!((silent.count(), server.count()), (2, 1));
    silent.until_closed(2);
}

fn body_that_drips_is_given_up_at_the_deadline(colour: Colour) {
    let dripping = || {
        Server::start(|peer| {
            beginning(peer);
            peer.drip(" ", ms(20));
        })
    };
    let (server, other) = (dripping(), Server::healthy());
    let client = colour.patient([server.url(), other.url()]).policy(|policy| {
        policy.silence = Some(ms(5000));
        policy.read_deadline = Some(ms(600));
        policy.write_deadline = Some(ms(600));
    });
    let client = client.build();
    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took >= ms(600) && took < ms(600) + MARGIN, "{took:?}");
    assert!(matches!(error.kind(), ErrorKind::TimedOut), "{error}");
    assert!(!error.may_have_applied());
    assert_eq!((server.count(), other.count()), (1, 0));

    let server = dripping();
    client.set_endpoints(&[&server.url()]).unwrap();
    let (error, took) = timed(|| client.send(Set::new("/a", "1")).unwrap_err());
    assert!(took >= ms(600) && took < ms(600) + MARGIN, "{took:?}");
    assert!(error.is_timeout(), "{error}");
    assert_eq!((error.outcome(), server.count()), (Outcome::Applied, 1));
}

fn body_that_drips_without_a_deadline_is_read_to_its_end(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            let answer = plausible(&seen);
            for piece in answer.as_bytes().chunks(8) {
                std::thread::sleep(ms(20));
                peer.write(piece);
            }
        }
    });
    let client = colour.client([server.url()]).with(|policy| {
        policy.read_deadline = None;
        policy.silence = Some(ms(2000));
    });
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
}

fn refusal_that_drips_is_given_up_at_the_deadline(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n{");
        peer.drip(" ", ms(20));
    });
    let client = colour.patient([server.url()]).policy(|policy| {
        policy.read_deadline = Some(ms(600));
        policy.write_deadline = Some(ms(600));
    });
    let client = client.build();
    let (error, took) = timed(|| client.send(Set::new("/a", "1")).unwrap_err());
    assert!(took >= ms(600) && took < ms(600) + MARGIN, "{took:?}");
    assert_eq!(error.outcome(), Outcome::Rejected, "404 is a refusal whatever it says: {error}");
    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took >= ms(600) && took < ms(600) + MARGIN, "{took:?}");
    assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
}

fn connect_limit_does_not_cut_the_head_short(colour: Colour) {
    let server = Server::each(|seen| {
        std::thread::sleep(ms(400));
        plausible(seen)
    });
    let client = colour.client([server.url()]).with(|policy| policy.connect = Some(ms(200)));
    client.send(Set::new("/a", "1")).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert_eq!((server.count(), server.connections()), (2, 1));
}

fn request_that_nobody_reads_is_given_up(colour: Colour) {
    let server = Server::start(|peer| {
        peer.until_something_came();
        // More than all buffers on the way hold is on its way by now; none of it is taken.
        std::thread::sleep(ms(1000));
        peer.reset();
    });
    let client = colour.client([server.url()]).with(|policy| policy.write_head = Some(ms(300)));
    let value = "x".repeat(6 << 20);
    let (error, took) = timed(|| client.send(Set::new("/a", value)).unwrap_err());
    assert!(took >= ms(300) && took < ms(300) + MARGIN, "{took:?}");
    assert!(error.is_timeout() && error.may_have_applied(), "{error}");
    assert_eq!((server.connections(), server.received()), (1, 0));
}

fn interim_answers_that_never_end_are_given_up(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        let interim = format!("HTTP/1.1 100 Continue\r\nX-Filler: {}\r\n\r\n", "y".repeat(400));
        while peer.write(interim.repeat(64)) {}
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| policy.write_head = Some(ms(300)));
    let (error, took) = timed(|| client.send(Set::new("/a", "1")).unwrap_err());
    assert!(took < PATIENCE / 4, "{took:?}");
    assert_eq!((error.outcome(), server.count()), (Outcome::Unknown, 1));
}

fn deadline_of_nothing_sends_nothing(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]).with(|policy| {
        policy.read_deadline = Some(Duration::ZERO);
        policy.write_deadline = Some(Duration::ZERO);
    });
    for error in
        [client.send(Get::new("/a")).unwrap_err(), client.send(Set::new("/a", "1")).unwrap_err()]
    {
        assert!(error.is_timeout(), "{error}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
    assert_eq!(server.count(), 0);
}

fn limits_without_an_end_are_no_limits(colour: Colour) {
    let server = Server::healthy();
    let setup = colour.setup([server.url()]).credentials("root", "hunter2").policy(|policy| {
        let ever = Some(Duration::MAX);
        (policy.read_deadline, policy.write_deadline, policy.connect) = (ever, ever, ever);
        let head = ever.map(Into::into);
        (policy.read_head, policy.listing_head, policy.quorum_head) = (head, head, head);
        (policy.write_head, policy.wait_head, policy.silence) = (ever, ever, ever);
    });
    let client = setup.build();
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/a").recursive()).unwrap();
    client.send(Get::new("/a").quorum()).unwrap();
    client.send(Get::new("/a").quorum().recursive()).unwrap();
    client.send(Set::new("/a", "1")).unwrap();
    let (_, watch) = client.watch(Wait::new("/a").after(3)).change();
    watch.change();
    assert_eq!((server.count(), server.connections()), (7, 1));
}

fn gos_limits_stay_with_a_server_that_is_slow(colour: Colour) {
    // Ten times what a read is given otherwise, before the next endpoint is asked.
    let slow = Server::each(|seen| {
        std::thread::sleep(ms(1000));
        plausible(seen)
    });
    let other = Server::healthy();
    let setup = colour.setup([slow.url(), other.url()]);
    let client = setup.policy(|policy| *policy = Policy::go_limits()).build();
    client.send(Get::new("/a")).unwrap();
    assert_eq!((slow.count(), other.count()), (1, 0));
}
