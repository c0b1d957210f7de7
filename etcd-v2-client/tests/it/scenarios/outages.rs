//! Nobody answers.

use std::time::Duration;

use etcd_v2_client::keys::{Get, Push, Set};
use etcd_v2_client::{Cause, ErrorKind, Outcome};

use super::liveness::PROBE;
use crate::both::{Colour, both, ms, timed};
use crate::server::{Gate, Refusing, Server, plausible};

both!(
    read_ends_by_its_deadline_and_asks_seldom,
    read_of_hung_endpoints_ends_by_its_deadline,
    write_ends_at_once,
    one_pass_ends_at_once,
    so_many_passes_and_no_more,
    read_succeeds_as_soon_as_somebody_is_back,
    error_lists_all_attempts_with_their_endpoints,
    deadline_ends_a_pause,
    a_write_after_an_outage_is_sent_to_who_answers,
    a_write_after_a_read_that_met_its_deadline_is_sent_to_who_answers,
);

const MARGIN: Duration = Duration::from_secs(3);

fn read_ends_by_its_deadline_and_asks_seldom(colour: Colour) {
    let down = || Server::start(|peer| peer.reset());
    let servers = [down(), down(), down()];
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let client = colour.setup(urls).policy(|policy| {
        (policy.read_deadline, policy.write_deadline) = (Some(ms(2000)), Some(ms(2000)));
    });
    let client = client.build();
    // Ten in a second, and the last pass; then, with the retries of the client spent, the first pass, two in
    // a second at most and a last one. Connections that break are not tried twice.
    for (read, most) in [(Get::new("/a"), 23), (Get::new("/a").quorum(), 3 + 4 + 1)] {
        let before: usize = servers.iter().map(Server::connections).sum();
        let (error, took) = timed(|| client.send(read).unwrap_err());
        assert!(took < ms(2000) + MARGIN, "{took:?}");
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut), "{error}");
        let dials = servers.iter().map(Server::connections).sum::<usize>() - before;
        assert!((3..=most).contains(&dials), "{dials}");
    }
}

fn read_of_hung_endpoints_ends_by_its_deadline(colour: Colour) {
    let servers = [Server::hung(), Server::hung()];
    let client = colour.setup([servers[0].url(), servers[1].url()]);
    let client = client.policy(|policy| policy.read_deadline = Some(ms(1500))).build();
    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took < ms(1500) + MARGIN, "{took:?}");
    assert!(error.is_timeout() || matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert!(took >= ms(1000), "there was time for more: {took:?}");
    // 100 ms, 400 ms, the rest.
    let reads = |server: &Server| server.lines().iter().filter(|line| *line != PROBE).count();
    assert!(servers.iter().all(|server| reads(server) <= 3));
    servers[0].until_closed(servers[0].connections());
    servers[1].until_closed(servers[1].connections());
}

fn write_ends_at_once(colour: Colour) {
    let refusing = [Refusing::new(), Refusing::new(), Refusing::new()];
    let client = colour.setup(refusing.iter().map(Refusing::url)).build();
    let (error, took) = timed(|| client.send(Set::new("/a", "1")).unwrap_err());
    assert!(took < MARGIN, "{took:?}");
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert_eq!((error.outcome(), error.attempts().len()), (Outcome::NotSent, 3));
    assert!(!error.may_have_applied());
}

fn one_pass_ends_at_once(colour: Colour) {
    let refusing = [Refusing::new(), Refusing::new()];
    let setup = colour.setup(refusing.iter().map(Refusing::url));
    let client = setup.policy(|policy| policy.passes = Some(1)).build();
    let (error, took) = timed(|| client.send(Get::new("/a")).unwrap_err());
    assert!(took < MARGIN, "{took:?}");
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert_eq!(error.attempts().len(), 2);
}

fn so_many_passes_and_no_more(colour: Colour) {
    let refusing = [Refusing::new(), Refusing::new()];
    let client = colour.client(refusing.iter().map(Refusing::url));
    let client = client.with(|policy| policy.passes = Some(3));
    assert_eq!(client.send(Get::new("/a")).unwrap_err().attempts().len(), 6);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!((error.outcome(), error.attempts().len()), (Outcome::NotSent, 6));
}

