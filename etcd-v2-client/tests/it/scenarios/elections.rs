//! Those who wait for long: what becomes of writes and of quorum reads while one leader follows another.

use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set};

use super::liveness::{PROBE, SOON, answering, client, good, leader, no_leader};
use crate::both::{Colour, GUARDED, WRITES, both, ms, timed};
use crate::server::Server;

both!(
    a_write_from_before_an_election_is_left_soon_after_it,
    what_may_be_repeated_goes_on_after_an_election,
    a_patient_quorum_read_leaves_a_server_that_hangs,
    a_patient_quorum_read_leaves_a_member_without_a_leader,
    endpoint_is_probed_after_a_quorum_read_timed_out,
    a_write_is_watched_over_after_the_question_for_the_leader,
);

/// Has no leader at the first look, and one from then on; never answers anything else.
fn elects() -> Server {
    let looks = AtomicUsize::new(0);
    answering(
        move || if looks.fetch_add(1, Ordering::SeqCst) == 0 { no_leader() } else { leader() },
    )
}

fn a_write_from_before_an_election_is_left_soon_after_it(colour: Colour) {
    for (name, write) in WRITES {
        let (server, other) = (elects(), answering(no_leader));
        let client = client(colour, [&server, &other]);
        let client = client.with(|policy| policy.no_leader = Some(ms(60_000)));
        let (result, took) = timed(|| write(&client));
        assert_eq!(result.unwrap_err().outcome(), Outcome::Unknown, "{name}");
        assert!(took >= ms(1000) && took < SOON, "{name}: {took:?}");
        let writes = server.lines().iter().filter(|line| *line != PROBE).count();
        assert_eq!(writes, 1, "{name}: {:?}", server.lines());
        assert!(other.lines().iter().all(|line| line == PROBE), "{name}: {:?}", other.lines());
    }
}

fn what_may_be_repeated_goes_on_after_an_election(colour: Colour) {
    for (name, write) in GUARDED {
        let (server, other) = (elects(), good());
        let client = client(colour, [&server, &other]);
        let client = client.with(|policy| policy.no_leader = Some(ms(60_000)));
        let (result, took) = timed(|| write(&client));
        assert!(result.is_ok() && took >= ms(1000) && took < SOON, "{name}: {took:?} {result:?}");
        assert_eq!(client.pinned(), other.url(), "{name}");
    }
}

fn a_patient_quorum_read_leaves_a_server_that_hangs(colour: Colour) {
    for read in [Get::new("/a").quorum(), Get::new("/a").quorum().recursive()] {
        let (hung, other) = (Server::hung(), good());
        let client = client(colour, [&hung, &other]);
        let client = client.with(|policy| policy.quorum_head = Some(ms(60_000).into()));
        let (result, took) = timed(|| client.send(read));
        assert!(result.is_ok() && took >= ms(400) && took < SOON, "{took:?} {result:?}");
        assert_eq!((hung.count(), client.pinned()), (2, other.url()), "once, and a probe");
    }
}

fn a_patient_quorum_read_leaves_a_member_without_a_leader(colour: Colour) {
    let (cut_off, other) = (answering(no_leader), good());
    let client = client(colour, [&cut_off, &other]);
    let client = client.with(|policy| policy.quorum_head = Some(ms(60_000).into()));
    let (result, took) = timed(|| client.send(Get::new("/a").quorum()));
    assert!(result.is_ok() && took < SOON, "{took:?} {result:?}");
    assert_eq!(client.pinned(), other.url());
}

fn endpoint_is_probed_after_a_quorum_read_timed_out(colour: Colour) {
    let (hung, other) = (Server::hung(), good());
    let client = client(colour, [&hung, &other]);
    let client = client.with(|policy| policy.quorum_head = Some(ms(900).into()));
    client.send(Get::new("/a").quorum()).unwrap();
    assert_eq!(client.pinned(), other.url());
    hung.until_seen(2);
    assert_eq!(hung.lines(), ["GET /v2/keys/a?quorum=true", PROBE]);
}

fn a_write_is_watched_over_after_the_question_for_the_leader(colour: Colour) {
    let server = Server::start(|peer| {
        // The question and the write come one after the other, the probe on a connection of its own.
        while let Some(seen) = peer.request() {
            if seen.line() != PROBE || peer.number > 1 {
                return peer.hang();
            }
            peer.write(leader());
        }
    });
    let other = good();
    let client = client(colour, [&server, &other]).with(|policy| policy.require_leader = true);
    let (result, took) = timed(|| client.send(Set::new("/a", "1")));
    assert_eq!(result.unwrap_err().outcome(), Outcome::Unknown);
    assert!(took < SOON, "{took:?}");
    assert_eq!(client.pinned(), other.url());
}
