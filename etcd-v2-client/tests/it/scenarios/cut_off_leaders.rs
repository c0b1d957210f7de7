//! A leader that is cut off from its peers and does not step down, as before etcd 3.0: it names itself, accepts
//! waits, and answers neither a write nor a quorum read.

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::proto::AbandonReason;
use etcd_v2_client::{ErrorKind, Outcome};

use super::liveness::{self, PROBE, SOON, answering, probes};
use crate::both::{Colour, GUARDED, Subject, WRITES, both, ms, timed};
use crate::server::{Server, change, etcd, plausible, response};

both!(
    a_write_leaves_a_leader_that_is_cut_off,
    what_may_be_repeated_leaves_a_leader_that_is_cut_off,
    a_watch_leaves_a_leader_that_is_cut_off,
    a_leader_that_no_majority_contradicts_is_waited_for,
    healthy_requests_to_three_endpoints_are_not_probed_for,
);

fn names(leader: &str) -> String {
    response(
        200,
        &["Content-Type: application/json"],
        &format!(r#"{{"id":"{leader}","name":"x"}}"#),
    )
}

/// Names this leader and answers everything.
fn follows(leader: &'static str) -> Server {
    Server::each(move |seen| match seen.line().as_str() {
        PROBE => names(leader),
        line if line.contains("wait=true") => etcd(&change("set", "/a", "1", 41)),
        _ => plausible(seen),
    })
}

/// A client whose probes may take so long that a busy machine does not make an endpoint look dead.
fn client(colour: Colour, servers: [&Server; 3]) -> Subject {
    liveness::client(colour, servers).with(|policy| policy.probe = SOON)
}

fn cut_off() -> Server {
    answering(|| names("1"))
}

fn a_write_leaves_a_leader_that_is_cut_off(colour: Colour) {
    for (name, write) in WRITES {
        let (server, others) = (cut_off(), [follows("2"), follows("2")]);
        let client = client(colour, [&server, &others[0], &others[1]]);
        let (result, took) = timed(|| write(&client));
        let error = result.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{name}: {error}");
        assert!(took >= ms(700) && took < SOON, "{name}: {took:?} {error}");
        let ErrorKind::Failed(failure) = error.kind() else { panic!("{name}: {error}") };
        assert_eq!(failure.abandon_reason(), Some(AbandonReason::OtherLeader), "{name}");
        let text = error.to_string();
        assert!(
            text.contains("most endpoints name another leader than this one"),
            "{name}: {text}"
        );
        assert!(probes(&server) >= 2, "{name}: one disagreement is not enough");
        assert_eq!(server.count(), probes(&server) + 1, "{name}: {:?}", server.lines());
        let written = |other: &Server| other.count() - probes(other);
        assert_eq!(others.each_ref().map(written), [0, 0], "{name}: the outcome is unknown");
        assert_eq!(client.pinned(), others[0].url(), "{name}");
    }
}

fn what_may_be_repeated_leaves_a_leader_that_is_cut_off(colour: Colour) {
    for (name, write) in GUARDED {
        let (server, others) = (cut_off(), [follows("2"), follows("2")]);
        let client = client(colour, [&server, &others[0], &others[1]]);
        let (result, took) = timed(|| write(&client));
        assert!(result.is_ok() && took >= ms(700) && took < SOON, "{name}: {took:?} {result:?}");
        assert_eq!(client.pinned(), others[0].url(), "{name}");
    }
    let (server, others) = (cut_off(), [follows("2"), follows("2")]);
    let client = client(colour, [&server, &others[0], &others[1]]);
    let client = client.with(|policy| policy.quorum_head = Some(ms(60_000).into()));
    let (result, took) = timed(|| client.send(Get::new("/a").quorum()));
    assert!(result.is_ok() && took >= ms(700) && took < SOON, "{took:?} {result:?}");
}

fn a_watch_leaves_a_leader_that_is_cut_off(colour: Colour) {
    let (server, others) = (cut_off(), [follows("2"), follows("2")]);
    let client = client(colour, [&server, &others[0], &others[1]]);
    // A tenth of the default, so that it is compared every second.
    let client = client.with(|policy| policy.watch_probe = Some(ms(100)));
    let ((error, watch), took) = timed(|| client.watch(Wait::new("/a")).error());
    let ErrorKind::Failed(failure) = error.kind() else { panic!("{error}") };
    assert_eq!(failure.abandon_reason(), Some(AbandonReason::OtherLeader), "{error}");
    assert!(error.gap().is_none() && took >= ms(1400) && took < 2 * SOON, "{took:?} {error}");
    assert_eq!(watch.change().0, 41, "from where it was");
    let waits: Vec<_> =
        others.iter().flat_map(Server::lines).filter(|line| line != PROBE).collect();
    assert_eq!(waits, ["GET /v2/keys/a?wait=true&waitIndex=41"]);
}

fn a_leader_that_no_majority_contradicts_is_waited_for(colour: Colour) {
    // Two endpoints; a minority of three; three that name three.
    for others in [&["2"][..], &["1", "2"], &["2", "3"]] {
        let server = cut_off();
        let others: Vec<_> = others.iter().map(|leader| follows(leader)).collect();
        let urls = [&server].into_iter().chain(&others).map(Server::url);
        let setup = colour.setup(urls).policy(|policy| {
            policy.write_head = Some(ms(2500));
            policy.probe = SOON;
        });
        let client = setup.build();
        let (result, took) = timed(|| client.send(Set::new("/a", "1")));
        let error = result.unwrap_err();
        assert!(error.is_timeout() && took >= ms(2500), "{took:?} {error}");
    }
}

fn healthy_requests_to_three_endpoints_are_not_probed_for(colour: Colour) {
    let servers = [follows("1"), follows("2"), follows("2")];
    let client = client(colour, [&servers[0], &servers[1], &servers[2]]);
    // As late as only a machine is that is very busy.
    let client = client.with(|policy| policy.late = Some(ms(3000)));
    for _ in 0..50 {
        client.send(Set::new("/a", "1")).unwrap();
        client.send(Get::new("/a").quorum()).unwrap();
        std::thread::sleep(ms(10));
    }
    assert_eq!(servers.each_ref().map(Server::count), [100, 0, 0]);
}