fn read_succeeds_as_soon_as_somebody_is_back(colour: Colour) {
    let back = Gate::default();
    let is_back = back.clone();
    let server = Server::start(move |peer| {
        if peer.number <= 4 {
            return peer.reset();
        }
        is_back.wait();
        while let Some(seen) = peer.request() {
            peer.write(plausible(&seen));
        }
    });
    let refusing = Refusing::new();
    let client = colour.client([refusing.url(), server.url()]);
    let call = client.start(Get::new("/a"));
    server.until_connected(5);
    back.open();
    assert_eq!(call.result().unwrap().value(), Some("read"));
    assert_eq!(client.pinned(), server.url());
    assert_eq!(server.count(), 1);
}

fn error_lists_all_attempts_with_their_endpoints(colour: Colour) {
    let (refusing, hung) = (Refusing::new(), Server::hung());
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let urls = [refusing.url(), hung.url(), reset.url()];
    let client = colour.setup(urls.clone()).policy(|policy| policy.passes = Some(1)).build();
    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    let told: Vec<_> = error.attempts().iter().map(|attempt| attempt.endpoint.as_str()).collect();
    assert_eq!(told, urls);
    let causes: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| match &attempt.kind {
            ErrorKind::Failed(failure) => (failure.cause(), attempt.outcome),
            other => panic!("{other}"),
        })
        .collect();
    let expected = [
        (Cause::Broken, Outcome::NotSent),
        (Cause::TimedOut, Outcome::Unknown),
        (Cause::Broken, Outcome::Unknown),
    ];
    assert_eq!(causes, expected);
    assert!(error.attempts().is_sorted_by_key(|attempt| attempt.at));
    let line = error.to_string();
    assert!(urls.iter().all(|url| line.contains(url)), "{line}");
    assert!(line.starts_with("no endpoint answered: "), "{line}");
}

fn deadline_ends_a_pause(colour: Colour) {
    let refusing = Refusing::new();
    let client = colour.setup([refusing.url()]).policy(|policy| {
        policy.read_deadline = Some(ms(700));
    });
    let (error, took) = timed(|| client.build().send(Get::new("/a")).unwrap_err());
    assert!(took < ms(700) + MARGIN, "{took:?}");
    assert_eq!(error.outcome(), Outcome::NotSent);
}

/// A server that has just been started takes connections before it answers, and carries out later what it was
/// sent meanwhile.
fn a_write_after_an_outage_is_sent_to_who_answers(colour: Colour) {
    let server = Server::healthy_after(3, |peer| {
        peer.request();
        if peer.number < 3 {
            return peer.reset();
        }
        peer.hang();
    });
    let client = colour.setup([server.url()]).policy(|policy| {
        (policy.passes, policy.connect) = (Some(1), Some(ms(300)));
    });
    let client = client.build();
    assert!(matches!(client.send(Get::new("/a")).unwrap_err().kind(), ErrorKind::Unavailable));
    let push = || client.send(Push::new("/queue", "1"));
    assert_eq!(push().unwrap_err().outcome(), Outcome::NotSent);
    push().unwrap();
    push().unwrap();
    let read = "GET /v2/keys/a";
    let write = "POST /v2/keys/queue";
    // The request for the leader timed out, so the server was probed as well.
    let mut lines = server.lines();
    let before = lines.len();
    lines.retain(|line| line != PROBE);
    assert_eq!(lines, [read, read, write, write]);
    assert!(before >= lines.len() + 2, "{:?}", server.lines());
}

fn a_write_after_a_read_that_met_its_deadline_is_sent_to_who_answers(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            if seen.line().starts_with("GET /v2/keys") {
                return peer.reset();
            }
            peer.write(plausible(&seen));
        }
    });
    let client = colour.setup([server.url()]).policy(|policy| {
        policy.read_deadline = Some(ms(700));
    });
    let client = client.build();
    assert_eq!(client.send(Get::new("/a")).unwrap_err().outcome(), Outcome::Unknown);
    let reads = server.count();
    client.send(Push::new("/queue", "1")).unwrap();
    assert_eq!(server.lines()[reads..], [PROBE, "POST /v2/keys/queue"]);
}
